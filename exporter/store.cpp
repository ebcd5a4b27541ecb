// SPDX-License-Identifier: Apache-2.0
#include "exporter/store.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "exporter/store_database.h"
#include "exporter/stored_json.h"

namespace mtasts {

std::size_t StoreBatch::size() const {
  return forgotten_domains.size() + forgotten_hosts.size() + domains.size() + hosts.size() + policies.size();
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
  constexpr std::string_view kMagic{"SQLite format 3\0", 16};
  std::ifstream file(path, std::ios::binary);
  std::string start(kMagic.size(), '\0');
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(file.gcount()));
  if (start.empty() || start == kMagic) return "";
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

void erase_domain(soci::session& sql, const std::string& domain) {
  sql << "DELETE FROM domain_state WHERE domain = :domain", soci::use(domain);
  sql << "DELETE FROM policy_history WHERE domain = :domain", soci::use(domain);
}

void erase_host(soci::session& sql, const std::string& host) {
  sql << "DELETE FROM mx_state WHERE host = :host", soci::use(host);
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

void write_policy(soci::session& sql, const PolicyRow& row) {
  const std::string mode{to_string(row.policy.mode)}, mx = joined(row.policy.mx);
  const long long max_age = row.policy.max_age.count();
  const long long first = seconds_of(row.first_seen), last = seconds_of(row.last_seen);
  sql << "INSERT INTO policy_history VALUES (:domain, :id, :sha256, :mode, :max_age, :mx, :first, :last)"
         " ON CONFLICT (domain, id, body_sha256) DO UPDATE SET last_seen = max(last_seen, excluded.last_seen)",
      soci::use(row.domain), soci::use(row.id), soci::use(row.body_sha256), soci::use(mode), soci::use(max_age),
      soci::use(mx), soci::use(first), soci::use(last);
  // A domain may change its policy with every probe; what senders may still hold is among the latest.
  sql << "DELETE FROM policy_history WHERE domain = :domain AND (id, body_sha256) NOT IN (SELECT id, body_sha256"
         " FROM policy_history WHERE domain = :domain2 ORDER BY last_seen DESC, first_seen DESC LIMIT :most)",
      soci::use(row.domain), soci::use(row.domain), soci::use(kMostPolicies);
}

}  // namespace

Store::Store(std::unique_ptr<Connection> connection) : connection_{std::move(connection)} {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Store Store::open(const std::string& path, StoreWarning warn) {
  if (!warn) warn = [](const std::string&) {};
  auto connection = std::make_unique<Connection>();
  connection->warn = warn;
  // A crash of the machine may cost the last seconds: they are probed again.
  open_database(connection->database, path, {.synchronous = "NORMAL", .replace_damaged = true, .warn = warn});
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
  return translated(connection_->database, [&] {
    std::vector<PolicyRow> rows;
    const std::string wanted{domain};
    std::string id, sha256, mode, mx;
    long long max_age = 0, first = 0, last = 0;
    soci::statement select =
        (connection_->database.sql.prepare << "SELECT id, body_sha256, mode, max_age, mx, first_seen, last_seen"
                                              " FROM policy_history WHERE domain = :domain ORDER BY first_seen, id",
         soci::use(wanted), soci::into(id), soci::into(sha256), soci::into(mode), soci::into(max_age), soci::into(mx),
         soci::into(first), soci::into(last));
    for (bool more = select.execute(true); more; more = select.fetch()) {
      StsPolicy policy{mode_of(mode), std::chrono::seconds{max_age}, split(mx)};
      rows.push_back({wanted, id, sha256, std::move(policy), time_of(first), time_of(last)});
    }
    return rows;
  });
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
    });
  });
}

void Store::save(const DomainRow& row) { write({.domains = {{row.domain, row}}}); }
void Store::save(const MxHostRow& row) { write({.hosts = {{row.host, row}}}); }
void Store::record_policy(const PolicyRow& row) {
  write({.policies = {{std::tuple{row.domain, row.id, row.body_sha256}, row}}});
}
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
  {
    const std::lock_guard lock{mutex_};
    if (stopping_) return;
    if (pending_.size() >= options_.max_pending) {
      ++dropped_;
      return;
    }
    change(pending_);
  }
  wake_.notify_one();
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

void StoreWriter::forget(const std::string& domain) {
  enqueue([&](StoreBatch& pending) {
    pending.domains.erase(domain);
    std::erase_if(pending.policies, [&](const auto& policy) { return policy.second.domain == domain; });
    pending.forgotten_domains.insert(domain);
  });
}

void StoreWriter::forget_mx_host(const std::string& host) {
  enqueue([&](StoreBatch& pending) {
    pending.hosts.erase(host);
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
    lock.unlock();
    const bool written = batch.size() == 0 || write(batch);
    lock.lock();
    if (!written) put_back(std::move(batch));
    if (!last) wake_.wait_for(lock, written ? options_.period : options_.retry, [this] { return stopping_; });
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
  for (const std::string& domain : pending_.forgotten_domains) {
    failed.domains.erase(domain);
    std::erase_if(failed.policies, [&](const auto& policy) { return policy.second.domain == domain; });
  }
  for (const std::string& host : pending_.forgotten_hosts) failed.hosts.erase(host);
  for (auto& [key, row] : pending_.policies) {
    const auto earlier = failed.policies.find(key);
    if (earlier != failed.policies.end()) row.first_seen = earlier->second.first_seen;
  }
  pending_.forgotten_domains.merge(failed.forgotten_domains);
  pending_.forgotten_hosts.merge(failed.forgotten_hosts);
  pending_.domains.merge(failed.domains);
  pending_.hosts.merge(failed.hosts);
  pending_.policies.merge(failed.policies);
}

}  // namespace mtasts
