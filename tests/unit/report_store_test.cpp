// Rows and totals on disk, in either database: retention, and what comes back.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exporter/store.h"
#include "tests/support/private_postgresql.h"
#include "tests/support/report_maker.h"
#include "tests/support/temporary_folder.h"

namespace mtasts::test {
namespace {

FiledReport filed(const std::string& id, UnixTime received, bool counts = true) {
  IntakeRules rules{.domains = {"example.org"}};
  JudgedDelivery judged = judge_delivery(deliver(make_report(id, 3, 2), counts ? "google.com" : ""), rules, received);
  return judged.reports.at(0);
}

void expire(ReportStore& store, UnixTime now, const ReportRetention& retention) {
  while (store.expire(now, retention)) {
  }
}

std::vector<std::string> ids(ReportStore& store) {
  std::vector<std::string> found;
  store.for_each("", 100, [&](const FiledReport& report) { found.push_back(report.report_id); });
  return found;
}

/// Runs on a SQLite file and on a PostgreSQL, with the same results.
class ReportStoreTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (GetParam() == std::string_view{"sqlite"}) {
      where_ = folder_.file("state.db");
    } else if (PrivatePostgresql* server = PrivatePostgresql::instance()) {
      where_ = server->make_database();
    } else {
      GTEST_SKIP() << "PostgreSQL is not installed";
    }
  }

  TemporaryFolder folder_{};
  std::string where_{};
};
INSTANTIATE_TEST_SUITE_P(On, ReportStoreTest, testing::Values("sqlite", "postgresql"),
                         [](const auto& place) { return std::string{place.param}; });

TEST_P(ReportStoreTest, ReportsAndTotalsComeBack) {
  FiledReport report = filed("one", kReportNow);
  report.contents.tally.failures = {{"certificate-expired", "mx.example.org"}};
  {
    ReportStore store = ReportStore::open(where_);
    store.file({report});
  }
  ReportStore store = ReportStore::open(where_);
  std::vector<FiledReport> found;
  store.for_each("example.org", 10, [&](const FiledReport& each) { found.push_back(each); });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].submitter, "google.com");
  EXPECT_EQ(found[0].start, report.start);
  EXPECT_EQ(found[0].received, kReportNow);
  EXPECT_EQ(found[0].contents, report.contents);
  const DomainReportTotals& totals = store.totals().domains.at("example.org");
  EXPECT_EQ(totals.sessions.at("sts").failed, 2u);
  EXPECT_EQ(totals.failures.at({"certificate-expired", "google.com", "mx.example.org"}), report.end);
  EXPECT_THAT(store.domains(), testing::ElementsAre("example.org"));
}

