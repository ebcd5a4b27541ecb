// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_store_postgresql.h"

#include <poll.h>
#include <soci/postgresql/soci-postgresql.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

#include "exporter/postgresql_url.h"
#include "exporter/store_database.h"

namespace mtasts {
namespace {

/// One step per schema version, as in store_database.cpp: append only. `report` has no unique key over the id, which
/// may be longer than an index entry can be (2,704 octets); that nobody else files meanwhile keeps reports unique.
constexpr auto kMigrations = std::to_array<const char*>({
    "CREATE TABLE mtasts_schema (version BIGINT NOT NULL);"
    "INSERT INTO mtasts_schema VALUES (0);"
    "CREATE TABLE report (row BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, domain TEXT NOT NULL,"
    "  submitter TEXT NOT NULL, authenticated INTEGER NOT NULL, counts INTEGER NOT NULL, report_id TEXT NOT NULL,"
    "  organization TEXT NOT NULL, contact TEXT NOT NULL, range_start BIGINT NOT NULL, range_end BIGINT NOT NULL,"
    "  counted_end BIGINT NOT NULL, received BIGINT NOT NULL, digest TEXT NOT NULL, contents TEXT NOT NULL,"
    "  octets BIGINT GENERATED ALWAYS AS (octet_length(contents)) STORED);"
    "CREATE INDEX report_by_range ON report (domain, range_start, range_end);"
    "CREATE INDEX report_by_age ON report (counts, received);"
    "CREATE INDEX report_by_domain_counted ON report (domain, counts);"
    "CREATE INDEX report_octets ON report (octets);"
    "CREATE TABLE report_revision (revision BIGINT NOT NULL);"
    "INSERT INTO report_revision VALUES (0);"
    "CREATE TABLE report_outcomes (outcome TEXT PRIMARY KEY, reports BIGINT NOT NULL);"
    "CREATE TABLE report_sessions (domain TEXT NOT NULL, policy_type TEXT NOT NULL, successful BIGINT NOT NULL,"
    "  failed BIGINT NOT NULL, PRIMARY KEY (domain, policy_type));"
    "CREATE TABLE report_failed (domain TEXT NOT NULL, result_type TEXT NOT NULL, sessions BIGINT NOT NULL,"
    "  PRIMARY KEY (domain, result_type));"
    "CREATE TABLE report_last (domain TEXT NOT NULL, reporter TEXT NOT NULL, range_end BIGINT NOT NULL,"
    "  PRIMARY KEY (domain, reporter));"
    "CREATE TABLE report_failures (domain TEXT NOT NULL, result_type TEXT NOT NULL, reporter TEXT NOT NULL,"
    "  mx TEXT NOT NULL, range_end BIGINT NOT NULL, PRIMARY KEY (domain, result_type, reporter, mx));",
});
constexpr auto kSchema = static_cast<long long>(kMigrations.size());

// "mtst": whoever makes or changes the tables holds this advisory lock.
constexpr long long kSchemaLock = 0x6d747374;

// A transaction whose exporter has gone away must not keep the others out until TCP finds out.
constexpr int kIdleInTransactionMs = 10'000;

PGconn* connection_of(soci::session& sql) {
  return static_cast<soci::postgresql_session_backend*>(sql.get_backend())->conn_;
}

int socket_of(soci::session& sql) { return PQsocket(connection_of(sql)); }

/// libpq would write what a server remarks to standard error, between the lines of the log.
void ignore_notices(soci::session& sql) {
  PQsetNoticeProcessor(
      connection_of(sql), [](void*, const char*) {}, nullptr);
}

/// Has the server hung up, or said something that nobody asked for, as it does before it hangs up?
bool is_spoiled(int socket) {
  pollfd state{.fd = socket, .events = POLLIN, .revents = 0};
  return poll(&state, 1, 0) != 0;
}

/// SQLSTATE, "" where SOCI knows none.
std::string sqlstate_of(const soci::soci_error& error) {
  const auto* of_server = dynamic_cast<const soci::postgresql_soci_error*>(&error);
  return of_server == nullptr ? "" : of_server->sqlstate();
}

/// The words in one line, without what SOCI says of its own doings, such as values of parameters.
std::string reason_of(const soci::soci_error& error) {
  std::istringstream words{error.get_error_message()};
  std::string reason, word;
  while (words >> word) reason += (reason.empty() ? "" : " ") + word;
  for (const std::string_view prefix : {"Cannot establish connection to the database. ", "Cannot execute query. ",
                                        "Cannot prepare statement. ", "Fatal error. "}) {
    if (reason.starts_with(prefix)) reason.erase(0, prefix.size());
  }
  return reason;
}

/// Asked of the view, which sees what others have committed; to_regclass() may know it from a cache only.
bool has_table(soci::session& sql, const std::string& name) {
  int tables = 0;
  sql << "SELECT count(*) FROM pg_tables WHERE schemaname = ANY (current_schemas(false)) AND tablename = :name",
      soci::use(name), soci::into(tables);
  return tables > 0;
}

/// 0 where there is none yet.
long long schema_of(soci::session& sql) {
  long long version = 0;
  if (has_table(sql, "mtasts_schema")) sql << "SELECT version FROM mtasts_schema", soci::into(version);
  return version;
}

void set_milliseconds(soci::session& sql, const char* name, long long value) {
  sql << "SET " << name << " = " << value;
}

std::string newer_schema(long long version) {
  return " was written by a newer mtasts_exporter (schema " + std::to_string(version) + ", this one knows " +
         std::to_string(kSchema) + "); run that version everywhere";
}

}  // namespace

SocketWatch::~SocketWatch() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SocketWatch::arm(int socket) {
  if (limit_.count() == 0) return;
  {
    const std::lock_guard lock{mutex_};
    socket_ = socket;
    expired_ = false;
    deadline_ = Clock::now() + limit_;
  }
  if (!thread_.joinable()) thread_ = std::thread{[this] { run(); }};
  changed_.notify_all();
}

bool SocketWatch::disarm() {
  const std::lock_guard lock{mutex_};
  deadline_.reset();
  return std::exchange(expired_, false);
}

void SocketWatch::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    if (!deadline_) {
      changed_.wait(lock);
    } else if (Clock::now() < *deadline_) {
      changed_.wait_until(lock, Clock::time_point{*deadline_});
    } else {
      shutdown(socket_, SHUT_RDWR);
      expired_ = true;
      deadline_.reset();
    }
  }
}

