// What only a PostgreSQL can do: be shared by many, be away, say nothing, be somebody else's.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_store_postgresql.h"

#include <gmock/gmock.h>
#include <soci/postgresql/soci-postgresql.h>

#include <csignal>
#include <thread>

#include "exporter/report_store.h"
#include "tests/support/private_postgresql.h"
#include "tests/support/report_maker.h"

namespace mtasts::test {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

FiledReport filed(const std::string& id) {
  const IntakeRules rules{.domains = {"example.org"}};
  return judge_delivery(deliver(make_report(id, 3, 2), "google.com"), rules, kReportNow).reports.at(0);
}

/// What opening fails with, "" when it does not.
std::string open_error(const std::string& url) {
  try {
    ReportStore::open(url);
    return "";
  } catch (const StoreError& error) {
    return error.what();
  }
}

std::string error_of(ReportDatabase& database, const ReportDatabase::Work& work) {
  try {
    database.use(work);
    return "";
  } catch (const StoreError& error) {
    return error.what();
  }
}

void select_one(soci::session& sql) { sql << "SELECT 1"; }

class PostgresqlTest : public testing::Test {
 protected:
  void SetUp() override {
    PrivatePostgresql* server = PrivatePostgresql::instance();
    if (server == nullptr) GTEST_SKIP() << "PostgreSQL is not installed";
    url_ = server->make_database();
  }

  void run_sql(const std::string& statement) {
    soci::session sql{soci::postgresql, url_};
    sql << statement;
  }
  pid_t server_process_of(ReportDatabase& database) {
    int process = 0;
    database.use([&](soci::session& sql) { sql << "SELECT pg_backend_pid()", soci::into(process); });
    return process;
  }

