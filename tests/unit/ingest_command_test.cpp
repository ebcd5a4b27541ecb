// Files, directories and standard input into a real database, and out again by day.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/ingest_command.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <sstream>

#include "exporter/report_history.h"
#include "tests/support/temporary_folder.h"

namespace mtasts::test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string report_of(const std::string& id, const std::string& day, int failed) {
  return R"({"organization-name":"Sender","report-id":")" + id + R"(","date-range":{"start-datetime":")" + day +
         R"(T00:00:00Z","end-datetime":")" + day +
         R"(T23:59:59Z"},"policies":[{"policy":{"policy-type":"sts","policy-domain":"example.org"},"summary":)"
         R"({"total-successful-session-count":10,"total-failure-session-count":)" +
         std::to_string(failed) +
         R"(},"failure-details":[{"result-type":"certificate-expired","failed-session-count":)" +
         std::to_string(failed) + "}]}]}";
}

class IngestTest : public testing::Test {
 protected:
  int ingest(const std::string& input, const std::string& standard_input = "") {
    std::istringstream in{standard_input};
    std::ostringstream out, err;
    const int status = run_ingest({{input}, config_}, in, out, err);
    output_ = out.str();
    errors_ = err.str();
    return status;
  }
  std::string history(const std::string& since = "") {
    std::ostringstream out, err;
    EXPECT_EQ(run_export({config_, since}, out, err), 0) << err.str();
    return out.str();
  }

  TemporaryFolder folder_{};
  std::string config_{folder_.write("config.yaml",
                                    "domains: [example.org]\ntlsrpt: {accept_unauthenticated: true}\n"
                                    "storage: {path: state.db}\n")};
  std::string output_{};
  std::string errors_{};
};

TEST_F(IngestTest, ADirectoryInSortedOrderWithoutItsLinks) {
  folder_.write("in/b.json", report_of("two", "2026-01-02", 1));
  folder_.write("in/a/z.json", report_of("one", "2026-01-01", 1));
  folder_.write("outside.json", report_of("three", "2026-01-03", 1));
  std::filesystem::create_symlink(folder_.file("outside.json"), folder_.file("in/c.json"));
  std::filesystem::create_directory_symlink(folder_.file("in"), folder_.file("in/loop"));
  EXPECT_EQ(ingest(folder_.file("in")), 0) << errors_;
  EXPECT_EQ(output_, folder_.file("in/a/z.json") + ": counted: example.org: report one of Sender\n" +
                         folder_.file("in/b.json") + ": counted: example.org: report two of Sender\n");
  EXPECT_THAT(errors_, HasSubstr("in/c.json: left out"));
  EXPECT_THAT(errors_, HasSubstr("in/loop: left out"));
}

TEST_F(IngestTest, ARefusedReportIsToldAndNeverStopsTheNext) {
  folder_.write("in/1.json", "{");
  folder_.write("in/2.json", report_of("one", "2026-01-01", 1));
  folder_.write("in/3.json", report_of("one", "2026-01-01", 2));
  EXPECT_EQ(ingest(folder_.file("in")), 1);
  EXPECT_THAT(output_, HasSubstr("1.json: invalid: "));
  EXPECT_THAT(output_, HasSubstr("2.json: counted: "));
  EXPECT_THAT(output_, HasSubstr("3.json: conflict: "));
  EXPECT_EQ(ingest(folder_.file("in/2.json")), 0) << "a duplicate is not refused";
}

TEST_F(IngestTest, StandardInputAndTextsThatAttackATerminal) {
  EXPECT_EQ(ingest("-", report_of(R"(\u001b[2Jx)", "2026-01-01", 1)), 0);
  EXPECT_THAT(output_, HasSubstr("-: counted"));
  EXPECT_THAT(output_, Not(HasSubstr("\x1b")));
}

TEST_F(IngestTest, WhatCannotBeUsedIsNamed) {
  EXPECT_EQ(ingest(folder_.file("missing.json")), 1);
  EXPECT_THAT(errors_, HasSubstr("missing.json: cannot be read"));
  folder_.write("config.yaml", "domains: [example.org]\nstorage: {path: no/such/state.db}\n");
  EXPECT_EQ(ingest(folder_.file("missing.json")), 1);
  EXPECT_THAT(errors_, HasSubstr("storage.path"));
}

TEST_F(IngestTest, TheDatabaseItselfIsNoInput) {
  folder_.write("one.json", report_of("one", "2026-01-01", 1));
  EXPECT_EQ(ingest(folder_.file(".")), 1);
  for (const char* name : {"state.db", "state.db-wal", "state.db-shm"})
    EXPECT_THAT(errors_, HasSubstr(std::string{name} + ": belongs to the database of storage.path"));
  EXPECT_THAT(output_, HasSubstr("one.json: counted: "));
}

TEST_F(IngestTest, TheHistoryIsByTheDayOfTheReport) {
  folder_.write("in/1.json", report_of("one", "2026-01-01", 1));
  folder_.write("in/2.json", report_of("two", "2026-01-01", 2));
  folder_.write("in/3.json", report_of("three", "2026-01-02", 4));
  ASSERT_EQ(ingest(folder_.file("in")), 0);
  const std::string text = history();
  const std::string series = "{domain=\"example.org\",policy_type=\"sts\",result=\"failure\",reporter=\"other\"}";
  EXPECT_THAT(text, HasSubstr("mtasts_tlsrpt_daily_sessions" + series + " 3 1767268800\n" +
                              "mtasts_tlsrpt_daily_sessions" + series + " 4 1767355200\n"));
  EXPECT_THAT(text, HasSubstr("mtasts_tlsrpt_daily_reports{domain=\"example.org\",reporter=\"other\"} 2 1767268800\n"));
  EXPECT_THAT(text, testing::EndsWith("# EOF\n"));
  EXPECT_THAT(history("1s"), Not(HasSubstr("} 2 "))) << "nothing of the last second";
  std::ostringstream out, err;
  EXPECT_EQ(run_export({config_, "soon"}, out, err), 1);
  EXPECT_THAT(err.str(), HasSubstr("--since=soon is no duration"));
}

/// Debian 12's promtool makes blocks of it, and finds every sample in them again.
TEST_F(IngestTest, PromtoolTakesTheHistory) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "promtool is not installed";
  for (int day = 1; day <= 9; ++day)
    folder_.write("in/" + std::to_string(day), report_of(std::to_string(day), "2026-01-0" + std::to_string(day), day));
  ASSERT_EQ(ingest(folder_.file("in")), 0);
  folder_.write("history.om", history());
  const std::string data = folder_.file("data"), log = folder_.file("log");
  const std::string import =
      "promtool tsdb create-blocks-from openmetrics " + folder_.file("history.om") + " " + data + " >" + log + " 2>&1";
  ASSERT_EQ(std::system(import.c_str()), 0) << std::ifstream{log}.rdbuf();
  std::filesystem::create_directories(data + "/wal");  // where promtool's reader looks
  // Newer versions want a folder data/ to work in.
  const std::string dump = "cd " + folder_.file(".") + " && promtool tsdb dump " + data + " >" + log + " 2>&1";
  ASSERT_EQ(std::system(dump.c_str()), 0) << std::ifstream{log}.rdbuf();
  std::ostringstream samples;
  samples << std::ifstream{log}.rdbuf();
  for (int day = 1; day <= 9; ++day)
    EXPECT_THAT(samples.str(),
                HasSubstr(std::to_string(day) + " " + std::to_string(1767268800 + (day - 1) * 86400) + "000\n"));
}

}  // namespace
}  // namespace mtasts::test