void RetryPause::lengthen(Clock::time_point now) {
  constexpr Clock::duration kFirst = std::chrono::milliseconds{250}, kLongest = std::chrono::seconds{10};
  length_ = std::clamp(2 * length_, kFirst, kLongest);
  until_ = now + length_;
}

PostgresReports::PostgresReports(const std::string& url, const ReportDatabaseOptions& options)
    : name_{"storage.url '" + shown_postgresql_url(url) + "'"},
      connection_string_{postgresql_connection_string(url)},
      options_{options},
      watch_{options.limit} {
  const std::string fault = postgresql_url_fault(url);
  if (!fault.empty()) throw StoreError(name_ + " cannot be used: " + fault);
}

soci::session& PostgresReports::acquire() {
  if (session_ && is_spoiled(socket_of(*session_))) session_.reset();
  if (!session_) {
    connect();
  } else {
    watch_.arm(socket_of(*session_));
  }
  return *session_;
}

void PostgresReports::released(bool worked) {
  too_slow_ = watch_.disarm();
  if (worked) pause_.reset();
}

/// Connects, unless that has failed a moment ago: then it fails again at once, as it did. The watch is armed then.
void PostgresReports::connect() {
  if (!pause_.is_over(RetryPause::Clock::now())) throw StoreError(last_failure_);
  try {
    session_ = std::make_unique<soci::session>(soci::postgresql, connection_string_);
  } catch (const soci::soci_error& error) {
    throw note_failure(" cannot be reached: " + reason_of(error) +
                       "; check that the server runs and lets this user into this database");
  }
  ignore_notices(*session_);
  watch_.arm(socket_of(*session_));
  try {
    prepare(*session_);
  } catch (const soci::soci_error& error) {
    released(false);
    throw note_failure(words_for(error));
  } catch (const StoreError& error) {
    released(false);
    throw note_failure(error.what());
  }
}