  std::string url_{};
};

TEST_F(PostgresqlTest, ManyFileAtOnceAndEachReportCountsOnce) {
  constexpr int kExporters = 4, kReports = 15;
  std::array<std::vector<ReportOutcome>, kExporters> outcomes;
  std::vector<std::thread> exporters;
  for (int exporter = 0; exporter < kExporters; ++exporter) {
    exporters.emplace_back([this, &outcomes, exporter] {
      ReportStore store = ReportStore::open(url_);  // all of them find an empty database, and make the tables
      for (int i = 0; i < kReports; ++i) {
        const auto found = store.file(
            {filed("shared-" + std::to_string(i)), filed("own-" + std::to_string(exporter) + "-" + std::to_string(i))});
        outcomes[static_cast<std::size_t>(exporter)].insert(outcomes[static_cast<std::size_t>(exporter)].end(),
                                                            found.begin(), found.end());
      }
    });
  }
  for (std::thread& exporter : exporters) exporter.join();
  std::ptrdiff_t counted = 0, duplicates = 0;
  for (const auto& of_exporter : outcomes) {
    counted += std::ranges::count(of_exporter, ReportOutcome::counted);
    duplicates += std::ranges::count(of_exporter, ReportOutcome::duplicate);
  }
  EXPECT_EQ(counted, kReports + kExporters * kReports);
  EXPECT_EQ(duplicates, (kExporters - 1) * kReports);
  const ReportTotals totals = ReportStore::open(url_).totals();
  EXPECT_EQ(totals.domains.at("example.org").sessions.at("sts").successful, 3u * (kReports + kExporters * kReports));
  EXPECT_EQ(totals.outcomes[static_cast<std::size_t>(ReportOutcome::counted)], static_cast<std::uint64_t>(counted));
  EXPECT_EQ(totals.revision, kExporters * kReports);
}

TEST_F(PostgresqlTest, ALostConnectionIsMadeAgainUnnoticed) {
  const auto database = open_report_database(url_, {});
  const pid_t process = server_process_of(*database);
  run_sql("SELECT pg_terminate_backend(" + std::to_string(process) + ", 10000)");
  EXPECT_NE(server_process_of(*database), process);
}

TEST_F(PostgresqlTest, AConnectionThatIsLostInATransactionUndoesIt) {
  ReportStore::open(url_).file({filed("one")});
  const auto database = open_report_database(url_, {});
  EXPECT_THROW(database->write([&](soci::session& sql) {
    sql << "DELETE FROM report";
    sql << "SELECT pg_terminate_backend(pg_backend_pid())";
  }),
               StoreError);
  ReportStore store = ReportStore::open(url_);
  EXPECT_EQ(store.number_of(""), 1u);
}

TEST_F(PostgresqlTest, AServerThatSaysNothingHoldsUpNobodyForLong) {
  const auto database = open_report_database(url_, {.limit = milliseconds{2000}});
  const pid_t process = server_process_of(*database);
  ASSERT_EQ(kill(process, SIGSTOP), 0);
  const std::string error = error_of(*database, select_one);
  EXPECT_THAT(error, HasSubstr("gave no answer within 2000 ms; check the server and the network"));
  EXPECT_EQ(error_of(*database, select_one), error) << "it is left alone for a while";
  kill(process, SIGCONT);
}

TEST_F(PostgresqlTest, AStatementThatTakesLongIsEnded) {
  // The server ends it an eighth of that before the watch would.
  const auto database = open_report_database(url_, {.limit = milliseconds{4000}});
  EXPECT_THAT(error_of(*database, [](soci::session& sql) { sql << "SELECT pg_sleep(60)"; }),
              HasSubstr("canceling statement due to statement timeout"));
}

TEST_F(PostgresqlTest, WhoGaveWayBeginsAgainAndNotForever) {
  const auto database = open_report_database(url_, {});
  int attempts = 0;
  const auto fail_until = [&](int last) {
    return [&attempts, last](soci::session& sql) {
      if (++attempts < last) sql << "DO $$ BEGIN RAISE SQLSTATE '40001'; END $$";
    };
  };
  database->write(fail_until(3));
  EXPECT_EQ(attempts, 3);
  attempts = 0;
  EXPECT_THROW(database->write(fail_until(1000)), StoreError);
  EXPECT_EQ(attempts, 5);
}

TEST_F(PostgresqlTest, AcknowledgedIsOnDiskWhateverTheServerIsSetTo) {
  soci::session sql{soci::postgresql, url_};
  std::string name, mode;
  sql << "SELECT current_database()", soci::into(name);
  sql << "ALTER DATABASE " << name << " SET synchronous_commit = off";
  open_report_database(url_, {})->use(
      [&](soci::session& ours) { ours << "SHOW synchronous_commit", soci::into(mode); });
  EXPECT_EQ(mode, "on");
}

TEST_F(PostgresqlTest, ANewerSchemaIsRefusedAtAnyTime) {
  ReportStore running = ReportStore::open(url_);
  run_sql("UPDATE mtasts_schema SET version = version + 1");
  EXPECT_THAT(open_error(url_), HasSubstr("was written by a newer mtasts_exporter (schema 2, this one knows 1)"));
  EXPECT_THROW(running.file({filed("one")}), StoreError);
  run_sql("UPDATE mtasts_schema SET version = 1");
  EXPECT_EQ(running.file({filed("one")}).front(), ReportOutcome::counted);
}

TEST_F(PostgresqlTest, WithoutTheRowThatWritersLockNothingIsWritten) {
  ReportStore running = ReportStore::open(url_);
  run_sql("DELETE FROM mtasts_schema");
  EXPECT_THROW(running.file({filed("one")}), StoreError);
  EXPECT_EQ(running.number_of(""), 0u);
}

TEST_F(PostgresqlTest, TablesOfSomebodyElseAreLeftAlone) {
  run_sql("CREATE TABLE report (something TEXT)");
  EXPECT_THAT(open_error(url_), HasSubstr("has a table 'report' of another program, and was left as it is"));
  run_sql("SELECT something FROM report");
}

TEST_F(PostgresqlTest, AnEncodingThatCannotHoldReportsIsRefused) {
  const std::string latin = PrivatePostgresql::instance()->make_database("ENCODING 'LATIN1' TEMPLATE template0");
  EXPECT_THAT(open_error(latin), HasSubstr("has the encoding LATIN1"));
}

TEST_F(PostgresqlTest, WhoOnlyReadsSaysWhoMakesTheTables) {
  try {
    ReportStore::open_existing(url_);
    FAIL() << "there are no tables";
  } catch (const StoreError& error) {
    EXPECT_THAT(error.what(), HasSubstr("holds no tables of mtasts_exporter yet; start the daemon, which makes them"));
  }
}

TEST(PostgresqlAway, IsSaidWithoutThePasswordAndTriedAgainLater) {
  ReportStore store = ReportStore::attach("postgresql://mtasts:geheim@127.0.0.1:1/reports");
  EXPECT_FALSE(store.totals().are_known());
  std::string first;
  try {
    store.refresh();
  } catch (const StoreError& error) {
    first = error.what();
  }
  EXPECT_THAT(first, AllOf(HasSubstr("storage.url 'postgresql://mtasts@127.0.0.1:1/reports' cannot be reached: "),
                           HasSubstr("Connection refused"), HasSubstr("; check that the server runs"),
                           Not(HasSubstr("geheim")), Not(HasSubstr("\n"))));
}

TEST(RetryPause, GetsLongerUpToTenSeconds) {
  RetryPause pause;
  RetryPause::Clock::time_point now{};
  EXPECT_TRUE(pause.is_over(now));
  pause.lengthen(now);
  EXPECT_FALSE(pause.is_over(now + milliseconds{249}));
  EXPECT_TRUE(pause.is_over(now + milliseconds{250}));
  for (int i = 0; i < 20; ++i) pause.lengthen(now);
  EXPECT_FALSE(pause.is_over(now + milliseconds{9999}));
  EXPECT_TRUE(pause.is_over(now + milliseconds{10'000}));
  pause.reset();
  EXPECT_TRUE(pause.is_over(now));
}

}  // namespace
}  // namespace mtasts::test
