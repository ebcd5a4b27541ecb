// Reports in a PostgreSQL that several exporters write at once, or in another database that speaks its protocol and
// dialect. It may be away at any time, and is connected to again without anybody's help.
// Next: report_store_database.h for what it has in common with SQLite; docs/reports.md for what an operator sees.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "exporter/report_store_database.h"

namespace mtasts {

/// Lets nobody wait forever for a peer that is there and says nothing: when the time is over, the socket is shut down,
/// and whoever waits for it finds the connection lost.
class SocketWatch {
 public:
  explicit SocketWatch(std::chrono::milliseconds limit) : limit_{limit} {}
  ~SocketWatch();
  SocketWatch(const SocketWatch&) = delete;
  SocketWatch& operator=(const SocketWatch&) = delete;

  /// Begins to watch. Input: the socket stays open until disarm().
  void arm(int socket);
  /// Ends it; says whether the time was over.
  bool disarm();

 private:
  using Clock = std::chrono::steady_clock;
  void run();

  const std::chrono::milliseconds limit_;  // 0: nothing is watched
  std::mutex mutex_{};
  std::condition_variable changed_{};
  std::optional<Clock::time_point> deadline_{};
  int socket_{-1};
  bool expired_{};
  bool stopping_{};
  std::thread thread_{};  // from the first arm() on
};

/// How long to leave a database alone that could not be used: longer each time, up to 10 seconds.
class RetryPause {
 public:
  using Clock = std::chrono::steady_clock;

  bool is_over(Clock::time_point now) const { return now >= until_; }
  void lengthen(Clock::time_point now);
  void reset() { *this = {}; }

 private:
  Clock::duration length_{};
  Clock::time_point until_{};
};

class PostgresReports final : public ReportDatabase {
 public:
  /// Input: a URL that libpq can take. Errors: StoreError when it cannot. Connects later.
  PostgresReports(const std::string& url, const ReportDatabaseOptions& options);

  long long change_mark(soci::session& sql) override;
  bool holds_more_than(soci::session& sql, long long bytes) override;

 private:
  soci::session& acquire() override;
  void released(bool worked) override;
  const char* begin_reading() const override { return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"; }
  const char* begin_writing() const override { return "BEGIN ISOLATION LEVEL READ COMMITTED"; }
  void lock_out_others(soci::session& sql) override;
  bool gave_way(const soci::soci_error& error) const override;
  StoreError failure(const soci::soci_error& error) override;

  void connect();
  void prepare(soci::session& sql) const;
  void require_ours(soci::session& sql) const;
  void create_or_migrate(soci::session& sql) const;
  std::string words_for(const soci::soci_error& error) const;
  StoreError note_failure(const std::string& reason);

  const std::string name_;  // as people may see it
  const std::string connection_string_;
  const ReportDatabaseOptions options_;
  std::unique_ptr<soci::session> session_{};  // nullptr while there is no connection
  SocketWatch watch_;
  bool too_slow_{};
  RetryPause pause_{};
  std::string last_failure_{};
};

}  // namespace mtasts
