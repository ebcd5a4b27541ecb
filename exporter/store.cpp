// SPDX-License-Identifier: Apache-2.0
#include "exporter/store.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <tuple>
#include <utility>

#include "exporter/database_header.h"
#include "exporter/store_database.h"
#include "exporter/stored_json.h"

namespace mtasts {

std::size_t StoreBatch::size() const {
  return forgotten_domains.size() + forgotten_hosts.size() + domains.size() + hosts.size() + policies.size() +
         episodes.size() + changes.size() + observations.size();
}

std::string database_place_fault(const std::string& path) {
  namespace fs = std::filesystem;
  const std::string name = "'" + path + "' ";
  const fs::path parent = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  std::error_code error;
  if (!fs::is_directory(parent, error) && error != std::errc::permission_denied)
    return name + "cannot be used: the directory " + parent.string() +
           " does not exist; create it and give it to the user that runs mtasts_exporter";
  if (!fs::exists(path, error)) return "";
  if (!fs::is_regular_file(path, error)) return name + "is not a file; name a file, not a directory";
  if (access(path.c_str(), R_OK) != 0)
    return name + "cannot be read: " + std::strerror(errno) + "; check its owner and permissions";
  return "";
}

std::string database_path_fault(const std::string& path) {
  std::string fault = database_place_fault(path);
  if (!fault.empty()) return fault;
  const DatabaseHeader header = DatabaseHeader::of(path);
  if (header.is_empty() || header.is_sqlite() || header.is_ours()) return "";
  return "'" + path +
         "' is not a database of mtasts_exporter, and was left as it is; move the file away or set storage.path to "
         "another file";
}

struct Store::Connection {
  Database database{};
  StoreWarning warn{};
};

namespace {

constexpr int kMostPolicies = 100;  // kept of one domain
constexpr int kMostEpisodes = 200;  // the same
constexpr int kMostChanges = 200;   // the same

std::string joined(const std::vector<std::string>& patterns) {
  std::string text;
  for (const std::string& pattern : patterns) text += (text.empty() ? "" : "\n") + pattern;
  return text;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> patterns;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    patterns.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return patterns;
}

StsMode mode_of(const std::string& word) {
  for (const StsMode mode : {StsMode::enforce, StsMode::testing})
    if (to_string(mode) == word) return mode;
  return StsMode::none;
}

void erase_observation(soci::session& sql, ObservationKind kind, const std::string& name) {
  const std::string word{to_string(kind)};
  sql << "DELETE FROM observation WHERE kind = :kind AND name = :name", soci::use(word), soci::use(name);
}

void erase_domain(soci::session& sql, const std::string& domain) {
  sql << "DELETE FROM domain_state WHERE domain = :domain", soci::use(domain);
  for (const char* table : {"policy_history", "fault_episode", "domain_change"})
    sql << "DELETE FROM " << table << " WHERE domain = :domain", soci::use(domain);
  erase_observation(sql, ObservationKind::domain, domain);
}

void erase_host(soci::session& sql, const std::string& host) {
  sql << "DELETE FROM mx_state WHERE host = :host", soci::use(host);
  erase_observation(sql, ObservationKind::mx_host, host);
}

void write_domains(soci::session& sql, const std::map<std::string, DomainRow>& rows) {
  std::string domain, verdict, memory;
  long long saved_at = 0;
  soci::statement insert =
      (sql.prepare << "INSERT OR REPLACE INTO domain_state VALUES (:domain, :verdict, :memory, :at)", soci::use(domain),
       soci::use(verdict), soci::use(memory), soci::use(saved_at));
  for (const auto& [key, row] : rows) {
    domain = key;
    verdict = render_json(row.verdict);
    memory = render_json(row.memory);
    saved_at = seconds_of(row.saved_at);
    insert.execute(true);
  }
}

void write_hosts(soci::session& sql, const std::map<std::string, MxHostRow>& rows) {
  std::string host, verdict;
  long long saved_at = 0;
  soci::statement insert = (sql.prepare << "INSERT OR REPLACE INTO mx_state VALUES (:host, :verdict, :at)",
                            soci::use(host), soci::use(verdict), soci::use(saved_at));
  for (const auto& [key, row] : rows) {
    host = key;
    verdict = render_json(row.verdict);
    saved_at = seconds_of(row.saved_at);
    insert.execute(true);
  }
}

/// Has the policy been recorded before? Then it has been seen again, which is all that most probes bring.
bool note_policy_seen(soci::session& sql, const PolicyRow& row) {
  const long long last = seconds_of(row.last_seen);
  soci::statement update = (sql.prepare << "UPDATE policy_history SET last_seen = max(last_seen, :last)"
                                           " WHERE domain = :domain AND id = :id AND body_sha256 = :sha256",
                            soci::use(last), soci::use(row.domain), soci::use(row.id), soci::use(row.body_sha256));
  update.execute(true);
  return update.get_affected_rows() > 0;
}

void write_policy(soci::session& sql, const PolicyRow& row) {
  if (note_policy_seen(sql, row)) return;
  const std::string mode{to_string(row.policy.mode)}, mx = joined(row.policy.mx);
  const long long max_age = row.policy.max_age.count();
  const long long first = seconds_of(row.first_seen), last = seconds_of(row.last_seen);
  sql << "INSERT INTO policy_history VALUES (:domain, :id, :sha256, :mode, :max_age, :mx, :first, :last)",
      soci::use(row.domain), soci::use(row.id), soci::use(row.body_sha256), soci::use(mode), soci::use(max_age),
      soci::use(mx), soci::use(first), soci::use(last);
  // A domain may change its policy with every probe; what senders may still hold is among the latest.
  sql << "DELETE FROM policy_history WHERE domain = :domain AND (id, body_sha256) NOT IN (SELECT id, body_sha256"
         " FROM policy_history WHERE domain = :domain2 ORDER BY last_seen DESC, first_seen DESC LIMIT :most)",
      soci::use(row.domain), soci::use(row.domain), soci::use(kMostPolicies);
}

/// A fault that comes and goes with every probe must not fill the disk.
void write_episode(soci::session& sql, const EpisodeRow& row) {
  const FaultEpisode& episode = row.episode;
  const std::string type{to_string(episode.type)};
  const long long began = seconds_of(episode.began), last_seen = seconds_of(episode.last_seen);
  const int open = episode.open ? 1 : 0;
  if (row.withdrawn) {
    sql << "DELETE FROM fault_episode WHERE domain = :domain AND result_type = :type AND host = :host"
           " AND reason = :reason AND began = :began",
        soci::use(row.domain), soci::use(type), soci::use(episode.host), soci::use(episode.reason), soci::use(began);
    return;
  }
  sql << "INSERT OR REPLACE INTO fault_episode VALUES (:domain, :type, :host, :reason, :began, :last, :open)",
      soci::use(row.domain), soci::use(type), soci::use(episode.host), soci::use(episode.reason), soci::use(began),
      soci::use(last_seen), soci::use(open);
  sql << "DELETE FROM fault_episode WHERE domain = :domain AND (result_type, host, reason, began) NOT IN"
         " (SELECT result_type, host, reason, began FROM fault_episode WHERE domain = :domain2"
         " ORDER BY open DESC, last_seen DESC, began DESC LIMIT :most)",
      soci::use(row.domain), soci::use(row.domain), soci::use(kMostEpisodes);
}

void write_change(soci::session& sql, const ChangeRow& row) {
  const std::string kind{to_string(row.change.kind)};
  const long long at = seconds_of(row.change.at);
  sql << "INSERT OR REPLACE INTO domain_change VALUES (:domain, :at, :kind, :before, :after)", soci::use(row.domain),
      soci::use(at), soci::use(kind), soci::use(row.change.before), soci::use(row.change.after);
  sql << "DELETE FROM domain_change WHERE domain = :domain AND (at, kind) NOT IN (SELECT at, kind FROM domain_change"
         " WHERE domain = :domain2 ORDER BY at DESC LIMIT :most)",
      soci::use(row.domain), soci::use(row.domain), soci::use(kMostChanges);
}

void write_observation(soci::session& sql, const ObservationRow& row) {
  const std::string kind{to_string(row.kind)};
  const long long seen_at = seconds_of(row.seen_at), octets = static_cast<long long>(row.content.size());
  sql << "INSERT OR REPLACE INTO observation VALUES (:kind, :name, :at, :octets, :content)", soci::use(kind),
      soci::use(row.name), soci::use(seen_at), soci::use(octets), soci::use(row.content);
}

std::pair<std::string, std::string> key_of(const EpisodeRow& row) {
  const FaultEpisode& episode = row.episode;
  return {row.domain, std::string(to_string(episode.type)) + ' ' + episode.host + ' ' + episode.reason + ' ' +
                          std::to_string(seconds_of(episode.began))};
}

std::pair<std::string, std::string> key_of(const ChangeRow& row) {
  return {row.domain, std::to_string(seconds_of(row.change.at)) + ' ' + std::string(to_string(row.change.kind))};
}

/// Erases the rows of a domain from a map whose keys begin with it. Input: the least key of the domain.
template <class Map>
void erase_rows_of(Map& rows, const std::string& domain, const typename Map::key_type& least) {
  auto row = rows.lower_bound(least);
  while (row != rows.end() && std::get<0>(row->first) == domain) row = rows.erase(row);
}

/// Takes what concerns a domain out of what waits to be written.
void erase_pending(StoreBatch& batch, const std::string& domain) {
  batch.domains.erase(domain);
  batch.observations.erase({ObservationKind::domain, domain});
  erase_rows_of(batch.policies, domain, {domain, "", ""});
  erase_rows_of(batch.episodes, domain, {domain, ""});
  erase_rows_of(batch.changes, domain, {domain, ""});
}

void erase_pending_host(StoreBatch& batch, const std::string& host) {
  batch.hosts.erase(host);
  batch.observations.erase({ObservationKind::mx_host, host});
}

std::size_t octets_of(const StoreBatch& batch) {
  std::size_t octets = 0;
  for (const auto& [key, row] : batch.observations) octets += row.content.size();
  return octets;
}

std::size_t octets_of(const StoreBatch& batch, ObservationKind kind, const std::string& name) {
  const auto row = batch.observations.find({kind, name});
  return row == batch.observations.end() ? 0 : row->second.content.size();
}

using EpisodeKey = std::tuple<std::string, std::string, std::string, std::string, long long>;

std::set<EpisodeKey> standing_in(const std::vector<DomainRow>& rows) {
  std::set<EpisodeKey> keys;
  for (const DomainRow& row : rows) {
    for (const StandingFault& fault : row.memory.standing)
      keys.emplace(row.verdict.domain, to_string(fault.type), fault.host, fault.reason, seconds_of(fault.since));
  }
  return keys;
}

/// An episode that was written just before a crash, and whose domain was not, would be open for ever.
void end_orphans(soci::session& sql, const std::vector<DomainRow>& rows) {
  const std::set<EpisodeKey> standing = standing_in(rows);
  std::vector<EpisodeKey> orphans;
  std::string domain, type, host, reason;
  long long began = 0;
  soci::statement select =
      (sql.prepare << "SELECT domain, result_type, host, reason, began FROM fault_episode WHERE open = 1",
       soci::into(domain), soci::into(type), soci::into(host), soci::into(reason), soci::into(began));
  for (bool more = select.execute(true); more; more = select.fetch()) {
    EpisodeKey key{domain, type, host, reason, began};
    if (!standing.contains(key)) orphans.push_back(std::move(key));
  }
  for (const auto& [of_domain, of_type, of_host, of_reason, since] : orphans) {
    sql << "UPDATE fault_episode SET open = 0 WHERE domain = :domain AND result_type = :type AND host = :host"
           " AND reason = :reason AND began = :began",
        soci::use(of_domain), soci::use(of_type), soci::use(of_host), soci::use(of_reason), soci::use(since);
  }
}

}  // namespace

std::string_view to_string(ObservationKind kind) { return kind == ObservationKind::domain ? "domain" : "mx_host"; }

std::vector<PolicyRow> read_policies(soci::session& sql, std::string_view domain) {
  std::vector<PolicyRow> rows;
  const std::string wanted{domain};
  std::string id, sha256, mode, mx;
  long long max_age = 0, first = 0, last = 0;
  soci::statement select = (sql.prepare << "SELECT id, body_sha256, mode, max_age, mx, first_seen, last_seen"
                                           " FROM policy_history WHERE domain = :domain ORDER BY first_seen, id",
                            soci::use(wanted), soci::into(id), soci::into(sha256), soci::into(mode),
                            soci::into(max_age), soci::into(mx), soci::into(first), soci::into(last));
  for (bool more = select.execute(true); more; more = select.fetch()) {
    StsPolicy policy{mode_of(mode), std::chrono::seconds{max_age}, split(mx)};
    rows.push_back({wanted, id, sha256, std::move(policy), time_of(first), time_of(last)});
  }
  return rows;
}

Store::Store(std::unique_ptr<Connection> connection) : connection_{std::move(connection)} {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Store Store::open(const std::string& path, StoreWarning warn, std::size_t domains) {
  constexpr std::size_t kLeastCache = 2000;   // KiB
  constexpr std::size_t kDomainsPerKib = 32;  // the inner pages of the tables, and their indexes by name
  if (!warn) warn = [](const std::string&) {};
  auto connection = std::make_unique<Connection>();
  connection->warn = warn;
  // A crash of the machine may cost the last seconds: they are probed again.
  open_database(connection->database, path,
                {.synchronous = "NORMAL",
                 .replace_damaged = true,
                 .cache_kib = std::max(kLeastCache, domains / kDomainsPerKib),
                 .warn = warn});
  return Store{std::move(connection)};
}

std::vector<DomainRow> Store::load_domains() {
  return translated(connection_->database, [this] {
    std::vector<DomainRow> rows;
    std::string domain, verdict, memory;
    long long saved_at = 0;
    soci::statement select =
        (connection_->database.sql.prepare << "SELECT domain, verdict, memory, saved_at FROM domain_state",
         soci::into(domain), soci::into(verdict), soci::into(memory), soci::into(saved_at));
    for (bool more = select.execute(true); more; more = select.fetch()) {
      try {
        rows.push_back(
            {domain, parse_domain_verdict_json(verdict), parse_domain_memory_json(memory), time_of(saved_at)});
      } catch (const StoredJsonError& error) {
        connection_->warn("stored state of domain " + domain + " was skipped: " + error.what());
      }
    }
    end_orphans(connection_->database.sql, rows);
    return rows;
  });
}

std::vector<MxHostRow> Store::load_mx_hosts() {
  return translated(connection_->database, [this] {
    std::vector<MxHostRow> rows;
    std::string host, verdict;
    long long saved_at = 0;
    soci::statement select = (connection_->database.sql.prepare << "SELECT host, verdict, saved_at FROM mx_state",
                              soci::into(host), soci::into(verdict), soci::into(saved_at));
    for (bool more = select.execute(true); more; more = select.fetch()) {
      try {
        rows.push_back({host, parse_mx_verdict_json(verdict), time_of(saved_at)});
      } catch (const StoredJsonError& error) {
        connection_->warn("stored state of MX host " + host + " was skipped: " + error.what());
      }
    }
    return rows;
  });
}

std::vector<PolicyRow> Store::policy_history(std::string_view domain) {
  return translated(connection_->database, [&] { return read_policies(connection_->database.sql, domain); });
}

void Store::write(const StoreBatch& batch) {
  soci::session& sql = connection_->database.sql;
  translated(connection_->database, [&] {
    transact(sql, [&] {
      for (const std::string& domain : batch.forgotten_domains) erase_domain(sql, domain);
      for (const std::string& host : batch.forgotten_hosts) erase_host(sql, host);
      write_domains(sql, batch.domains);
      write_hosts(sql, batch.hosts);
      for (const auto& [key, row] : batch.policies) write_policy(sql, row);
      for (const auto& [key, row] : batch.episodes) write_episode(sql, row);
      for (const auto& [key, row] : batch.changes) write_change(sql, row);
      for (const auto& [key, row] : batch.observations) write_observation(sql, row);
    });
  });
}

void Store::save(const DomainRow& row) { write({.domains = {{row.domain, row}}}); }
void Store::save(const MxHostRow& row) { write({.hosts = {{row.host, row}}}); }
void Store::record_policy(const PolicyRow& row) {
  write({.policies = {{std::tuple{row.domain, row.id, row.body_sha256}, row}}});
}
void Store::record(const EpisodeRow& row) { write({.episodes = {{key_of(row), row}}}); }
void Store::record(const ChangeRow& row) { write({.changes = {{key_of(row), row}}}); }
void Store::record(const ObservationRow& row) { write({.observations = {{std::pair{row.kind, row.name}, row}}}); }
void Store::forget(std::string_view domain) { write({.forgotten_domains = {std::string{domain}}}); }
void Store::forget_mx_host(std::string_view host) { write({.forgotten_hosts = {std::string{host}}}); }

StoreWriter::StoreWriter(Store store, StoreWriterOptions options)
    : StoreWriter(
          [shared = std::make_shared<Store>(std::move(store))](const StoreBatch& batch) { shared->write(batch); },
          std::move(options)) {}

StoreWriter::StoreWriter(Sink sink, StoreWriterOptions options)
    : sink_{std::move(sink)}, options_{std::move(options)}, thread_{[this] { run(); }} {}

StoreWriter::~StoreWriter() { stop(); }

/// Applies `change` to what is pending, unless that would make it grow beyond its bound.
template <class Change>
void StoreWriter::enqueue(const Change& change) {
  bool first = false;
  {
    const std::lock_guard lock{mutex_};
    if (stopping_) return;
    if (pending_.size() >= options_.max_pending) {
      ++dropped_;
      return;
    }
    first = pending_.size() == 0;
    change(pending_);
  }
  if (first) wake_.notify_one();  // the others it finds
}

void StoreWriter::save(DomainRow row) {
  enqueue([&](StoreBatch& pending) { pending.domains[row.domain] = std::move(row); });
}

void StoreWriter::save(MxHostRow row) {
  enqueue([&](StoreBatch& pending) { pending.hosts[row.host] = std::move(row); });
}

void StoreWriter::record_policy(PolicyRow row) {
  enqueue([&](StoreBatch& pending) {
    const auto [place, is_new] = pending.policies.try_emplace({row.domain, row.id, row.body_sha256}, row);
    if (!is_new) place->second.last_seen = row.last_seen;
  });
}

void StoreWriter::record(EpisodeRow row) {
  enqueue([&](StoreBatch& pending) { pending.episodes[key_of(row)] = std::move(row); });
}

void StoreWriter::record(ChangeRow row) {
  enqueue([&](StoreBatch& pending) { pending.changes[key_of(row)] = std::move(row); });
}

bool StoreWriter::record(ObservationRow row) {
  bool taken = false;
  enqueue([&](StoreBatch& pending) {
    const std::size_t others = pending_octets_ - octets_of(pending, row.kind, row.name);
    taken = others + row.content.size() <= options_.max_pending_octets;
    if (!taken) {
      ++dropped_;
      return;
    }
    pending_octets_ = others + row.content.size();
    pending.observations[{row.kind, row.name}] = std::move(row);
  });
  return taken;
}

void StoreWriter::forget(const std::string& domain) {
  enqueue([&](StoreBatch& pending) {
    pending_octets_ -= octets_of(pending, ObservationKind::domain, domain);
    erase_pending(pending, domain);
    pending.forgotten_domains.insert(domain);
  });
}

void StoreWriter::forget_mx_host(const std::string& host) {
  enqueue([&](StoreBatch& pending) {
    pending_octets_ -= octets_of(pending, ObservationKind::mx_host, host);
    erase_pending_host(pending, host);
    pending.forgotten_hosts.insert(host);
  });
}

void StoreWriter::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

bool StoreWriter::healthy() const {
  const std::lock_guard lock{mutex_};
  return healthy_;
}

std::uint64_t StoreWriter::dropped() const {
  const std::lock_guard lock{mutex_};
  return dropped_;
}

std::size_t StoreWriter::pending() const {
  const std::lock_guard lock{mutex_};
  return pending_.size();
}

void StoreWriter::run() {
  std::unique_lock lock{mutex_};
  for (bool last = false; !last;) {
    wake_.wait(lock, [this] { return stopping_ || pending_.size() > 0; });
    last = stopping_;
    StoreBatch batch = std::exchange(pending_, {});
    pending_octets_ = 0;
    lock.unlock();
    const bool written = batch.size() == 0 || try_to_write(batch);
    lock.lock();
    if (!written) put_back(std::move(batch));
    if (!last) wake_.wait_for(lock, written ? options_.period : options_.retry, [this] { return stopping_; });
  }
}

/// The same as write() where there is not even the memory to tell of it.
bool StoreWriter::try_to_write(const StoreBatch& batch) {
  try {
    return write(batch);
  } catch (const std::bad_alloc&) {
    return false;
  }
}

/// Returns whether the batch is on disk, and tells when that is news. Runs without the lock.
bool StoreWriter::write(const StoreBatch& batch) {
  std::string error;
  try {
    sink_(batch);
  } catch (const std::exception& failure) {
    error = failure.what();
  }
  bool changed = false;
  {
    const std::lock_guard lock{mutex_};
    changed = std::exchange(healthy_, error.empty()) != error.empty();
  }
  if (changed && options_.on_trouble) options_.on_trouble(error);
  return error.empty();
}

/// Puts a batch that was not written under what has come meanwhile; the newer change wins. Runs with the lock.
void StoreWriter::put_back(StoreBatch failed) {
  for (const std::string& domain : pending_.forgotten_domains) erase_pending(failed, domain);
  for (const std::string& host : pending_.forgotten_hosts) erase_pending_host(failed, host);
  for (auto& [key, row] : pending_.policies) {
    const auto earlier = failed.policies.find(key);
    if (earlier != failed.policies.end()) row.first_seen = earlier->second.first_seen;
  }
  pending_.forgotten_domains.merge(failed.forgotten_domains);
  pending_.forgotten_hosts.merge(failed.forgotten_hosts);
  pending_.domains.merge(failed.domains);
  pending_.hosts.merge(failed.hosts);
  pending_.policies.merge(failed.policies);
  pending_.episodes.merge(failed.episodes);
  pending_.changes.merge(failed.changes);
  pending_.observations.merge(failed.observations);
  pending_octets_ = octets_of(pending_);
}

}  // namespace mtasts