/// Errors: soci_error; StoreError with what comes behind the name.
void PostgresReports::prepare(soci::session& sql) const {
  set_milliseconds(sql, "idle_in_transaction_session_timeout", kIdleInTransactionMs);
  // The server ends a statement a little before the watch cuts the connection.
  if (options_.limit.count() > 0)
    set_milliseconds(sql, "statement_timeout", (options_.limit - options_.limit / 8).count());
  // What is acknowledged is on disk: a server that is set up to promise less is asked for it.
  int relaxed = 0;
  sql << "SELECT count(*) FROM (SELECT current_setting('synchronous_commit', true) AS mode) AS known"
         " WHERE mode = 'off'",
      soci::into(relaxed);
  if (relaxed > 0) sql << "SET synchronous_commit = on";
  require_ours(sql);
  if (options_.existing) {
    sql << "SET default_transaction_read_only = on";
  } else if (schema_of(sql) < kSchema) {
    create_or_migrate(sql);
  }
}

void PostgresReports::require_ours(soci::session& sql) const {
  std::string encoding;
  sql << "SHOW server_encoding", soci::into(encoding);
  if (encoding != "UTF8" && encoding != "SQL_ASCII")
    throw StoreError(" has the encoding " + encoding +
                     ", which cannot hold every report; make it with ENCODING 'UTF8'");
  // In this order: another exporter that makes the tables meanwhile makes both at once.
  const bool has_reports = has_table(sql, "report");
  const long long version = schema_of(sql);
  if (version > kSchema) throw StoreError(newer_schema(version));
  if (version == 0 && has_reports)
    throw StoreError(
        " has a table 'report' of another program, and was left as it is; give the exporter a database of its own");
  if (options_.existing && version < kSchema)
    throw StoreError(version == 0 ? " holds no tables of mtasts_exporter yet; start the daemon, which makes them"
                                  : " was written by an older mtasts_exporter; start this version as the daemon once");
}

/// Several exporters may come here at once: the first one does it.
void PostgresReports::create_or_migrate(soci::session& sql) const {
  transact(
      sql,
      [&] {
        sql << "SELECT pg_advisory_xact_lock(:lock)", soci::use(kSchemaLock);
        for (auto version = static_cast<std::size_t>(schema_of(sql)); version < kMigrations.size(); ++version)
          execute_all(sql, kMigrations[version]);
        sql << "UPDATE mtasts_schema SET version = :version", soci::use(kSchema);
      },
      "BEGIN");
}

/// Takes the one row that every writer takes first. A statement behind it sees all that the last writer has committed.
/// Source: https://www.postgresql.org/docs/current/transaction-iso.html, section 13.2.1.
void PostgresReports::lock_out_others(soci::session& sql) {
  long long version = 0;
  sql << "SELECT version FROM mtasts_schema FOR UPDATE", soci::into(version);
  if (version > kSchema) throw StoreError(name_ + newer_schema(version));
  if (version < kSchema)
    throw StoreError(name_ +
                     " holds other tables than when it was opened; restart the exporter when they are in place");
}

/// Serialization failure, deadlock.
bool PostgresReports::gave_way(const soci::soci_error& error) const {
  const std::string state = sqlstate_of(error);
  return state == "40001" || state == "40P01";
}

/// Whatever went wrong, the next use begins with a new connection: to a server that has become read-only, say, the URL
/// may know an alternative. Only who cannot connect, or gets no answer, waits before that.
StoreError PostgresReports::failure(const soci::soci_error& error) {
  if (too_slow_) return note_failure(words_for(error));
  session_.reset();
  return StoreError(name_ + words_for(error));
}

/// What went wrong, as it stands behind the name.
std::string PostgresReports::words_for(const soci::soci_error& error) const {
  if (!too_slow_) return ": " + reason_of(error);
  return " gave no answer within " + std::to_string(options_.limit.count()) + " ms; check the server and the network";
}

StoreError PostgresReports::note_failure(const std::string& reason) {
  session_.reset();
  pause_.lengthen(RetryPause::Clock::now());
  last_failure_ = name_ + reason;
  return StoreError(last_failure_);
}

/// Every transaction that changes totals changes it.
long long PostgresReports::change_mark(soci::session& sql) {
  long long revision = 0;
  sql << "SELECT revision FROM report_revision", soci::into(revision);
  return revision;
}

/// What a table takes on disk says nothing: rows that were deleted leave room that only new ones take.
bool PostgresReports::holds_more_than(soci::session& sql, long long bytes) {
  long long octets = 0;
  sql << "SELECT coalesce(sum(octets + :each), 0) FROM report", soci::use(kReportRowOctets), soci::into(octets);
  return octets > bytes;
}

}  // namespace mtasts
