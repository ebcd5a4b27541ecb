// What survives a restart: last verdicts, what is remembered of each domain, and the policy history.
// Next: stored_json.h for the form of a row; store_database.h, the only door to SOCI and SQLite.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "probes/core/classify.h"
#include "probes/core/domain_history.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// Last state of a domain.
struct DomainRow {
  std::string domain{};
  DomainVerdict verdict{};
  DomainMemory memory{};
  UnixTime saved_at{};
};

/// Last state of an MX host.
struct MxHostRow {
  std::string host{};
  MxVerdict verdict{};
  UnixTime saved_at{};
};

/// A policy that a domain served: one row per domain, record id and body. first_seen is kept from the first record.
struct PolicyRow {
  std::string domain{};
  std::string id{};
  std::string body_sha256{};
  StsPolicy policy{};
  UnixTime first_seen{};
  UnixTime last_seen{};

  bool operator==(const PolicyRow&) const = default;
};

/// A fault of a domain over time.
struct EpisodeRow {
  std::string domain{};
  FaultEpisode episode{};
  bool withdrawn{};  // it was our own trouble: the row goes
};

/// Something a domain published became something else.
struct ChangeRow {
  std::string domain{};
  DomainChange change{};
};

/// What the last probe of a domain or an MX host saw, in its stored form.
enum class ObservationKind { domain, mx_host };
std::string_view to_string(ObservationKind kind);

struct ObservationRow {
  ObservationKind kind{ObservationKind::domain};
  std::string name{};
  std::string content{};
  UnixTime seen_at{};
};

/// Changes that become one transaction. What is forgotten is deleted before anything is written.
struct StoreBatch {
  std::set<std::string> forgotten_domains{};
  std::set<std::string> forgotten_hosts{};
  std::map<std::string, DomainRow> domains{};
  std::map<std::string, MxHostRow> hosts{};
  std::map<std::tuple<std::string, std::string, std::string>, PolicyRow> policies{};  // by domain, id, body_sha256
  std::map<std::pair<std::string, std::string>, EpisodeRow> episodes{};  // by domain, and what identifies one of it
  std::map<std::pair<std::string, std::string>, ChangeRow> changes{};    // the same
  std::map<std::pair<ObservationKind, std::string>, ObservationRow> observations{};  // by kind and name

  std::size_t size() const;
};

/// The store cannot be used; what() says what to do about it.
class StoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Why the path cannot be that of our database, as "'PATH' ...", "" when nothing that can be seen without opening the
/// file speaks against it. Makes and changes nothing. Errors: in the result, with what to do.
std::string database_place_fault(const std::string& path);

/// The same, and a look at what the file begins with. Not for a process that has the database open: to close any
/// descriptor of a file gives up all locks that the process has on it (POSIX), SQLite's too, and the next process to
/// close the database would take the write-ahead log away from under us.
/// Source: https://www.sqlite.org/howtocorrupt.html section 2.2.
std::string database_path_fault(const std::string& path);

/// Takes a sentence for the log.
using StoreWarning = std::function<void(const std::string& message)>;

/// One connection to the database; used by one thread at a time.
class Store {
 public:
  /// Opens the database, makes it when it is missing, and brings an old schema up to date. A damaged database of ours
  /// is moved aside to PATH.corrupt with a warning, and an empty one takes its place: monitoring goes on.
  /// Input: for so many domains, so that what leads to a row of theirs stays in memory. Errors: StoreError for a path
  /// that cannot be used and for a file that is not ours, which is never touched.
  static Store open(const std::string& path, StoreWarning warn = {}, std::size_t domains = 0);

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  /// Everything stored. Rows that cannot be read are skipped with a warning; fault episodes that none of the domains
  /// knows of any more end. Errors: StoreError.
  std::vector<DomainRow> load_domains();
  std::vector<MxHostRow> load_mx_hosts();
  /// The policies of a domain, oldest first.
  std::vector<PolicyRow> policy_history(std::string_view domain);

  /// Writes all of it or, with StoreError, nothing.
  void write(const StoreBatch& batch);

  void save(const DomainRow& row);
  void save(const MxHostRow& row);
  void record_policy(const PolicyRow& row);
  void record(const EpisodeRow& row);
  void record(const ChangeRow& row);
  void record(const ObservationRow& row);
  void forget(std::string_view domain);
  void forget_mx_host(std::string_view host);

 private:
  struct Connection;
  explicit Store(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

/// How a StoreWriter works.
struct StoreWriterOptions {
  std::chrono::milliseconds period{std::chrono::seconds{1}};   // between two transactions
  std::chrono::milliseconds retry{std::chrono::seconds{10}};   // after one that failed
  std::size_t max_pending{500'000};                            // further keys are dropped while the disk fails
  std::size_t max_pending_octets{64 * 1024 * 1024};            // of observations, the same
  std::function<void(const std::string& error)> on_trouble{};  // once per change: "" when writing works again
};

/// Writes behind the probes' back, on a thread of its own: changes are coalesced by key (the latest wins) and written
/// as one transaction per period. A disk that fails costs history, never a probe: the changes are kept, bounded, and
/// tried again. Every function may be called from any thread and none waits for the disk, but stop().
class StoreWriter {
 public:
  using Sink = std::function<void(const StoreBatch&)>;  // throws when it could not write

  StoreWriter(Store store, StoreWriterOptions options);
  StoreWriter(Sink sink, StoreWriterOptions options);
  ~StoreWriter();
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  void save(DomainRow row);
  void save(MxHostRow row);
  void record_policy(PolicyRow row);
  void record(EpisodeRow row);
  void record(ChangeRow row);
  /// Returns whether it will be written: false, and counted as dropped, while too much waits for a disk that fails.
  [[nodiscard]] bool record(ObservationRow row);
  void forget(const std::string& domain);
  void forget_mx_host(const std::string& host);

  /// Writes what is pending, once, and ends the thread. Later calls of the functions above do nothing.
  void stop();

  bool healthy() const;           // false after a write that failed, until one works
  std::uint64_t dropped() const;  // changes lost because too many were pending
  std::size_t pending() const;

 private:
  template <class Change>
  void enqueue(const Change& change);
  void run();
  bool try_to_write(const StoreBatch& batch);
  bool write(const StoreBatch& batch);
  void put_back(StoreBatch failed);

  Sink sink_;
  StoreWriterOptions options_;
  mutable std::mutex mutex_{};
  std::condition_variable wake_{};
  StoreBatch pending_{};
  std::size_t pending_octets_{};  // of its observations
  bool stopping_{};
  bool healthy_{true};
  std::uint64_t dropped_{};
  std::thread thread_{};
};

}  // namespace mtasts
