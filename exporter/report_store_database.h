// The database that holds reports: the SQLite file of storage.path, or the PostgreSQL of storage.url, which several
// exporters share. What the two do not have in common is here; every other SQL text is one for both.
// Next: report_store.cpp, which uses it; report_store_postgresql.h for the second one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <soci/soci.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "exporter/store.h"

namespace mtasts {

/// How a database of reports is used.
struct ReportDatabaseOptions {
  bool existing{};                    // it must be there, of the current schema, and is not changed
  std::chrono::milliseconds limit{};  // of PostgreSQL: how long one use may take; 0 for any time
};

// Beside its contents a report takes so much: other columns, row header, index entries.
constexpr int kReportRowOctets = 600;

/// Used by one thread at a time. Every function may throw StoreError, and what was in a transaction has not happened
/// then, unless the connection was lost during the commit: nobody can know that of a remote database.
class ReportDatabase {
 public:
  using Work = std::function<void(soci::session& sql)>;

  ReportDatabase() = default;
  virtual ~ReportDatabase() = default;
  ReportDatabase(const ReportDatabase&) = delete;
  ReportDatabase& operator=(const ReportDatabase&) = delete;

  /// Runs statements, each on its own.
  void use(const Work& work);
  /// Runs statements that see one state of the database.
  void read(const Work& work);
  /// Runs statements that take effect together or not at all, and beside which nobody else writes, in this process or
  /// another. Runs `work` again when the database gave way to somebody else: it must begin afresh each time.
  void write(const Work& work);

  /// A number that has changed when others may have written since it was asked for.
  virtual long long change_mark(soci::session& sql) = 0;
  /// Do the reports take more than so much of ReportRetention::database_bytes? What is kept of probes does not count.
  virtual bool holds_more_than(soci::session& sql, long long bytes) = 0;

 protected:
  /// A connection that can be used now; released() follows. Errors: StoreError.
  virtual soci::session& acquire() = 0;
  virtual void released(bool /*worked*/) {}
  virtual const char* begin_reading() const = 0;
  virtual const char* begin_writing() const = 0;
  /// Makes sure, at the start of a transaction that writes, that no other one does.
  virtual void lock_out_others(soci::session&) {}
  /// Was the transaction undone only because of another one?
  virtual bool gave_way(const soci::soci_error&) const { return false; }
  /// Turns SOCI's words into ours, and makes up for the damage. Nobody outside the stores sees SOCI.
  virtual StoreError failure(const soci::soci_error& error) = 0;

 private:
  void run(const Work& work);
};

/// Opens the database that `where` names: the path of a file, or the URL of a PostgreSQL, which is connected to when it
/// is first used and whenever it was lost. Errors: StoreError.
std::unique_ptr<ReportDatabase> open_report_database(const std::string& where, const ReportDatabaseOptions& options);

}  // namespace mtasts
