// Bounded words and sums, whatever a report says.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_tally.h"

#include <gmock/gmock.h>

#include "exporter/report_totals.h"

namespace mtasts {
namespace {

using testing::ElementsAre;

ReportUnit unit_of(std::vector<ReportPolicy> policies) {
  return {.domain = "example.org", .policies = std::move(policies)};
}

TEST(ReportTally, KnownReporters) {
  EXPECT_EQ(reporter_of("google.com"), "google.com");
  EXPECT_EQ(reporter_of("smtp.google.com"), "google.com");
  EXPECT_EQ(reporter_of("outlook.com"), "microsoft.com");
  EXPECT_EQ(reporter_of("corp.mail.ru"), "mail.ru");
  EXPECT_EQ(reporter_of("notgoogle.com"), "other");
  EXPECT_EQ(reporter_of("google.com.evil.example"), "other");
  EXPECT_EQ(reporter_of(""), "other");
  for (const std::string_view name : known_reporters()) EXPECT_EQ(reporter_of(name), name);
}

TEST(ReportTally, UnknownWordsAreOther) {
  const ReportTally tally =
      tally_of(unit_of({{.type = "STS",
                         .successful = 5,
                         .failed = 3,
                         .failures = {{.result_type = "certificate-expired", .failed_sessions = 1},
                                      {.result_type = "made-up\"}", .failed_sessions = 2}}},
                        {.type = "x", .successful = 7}}));
  EXPECT_THAT(tally.sessions, ElementsAre(PolicySessions{"other", 7, 0}, PolicySessions{"sts", 5, 3}));
  EXPECT_THAT(tally.failed, ElementsAre(FailedSessions{"certificate-expired", 1}, FailedSessions{"other", 2}));
  EXPECT_THAT(tally.failures, ElementsAre(ReportedFailure{"certificate-expired", ""}, ReportedFailure{"other", ""}));
}

TEST(ReportTally, AFailureThatNobodyHadIsNone) {
  const ReportTally tally =
      tally_of(unit_of({{.type = "sts", .successful = 5, .failures = {{.result_type = "tlsa-invalid"}}}}));
  EXPECT_TRUE(tally.failures.empty());
  EXPECT_TRUE(tally.failed.empty());
}

TEST(ReportTally, HostsAreBoundedAndChecked) {
  ReportPolicy policy{.type = "sts", .failed = 1000};
  for (int i = 0; i < 1000; ++i)
    policy.failures.push_back(
        {.result_type = "validation-failure", .receiving_mx_hostname = "MX" + std::to_string(i) + ".example.org."});
  policy.failures.push_back({.result_type = "validation-failure", .receiving_mx_hostname = "not a host"});
  policy.failures.push_back({.result_type = "certificate-expired", .receiving_mx_hostname = "mx.example.org"});
  const ReportTally tally = tally_of(unit_of({policy}));
  EXPECT_EQ(tally.failures.size(), 66u) << "64 hosts, those beyond them, and one of another type";
  EXPECT_EQ(tally.failures[0], (ReportedFailure{"certificate-expired", "mx.example.org"}));
  EXPECT_EQ(tally.failures[1].mx, "");
  EXPECT_EQ(tally.failures[2].mx, "mx0.example.org");
  DomainReportTotals totals;
  for (int i = 0; i < 300; ++i)
    note_times(totals, {.failures = {{"validation-failure", "mx" + std::to_string(i) + ".example"}}}, "other",
               UnixTime{});
  EXPECT_LE(totals.failures.size(), 65u);
}

TEST(ReportTally, SumsStopAtTheLargestNumber) {
  constexpr std::uint64_t kMost = 9'223'372'036'854'775'807U;
  DomainReportTotals totals;
  for (int i = 0; i < 3; ++i) add_sessions(totals, {.sessions = {{"sts", kMost - 1, 1}}});
  EXPECT_EQ(totals.sessions.at("sts").successful, kMost);
  EXPECT_EQ(totals.sessions.at("sts").failed, 3u);
}

TEST(ReportTally, TheDigestTellsContentsApart) {
  const ReportPolicy policy{.type = "sts", .policy_strings = {"a", "b"}, .successful = 1};
  ReportPolicy shifted = policy;
  shifted.policy_strings = {"ab", ""};
  EXPECT_EQ(digest_of(unit_of({policy})), digest_of(unit_of({policy})));
  EXPECT_NE(digest_of(unit_of({policy})), digest_of(unit_of({shifted})));
  EXPECT_NE(digest_of(unit_of({policy})), digest_of(unit_of({policy, policy})));
}

TEST(ReportTally, TheExcerptIsBounded) {
  ReportPolicy policy{.type = std::string(499, 'x') + "\xC3\xA4", .failures = std::vector<ReportFailure>(90)};
  policy.failures[0].additional_information = std::string(5000, 'y');
  const auto excerpt = excerpt_of(unit_of(std::vector<ReportPolicy>(30, policy)));
  ASSERT_EQ(excerpt.size(), 20u);
  EXPECT_EQ(excerpt[0].type, std::string(499, 'x')) << "half a character is none";
  EXPECT_EQ(excerpt[0].failures[0].additional_information.size(), 500u);
  EXPECT_EQ(excerpt[1].failures.size(), 10u);
  EXPECT_EQ(excerpt[2].failures.size(), 0u);
}

TEST(ReportTally, TheExcerptsTextsAreBoundedTogether) {
  const ReportPolicy policy{.type = "sts",
                            .policy_strings = std::vector<std::string>(100, std::string(1000, 'x')),
                            .mx_hosts = std::vector<std::string>(100, std::string(1000, 'y'))};
  std::size_t octets = 0;
  for (const ReportPolicy& kept : excerpt_of(unit_of(std::vector<ReportPolicy>(100, policy)))) {
    octets += kept.type.size();
    for (const auto* texts : {&kept.policy_strings, &kept.mx_hosts}) {
      for (const std::string& text : *texts) octets += text.size();
    }
  }
  EXPECT_EQ(octets, 32u * 1024);
}

TEST(ReportTally, NoReportTakesASumToItsEnd) {
  constexpr std::uint64_t kMost = 9'223'372'036'854'775'807U;
  ReportPolicy policy{.type = "sts", .successful = kMost, .failed = kMost};
  policy.failures.push_back({.result_type = "validation-failure", .failed_sessions = kMost});
  const ReportTally tally = tally_of(unit_of({policy, policy}));
  EXPECT_EQ(tally.sessions, (std::vector<PolicySessions>{{"sts", 10'000'000'000, 10'000'000'000}}));
  EXPECT_EQ(tally.failed, (std::vector<FailedSessions>{{"validation-failure", 10'000'000'000}}));
}

}  // namespace
}  // namespace mtasts
