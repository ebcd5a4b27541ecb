// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_store_database.h"

#include "exporter/postgresql_url.h"
#include "exporter/report_store_postgresql.h"
#include "exporter/store_database.h"

namespace mtasts {
namespace {

constexpr int kMostAttempts = 5;

class SqliteReports final : public ReportDatabase {
 public:
  SqliteReports(const std::string& path, const ReportDatabaseOptions& options) {
    open_database(database_, path, {.synchronous = "FULL", .existing = options.existing});
  }

  long long change_mark(soci::session& sql) override { return pragma(sql, "data_version"); }

  /// The whole file is measured at once; only if it is too large, the reports in it are looked at one by one.
  bool holds_more_than(soci::session& sql, long long bytes) override {
    const long long pages = pragma(sql, "page_count") - pragma(sql, "freelist_count");
    if (pages * pragma(sql, "page_size") <= bytes) return false;
    long long octets = 0;
    sql << "SELECT coalesce(sum(length(CAST(contents AS BLOB)) + :each), 0) FROM report", soci::use(kReportRowOctets),
        soci::into(octets);
    return octets > bytes;
  }

 private:
  soci::session& acquire() override { return database_.sql; }
  const char* begin_reading() const override { return "BEGIN"; }
  const char* begin_writing() const override { return "BEGIN IMMEDIATE"; }
  StoreError failure(const soci::soci_error& error) override { return translation_of(database_, error); }

  Database database_{};
};

}  // namespace

void ReportDatabase::run(const Work& work) {
  soci::session& sql = acquire();
  try {
    work(sql);
  } catch (...) {
    released(false);
    throw;
  }
  released(true);
}

void ReportDatabase::use(const Work& work) {
  try {
    run(work);
  } catch (const soci::soci_error& error) {
    throw failure(error);
  }
}

void ReportDatabase::read(const Work& work) {
  use([&](soci::session& sql) {
    transact(
        sql, [&] { work(sql); }, begin_reading());
  });
}

void ReportDatabase::write(const Work& work) {
  const auto locked = [&](soci::session& sql) {
    lock_out_others(sql);
    work(sql);
  };
  for (int attempt = 1;; ++attempt) {
    try {
      return run([&](soci::session& sql) {
        transact(
            sql, [&] { locked(sql); }, begin_writing());
      });
    } catch (const soci::soci_error& error) {
      if (attempt == kMostAttempts || !gave_way(error)) throw failure(error);
    }
  }
}

std::unique_ptr<ReportDatabase> open_report_database(const std::string& where, const ReportDatabaseOptions& options) {
  if (is_postgresql_url(where)) return std::make_unique<PostgresReports>(where, options);
  return std::make_unique<SqliteReports>(where, options);
}

}  // namespace mtasts
