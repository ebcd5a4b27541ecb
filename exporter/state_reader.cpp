// SPDX-License-Identifier: Apache-2.0
#include "exporter/state_reader.h"

#include "exporter/store_database.h"
#include "exporter/stored_json.h"
#include "exporter/stored_observation.h"

namespace mtasts {

struct StateReader::State {
  Database database{};
};

namespace {

/// A row that cannot be read is as good as none: the next probe writes it anew.
template <class Parse>
auto parsed(Parse parse) -> std::optional<decltype(parse())> {
  try {
    return parse();
  } catch (const StoredJsonError&) {
    return std::nullopt;
  }
}

std::optional<ResultType> result_type_of(std::string_view word) {
  for (std::size_t i = 0; i < kResultTypeCount; ++i) {
    const auto type = static_cast<ResultType>(i);
    if (to_string(type) == word) return type;
  }
  return std::nullopt;
}

std::optional<ChangeKind> change_kind_of(std::string_view word) {
  for (const ChangeKind kind : {ChangeKind::policy, ChangeKind::policy_id, ChangeKind::mx_set})
    if (to_string(kind) == word) return kind;
  return std::nullopt;
}

std::optional<std::string> observation_of(soci::session& sql, ObservationKind kind, std::string_view name) {
  const std::string word{to_string(kind)}, wanted{name};
  std::string content;
  sql << "SELECT content FROM observation WHERE kind = :kind AND name = :name", soci::use(word), soci::use(wanted),
      soci::into(content);
  return sql.got_data() ? std::optional(std::move(content)) : std::nullopt;
}

}  // namespace

StateReader::StateReader(std::unique_ptr<State> state) : state_{std::move(state)} {}
StateReader::StateReader(StateReader&&) noexcept = default;
StateReader& StateReader::operator=(StateReader&&) noexcept = default;
StateReader::~StateReader() = default;

StateReader StateReader::open(const std::string& path) {
  auto state = std::make_unique<State>();
  open_database(state->database, path, {.existing = true});
  return StateReader{std::move(state)};
}

std::optional<DomainRow> StateReader::domain(std::string_view name) {
  return translated(state_->database, [&]() -> std::optional<DomainRow> {
    const std::string wanted{name};
    std::string verdict, memory;
    long long saved_at = 0;
    soci::session& sql = state_->database.sql;
    sql << "SELECT verdict, memory, saved_at FROM domain_state WHERE domain = :domain", soci::use(wanted),
        soci::into(verdict), soci::into(memory), soci::into(saved_at);
    if (!sql.got_data()) return std::nullopt;
    return parsed([&] {
      return DomainRow{wanted, parse_domain_verdict_json(verdict), parse_domain_memory_json(memory), time_of(saved_at)};
    });
  });
}

std::optional<MxHostRow> StateReader::mx_host(std::string_view host) {
  return translated(state_->database, [&]() -> std::optional<MxHostRow> {
    const std::string wanted{host};
    std::string verdict;
    long long saved_at = 0;
    soci::session& sql = state_->database.sql;
    sql << "SELECT verdict, saved_at FROM mx_state WHERE host = :host", soci::use(wanted), soci::into(verdict),
        soci::into(saved_at);
    if (!sql.got_data()) return std::nullopt;
    return parsed([&] { return MxHostRow{wanted, parse_mx_verdict_json(verdict), time_of(saved_at)}; });
  });
}

std::vector<PolicyRow> StateReader::policies(std::string_view domain) {
  return translated(state_->database, [&] { return read_policies(state_->database.sql, domain); });
}

std::vector<FaultEpisode> StateReader::episodes(std::string_view domain) {
  return translated(state_->database, [&] {
    std::vector<FaultEpisode> episodes;
    const std::string wanted{domain};
    std::string type, host, reason;
    long long began = 0, last_seen = 0;
    int open = 0;
    soci::statement select =
        (state_->database.sql.prepare << "SELECT result_type, host, reason, began, last_seen, open FROM fault_episode"
                                         " WHERE domain = :domain ORDER BY open DESC, last_seen DESC, began DESC",
         soci::use(wanted), soci::into(type), soci::into(host), soci::into(reason), soci::into(began),
         soci::into(last_seen), soci::into(open));
    for (bool more = select.execute(true); more; more = select.fetch()) {
      if (const auto known = result_type_of(type))
        episodes.push_back({*known, host, reason, time_of(began), time_of(last_seen), open != 0});
    }
    return episodes;
  });
}

std::vector<DomainChange> StateReader::changes(std::string_view domain) {
  return translated(state_->database, [&] {
    std::vector<DomainChange> changes;
    const std::string wanted{domain};
    std::string kind, before, after;
    long long at = 0;
    soci::statement select =
        (state_->database.sql.prepare << "SELECT at, kind, before, after FROM domain_change"
                                         " WHERE domain = :domain ORDER BY at DESC, kind",
         soci::use(wanted), soci::into(at), soci::into(kind), soci::into(before), soci::into(after));
    for (bool more = select.execute(true); more; more = select.fetch()) {
      if (const auto known = change_kind_of(kind)) changes.push_back({time_of(at), *known, before, after});
    }
    return changes;
  });
}

std::optional<DomainObservation> StateReader::observation(std::string_view domain) {
  return translated(state_->database, [&]() -> std::optional<DomainObservation> {
    const auto content = observation_of(state_->database.sql, ObservationKind::domain, domain);
    if (!content) return std::nullopt;
    return parsed([&] { return parse_domain_observation(*content); });
  });
}

std::optional<MxHostObservation> StateReader::mx_observation(std::string_view host) {
  return translated(state_->database, [&]() -> std::optional<MxHostObservation> {
    const auto content = observation_of(state_->database.sql, ObservationKind::mx_host, host);
    if (!content) return std::nullopt;
    return parsed([&] { return parse_mx_host_observation(*content); });
  });
}

}  // namespace mtasts