/// Could a process of its own lock the database for itself alone, as SQLite does before it removes the log?
bool others_find_unlocked(const std::string& path) {
  constexpr off_t kSharedFirst = 0x40000002,
                  kSharedSize = 510;  // SHARED_FIRST, SHARED_SIZE of SQLite's os.h
  const pid_t child = fork();
  if (child == 0) {
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = kSharedFirst;
    lock.l_len = kSharedSize;
    _exit(file >= 0 && fcntl(file, F_SETLK, &lock) == 0 ? 1 : 0);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status != 0;
}

TEST_P(ReportStoreTest, WhatStrangersSendDoesNotHideWhatCounts) {
  ReportStore store = ReportStore::open(where_);
  store.file({filed("counted", kReportNow)});
  for (const char* id : {"a", "b", "c"}) {
    FiledReport uncounted = filed(id, kReportNow);
    uncounted.counts = false;
    store.file({uncounted});
  }
  std::vector<std::string> found;
  store.for_each_counted("example.org", 1, [&](const FiledReport& report) { found.push_back(report.report_id); });
  EXPECT_EQ(found, std::vector<std::string>{"counted"});
}

TEST(ReportStore, OpeningItLeavesTheLocksOfTheOtherStore) {
  const TemporaryFolder folder;
  const std::string path = folder.file("state.db");
  Store state = Store::open(path);
  EXPECT_FALSE(others_find_unlocked(path));
  ReportStore reports = ReportStore::open(path);
  EXPECT_FALSE(others_find_unlocked(path));
}

TEST_P(ReportStoreTest, AgeTakesRowsAndNoTotals) {
  ReportStore store = ReportStore::open(where_);
  store.file({filed("old", kReportNow - std::chrono::days{401}), filed("new", kReportNow)});
  expire(store, kReportNow, {});
  EXPECT_THAT(ids(store), testing::ElementsAre("new"));
  EXPECT_EQ(store.totals().domains.at("example.org").sessions.at("sts").successful, 6u);
  EXPECT_EQ(ReportStore::open(where_).totals(), store.totals());
}

TEST_P(ReportStoreTest, AClockThatIsAheadTakesNothing) {
  ReportStore store = ReportStore::open(where_);
  store.file({filed("one", kReportNow)});
  expire(store, kReportNow + std::chrono::days{4000}, {});
  EXPECT_THAT(ids(store), testing::ElementsAre("one"));
}

TEST_P(ReportStoreTest, TimesThatAClockLeftInTheFutureAreLowered) {
  ReportStore store = ReportStore::open(where_);
  FiledReport report = filed("one", kReportNow);
  report.counted_end = kReportNow + std::chrono::days{30};
  report.contents.tally.failures = {{"certificate-expired", "mx.example.org"}};
  store.file({report});
  expire(store, kReportNow, {});
  const DomainReportTotals& totals = store.totals().domains.at("example.org");
  EXPECT_EQ(totals.last_report.at("google.com"), kReportNow);
  EXPECT_EQ(totals.failures.begin()->second, kReportNow);
  EXPECT_EQ(ReportStore::open(where_).totals(), store.totals());
  EXPECT_TRUE(store.refresh()) << "who shows the totals hears of it";
}

TEST_P(ReportStoreTest, ADateThatCannotBeIsNotTheLatestReport) {
  ReportStore store = ReportStore::open(where_);
  FiledReport report = filed("one", kReportNow);
  report.counted_end = UnixTime{std::chrono::seconds{-62135510401}};
  store.file({report});
  const DomainReportTotals& totals = store.totals().domains.at("example.org");
  EXPECT_TRUE(totals.last_report.empty());
  EXPECT_EQ(totals.sessions.at("sts").successful, 3u);
}

TEST_P(ReportStoreTest, WhoOnlyReadsMakesAndChangesNothing) {
  EXPECT_THROW(ReportStore::open_existing(where_), StoreError);
  EXPECT_FALSE(std::filesystem::exists(where_));
  ReportStore::open(where_).file({filed("one", kReportNow)});
  ReportStore reader = ReportStore::open_existing(where_);
  EXPECT_THAT(ids(reader), testing::ElementsAre("one"));
  EXPECT_THROW(reader.file({filed("two", kReportNow)}), StoreError);
  EXPECT_THAT(ids(reader), testing::ElementsAre("one"));
}

TEST_P(ReportStoreTest, SizeTakesTheUncountedFirst) {
  ReportStore store = ReportStore::open(where_);
  std::vector<FiledReport> reports;
  for (int i = 0; i < 50; ++i) reports.push_back(filed("counts-" + std::to_string(i), kReportNow));
  for (int i = 0; i < 1000; ++i) reports.push_back(filed("not-" + std::to_string(i), kReportNow, false));
  store.file(reports);
  expire(store, kReportNow, {.database_bytes = 300'000});
  EXPECT_EQ(ids(store).size(), 50u);
  expire(store, kReportNow, {.database_bytes = 1});
  EXPECT_EQ(ids(store).size(), 0u);
  EXPECT_EQ(store.totals().domains.at("example.org").sessions.at("sts").successful, 150u);
}

TEST(ReportStore, WhatIsKeptOfProbesTakesNoReportsPlace) {
  TemporaryFolder folder;
  const std::string path = folder.file("state.db");
  ReportStore reports = ReportStore::open(path);
  reports.file({filed("one", kReportNow)});
  Store store = Store::open(path);
  store.save(DomainRow{.domain = "example.org", .memory = {.policy_id = std::string(200'000, 'x')}});
  expire(reports, kReportNow, {.database_bytes = 100'000});
  EXPECT_THAT(ids(reports), testing::ElementsAre("one"));
}

TEST_P(ReportStoreTest, FailuresLoseTheirHostWhenTheyAreShownNoMore) {
  ReportStore store = ReportStore::open(where_);
  FiledReport report = filed("one", kReportNow);
  report.contents.tally.failures = {{"certificate-expired", "mx1.example.org"}, {"certificate-expired", ""}};
  store.file({report});
  const auto failures = [](const ReportStore& of) { return of.totals().domains.at("example.org").failures; };
  expire(store, report.end + kReportedFailureShown, {});
  EXPECT_EQ(failures(store).size(), 2u);
  expire(store, report.end + kReportedFailureShown + std::chrono::seconds{1}, {});
  ASSERT_EQ(failures(store).size(), 1u);
  EXPECT_EQ(std::get<2>(failures(store).begin()->first), "");
  EXPECT_EQ(last_failure(store.totals().domains.at("example.org")), report.end);
  EXPECT_EQ(failures(ReportStore::open(where_)), failures(store)) << "on disk it is the same";
}

TEST_P(ReportStoreTest, AFailureThatIsHeardOfAgainKeepsItsLaterTime) {
  ReportStore store = ReportStore::open(where_);
  FiledReport old = filed("old", kReportNow);
  old.contents.tally.failures = {{"certificate-expired", "mx1.example.org"}};
  FiledReport later = filed("later", kReportNow);
  later.end = later.counted_end = old.end + std::chrono::days{10};
  later.contents.tally.failures = {{"certificate-expired", ""}};
  store.file({old, later});
  expire(store, later.end, {});
  EXPECT_EQ(store.totals().domains.at("example.org").failures.size(), 1u);
  EXPECT_EQ(last_failure(store.totals().domains.at("example.org")), later.end);
  EXPECT_EQ(last_failure(ReportStore::open(where_).totals().domains.at("example.org")), later.end);
}

TEST_P(ReportStoreTest, FailuresGoWhenTheyAreTooOld) {
  ReportStore store = ReportStore::open(where_);
  FiledReport report = filed("one", kReportNow);
  report.contents.tally.failures = {{"certificate-expired", ""}};
  store.file({report});
  expire(store, report.end + kReportedFailureKept, {});
  EXPECT_EQ(store.totals().domains.at("example.org").failures.size(), 1u);
  expire(store, report.end + kReportedFailureKept + std::chrono::seconds{1}, {});
  EXPECT_EQ(store.totals().domains.at("example.org").failures.size(), 0u);
}

TEST_P(ReportStoreTest, WhatOthersFiledMeanwhileIsSeen) {
  ReportStore one = ReportStore::open(where_);
  ReportStore other = ReportStore::open(where_);
  EXPECT_FALSE(one.refresh());
  FiledReport elsewhere = filed("elsewhere", kReportNow);
  elsewhere.domain = "example.net";
  EXPECT_EQ(other.file({filed("first", kReportNow), elsewhere}),
            (std::vector{ReportOutcome::counted, ReportOutcome::counted}));
  // Without a look in between: what is filed adds up with what is there, and the rest is read with the next look.
  EXPECT_EQ(one.file({filed("first", kReportNow), filed("second", kReportNow)}),
            (std::vector{ReportOutcome::duplicate, ReportOutcome::counted}));
  EXPECT_EQ(one.totals().domains.at("example.org").sessions.at("sts").successful, 6u);
  EXPECT_TRUE(one.refresh());
  EXPECT_TRUE(other.refresh());
  EXPECT_FALSE(one.refresh());
  EXPECT_EQ(one.totals(), other.totals());
  EXPECT_EQ(one.totals(), ReportStore::open(where_).totals());
  EXPECT_EQ(one.totals().domains.at("example.net").sessions.at("sts").successful, 3u);
  EXPECT_EQ(one.totals().outcomes[static_cast<std::size_t>(ReportOutcome::counted)], 3u);
  EXPECT_EQ(one.totals().outcomes[static_cast<std::size_t>(ReportOutcome::duplicate)], 1u);
}

TEST_P(ReportStoreTest, TimesOnlyRiseWhateverAnotherHasForgotten) {
  ReportStore one = ReportStore::open(where_);
  ReportStore other = ReportStore::open(where_);
  FiledReport report = filed("one", kReportNow);
  report.contents.tally.failures = {{"certificate-expired", "mx1.example.org"}};
  one.file({report});
  other.refresh();
  expire(one, report.end + kReportedFailureShown + std::chrono::seconds{1}, {});  // its host is gone, `other` has it
  FiledReport late = filed("late", kReportNow);
  late.end = late.counted_end = report.end - std::chrono::days{2};
  late.contents.tally.failures = {{"certificate-expired", ""}};
  other.file({late});
  EXPECT_EQ(last_failure(ReportStore::open(where_).totals().domains.at("example.org")), report.end);
}

TEST_P(ReportStoreTest, ALongIdIsStillAnId) {
  ReportStore store = ReportStore::open(where_);
  std::string id(4000, '\0');
  for (std::size_t i = 0; i < id.size(); ++i) id[i] = static_cast<char>('!' + (i * i * 31 + i / 7) % 90);
  EXPECT_EQ(store.file({filed(id, kReportNow), filed(id, kReportNow), filed(id + "!", kReportNow)}),
            (std::vector{ReportOutcome::counted, ReportOutcome::duplicate, ReportOutcome::counted}));
}

TEST(ReportStore, ADatabaseThatIsNotOursIsLeftAlone) {
  const TemporaryFolder folder;
  const std::string path = folder.write("state.db", "something else altogether");
  EXPECT_THROW(ReportStore::open(path), StoreError);
  EXPECT_EQ(std::filesystem::file_size(path), 25u);
}

}  // namespace
}  // namespace mtasts::test
