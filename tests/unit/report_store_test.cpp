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
  store.expire(kReportNow, {});
  EXPECT_THAT(ids(store), testing::ElementsAre("new"));
  EXPECT_EQ(store.totals().domains.at("example.org").sessions.at("sts").successful, 6u);
  EXPECT_EQ(ReportStore::open(folder.file("state.db")).totals(), store.totals());
}

TEST(ReportStore, SizeTakesTheUncountedFirst) {
  const TemporaryFolder folder;
  ReportStore store = ReportStore::open(folder.file("state.db"));
  std::vector<FiledReport> reports;
  for (int i = 0; i < 50; ++i) reports.push_back(filed("counts-" + std::to_string(i), kReportNow));
  for (int i = 0; i < 1000; ++i) reports.push_back(filed("not-" + std::to_string(i), kReportNow, false));
  store.file(reports);
  store.expire(kReportNow, {.database_bytes = 300'000});
  EXPECT_EQ(ids(store).size(), 50u);
  store.expire(kReportNow, {.database_bytes = 1});
  EXPECT_EQ(ids(store).size(), 0u);
  EXPECT_EQ(store.totals().domains.at("example.org").sessions.at("sts").successful, 150u);
}

TEST(ReportStore, FailuresGoWhenTheyAreShownNoMore) {
  const TemporaryFolder folder;
  ReportStore store = ReportStore::open(folder.file("state.db"));
  FiledReport report = filed("one", kReportNow);
  report.contents.tally.failures = {{"certificate-expired", ""}};
  store.file({report});
  store.expire(report.end + kReportedFailureShown, {});
  EXPECT_EQ(store.totals().domains.at("example.org").failures.size(), 1u);
  store.expire(report.end + kReportedFailureShown + std::chrono::seconds{1}, {});
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
