// SPDX-License-Identifier: Apache-2.0
#include "exporter/fault_history.h"

#include <gtest/gtest.h>

namespace mtasts {
namespace {

using namespace std::chrono_literals;

constexpr UnixTime kNow{std::chrono::seconds{1'800'000'000}};
constexpr UnixTime kSince = kNow - 48h;

FaultEpisode episode(ResultType type, const std::string& host, UnixTime last_seen, bool open = false) {
  return {type, host, "expired", last_seen - 1h, last_seen, open};
}

FiledReport report(UnixTime end, std::vector<ReportFailure> failures) {
  FiledReport filed{.domain = "example.org", .counts = true, .counted_end = end};
  filed.contents.policies.push_back({.type = "sts", .failures = std::move(failures)});
  return filed;
}

DomainVerdict verdict(std::vector<Fault> faults) {
  DomainVerdict made{.domain = "example.org"};
  made.faults = std::move(faults);
  return made;
}

using Faults = std::vector<PastFault>;

TEST(FaultHistory, ProbeAndReportOfOneFaultMeet) {
  const DomainRecord record{.watched_since = kNow - 240h,
                            .episodes = {episode(ResultType::certificate_expired, "mx.example.org", kNow - 20h)},
                            .reports = {report(kNow - 10h, {{.result_type = "certificate-expired",
                                                             .receiving_mx_hostname = "MX.example.org.",
                                                             .failed_sessions = 3}}),
                                        report(kNow - 34h, {{.result_type = "certificate-expired",
                                                             .receiving_mx_hostname = "mx.example.org",
                                                             .failed_sessions = 4}})}};
  EXPECT_EQ(fault_history(verdict({}), record, kSince, kNow),
            (FaultHistory{.since = kSince,
                          .watched_since = kNow - 240h,
                          .last_report = kNow - 10h,
                          .reports = 2,
                          .faults = Faults{{"certificate-expired", "mx.example.org", "expired", false, kNow - 20h,
                                            kNow - 10h, 7}}}));
}

TEST(FaultHistory, WhatEndedBeforeIsLeftOut) {
  const DomainRecord record{
      .episodes = {episode(ResultType::certificate_expired, "mx.example.org", kSince - 1s)},
      .reports = {report(kSince - 1s, {{.result_type = "certificate-expired", .failed_sessions = 3}})}};
  const FaultHistory history = fault_history(verdict({}), record, kSince, kNow);
  EXPECT_EQ(history.faults, Faults{});
  EXPECT_EQ(history.reports, 0u);
  EXPECT_EQ(history.last_report, std::nullopt);
}

TEST(FaultHistory, WhatStandsComesFirst) {
  const DomainRecord record{.episodes = {episode(ResultType::certificate_expired, "mx.example.org", kNow - 30h, true),
                                         episode(ResultType::sts_policy_invalid, "mta-sts.example.org", kNow - 1h)}};
  const auto now = verdict({{ResultType::certificate_expired, "mx.example.org", "expired", ""}});
  EXPECT_EQ(fault_history(now, record, kSince, kNow).faults,
            (Faults{{"certificate-expired", "mx.example.org", "expired", true, kNow, std::nullopt, 0},
                    {"sts-policy-invalid", "mta-sts.example.org", "expired", false, kNow - 1h, std::nullopt, 0}}));
}

TEST(FaultHistory, ReportsOfThePolicyNameNoHost) {
  const DomainRecord record{.reports = {report(kNow - 10h, {{.result_type = "sts-webpki-invalid",
                                                             .receiving_mx_hostname = "mx.example.org",
                                                             .failed_sessions = 1}})}};
  EXPECT_EQ(fault_history(verdict({}), record, kSince, kNow).faults,
            (Faults{{"sts-webpki-invalid", "mta-sts.example.org", "", false, std::nullopt, kNow - 10h, 1}}));
}

TEST(FaultHistory, StrangeWordsAndManyHostsAreBounded) {
  std::vector<ReportFailure> failures;
  for (int i = 0; i < 5000; ++i) {
    failures.push_back({.result_type = "odd\x1b[2J" + std::to_string(i),
                        .receiving_mx_hostname = "h" + std::to_string(i) + ".example.org",
                        .failed_sessions = 1});
  }
  const FaultHistory history =
      fault_history(verdict({}), {.reports = {report(kNow - 10h, std::move(failures))}}, kSince, kNow);
  EXPECT_EQ(history.faults.size(), 100u);
  EXPECT_EQ(history.faults.front().result_type, "other");
}

TEST(FaultHistory, ReportsThatDoNotCountSayNothing) {
  FiledReport unauthenticated = report(kNow - 1h, {{.result_type = "certificate-expired", .failed_sessions = 3}});
  unauthenticated.counts = false;
  EXPECT_EQ(fault_history(verdict({}), {.reports = {unauthenticated}}, kSince, kNow), (FaultHistory{.since = kSince}));
}

}  // namespace
}  // namespace mtasts
