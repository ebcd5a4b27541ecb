// Rows and totals on disk: retention, and what comes back.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

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

TEST(ReportStore, ReportsAndTotalsComeBack) {
  const TemporaryFolder folder;
  FiledReport report = filed("one", kReportNow);
  report.contents.tally.failures = {{"certificate-expired", "mx.example.org"}};
  {
    ReportStore store = ReportStore::open(folder.file("state.db"));
    store.file({report});
  }
  ReportStore store = ReportStore::open(folder.file("state.db"));
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

TEST(ReportStore, WhatStrangersSendDoesNotHideWhatCounts) {
  const TemporaryFolder folder;
  ReportStore store = ReportStore::open(folder.file("state.db"));
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

TEST(ReportStore, AgeTakesRowsAndNoTotals) {
  const TemporaryFolder folder;
  ReportStore store = ReportStore::open(folder.file("state.db"));
  store.file({filed("old", kReportNow - std::chrono::days{401}), filed("new", kReportNow)});
  expire(store, kReportNow, {});
  EXPECT_THAT(ids(store), testing::ElementsAre("new"));
  EXPECT_EQ(store.totals().domains.at("example.org").sessions.at("sts").successful, 6u);
  EXPECT_EQ(ReportStore::open(folder.file("state.db")).totals(), store.totals());
}

TEST(ReportStore, AClockThatIsAheadTakesNothing) {
  const TemporaryFolder folder;
  ReportStore store = ReportStore::open(folder.file("state.db"));
  store.file({filed("one", kReportNow)});
  expire(store, kReportNow + std::chrono::days{4000}, {});
  EXPECT_THAT(ids(store), testing::ElementsAre("one"));
}

TEST(ReportStore, TimesThatAClockLeftInTheFutureAreLowered) {
  const TemporaryFolder folder;
  ReportStore store = ReportStore::open(folder.file("state.db"));
  FiledReport report = filed("one", kReportNow);
  report.counted_end = kReportNow + std::chrono::days{30};
  report.contents.tally.failures = {{"certificate-expired", "mx.example.org"}};
  store.file({report});
  expire(store, kReportNow, {});
  const DomainReportTotals& totals = store.totals().domains.at("example.org");
  EXPECT_EQ(totals.last_report.at("google.com"), kReportNow);
  EXPECT_EQ(totals.failures.begin()->second, kReportNow);
  EXPECT_EQ(ReportStore::open(folder.file("state.db")).totals(), store.totals());
  EXPECT_TRUE(store.refresh()) << "who shows the totals hears of it";
}

TEST(ReportStore, ADateThatCannotBeIsNotTheLatestReport) {
  const TemporaryFolder folder;
  ReportStore store = ReportStore::open(folder.file("state.db"));
  FiledReport report = filed("one", kReportNow);
  report.counted_end = UnixTime{std::chrono::seconds{-62135510401}};
  store.file({report});
  const DomainReportTotals& totals = store.totals().domains.at("example.org");
  EXPECT_TRUE(totals.last_report.empty());
  EXPECT_EQ(totals.sessions.at("sts").successful, 3u);
}

TEST(ReportStore, WhoOnlyReadsMakesAndChangesNothing) {
  const TemporaryFolder folder;
  const std::string path = folder.file("state.db");
  EXPECT_THROW(ReportStore::open_existing(path), StoreError);
  EXPECT_FALSE(std::filesystem::exists(path));
  ReportStore::open(path).file({filed("one", kReportNow)});
  ReportStore reader = ReportStore::open_existing(path);
  EXPECT_THAT(ids(reader), testing::ElementsAre("one"));
  EXPECT_THROW(reader.file({filed("two", kReportNow)}), StoreError);
}

TEST(ReportStore, SizeTakesTheUncountedFirst) {
  const TemporaryFolder folder;
  ReportStore store = ReportStore::open(folder.file("state.db"));
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

TEST(ReportStore, FailuresLoseTheirHostWhenTheyAreShownNoMore) {
  const TemporaryFolder folder;
  ReportStore store = ReportStore::open(folder.file("state.db"));
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
  EXPECT_EQ(failures(ReportStore::open(folder.file("state.db"))), failures(store)) << "on disk it is the same";
}

TEST(ReportStore, AFailureThatIsHeardOfAgainKeepsItsLaterTime) {
  const TemporaryFolder folder;
  ReportStore store = ReportStore::open(folder.file("state.db"));
  FiledReport old = filed("old", kReportNow);
  old.contents.tally.failures = {{"certificate-expired", "mx1.example.org"}};
  FiledReport later = filed("later", kReportNow);
  later.end = later.counted_end = old.end + std::chrono::days{10};
  later.contents.tally.failures = {{"certificate-expired", ""}};
  store.file({old, later});
  expire(store, later.end, {});
  EXPECT_EQ(store.totals().domains.at("example.org").failures.size(), 1u);
  EXPECT_EQ(last_failure(store.totals().domains.at("example.org")), later.end);
  EXPECT_EQ(last_failure(ReportStore::open(folder.file("state.db")).totals().domains.at("example.org")), later.end);
}

TEST(ReportStore, FailuresGoWhenTheyAreTooOld) {
  const TemporaryFolder folder;
  ReportStore store = ReportStore::open(folder.file("state.db"));
  FiledReport report = filed("one", kReportNow);
  report.contents.tally.failures = {{"certificate-expired", ""}};
  store.file({report});
  expire(store, report.end + kReportedFailureKept, {});
  EXPECT_EQ(store.totals().domains.at("example.org").failures.size(), 1u);
  expire(store, report.end + kReportedFailureKept + std::chrono::seconds{1}, {});
  EXPECT_EQ(store.totals().domains.at("example.org").failures.size(), 0u);
}

TEST(ReportStore, ADatabaseThatIsNotOursIsLeftAlone) {
  const TemporaryFolder folder;
  const std::string path = folder.write("state.db", "something else altogether");
  EXPECT_THROW(ReportStore::open(path), StoreError);
  EXPECT_EQ(std::filesystem::file_size(path), 25u);
}

}  // namespace
}  // namespace mtasts::test
