// SPDX-License-Identifier: Apache-2.0
#include "probes/core/tls_report.h"

#include <fstream>
#include <iterator>

#include "probes/core/catalogue.h"
#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

void expect_catalogued(const std::vector<ParseError>& problems, std::size_t input_size) {
  for (const ParseError& problem : problems) {
    EXPECT_NE(find_code(CodeKind::report_error, problem.code), nullptr) << problem.code;
    EXPECT_LE(problem.offset, input_size);
  }
}

class TlsReportCases : public testing::TestWithParam<Case> {};

TEST_P(TlsReportCases, AreRefusedOrWarnedAbout) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const std::string input = text_of(expected);
  const TlsReportResult result = parse_tls_report(input);
  EXPECT_EQ(codes_of(result.errors), list_of(expected, "errors"));
  EXPECT_EQ(codes_of(result.warnings), list_of(expected, "warnings"));
  EXPECT_EQ(result.report.has_value(), result.errors.empty());
  expect_catalogued(result.errors, input.size());
  expect_catalogued(result.warnings, input.size());
}
INSTANTIATE_TEST_SUITE_P(Data, TlsReportCases, testing::ValuesIn(load_cases("tls_report.yaml")), case_name);

std::string report_file(const std::string& name) {
  std::ifstream stream(std::string(MTASTS_TEST_DATA) + "/tls_reports/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> lines_of(const std::vector<ReportFailure>& failures) {
  std::vector<std::string> lines;
  for (const ReportFailure& failure : failures) {
    lines.push_back(failure.result_type + ' ' + failure.receiving_mx_hostname + ' ' +
                    std::to_string(failure.failed_sessions));
  }
  return lines;
}

void expect_policy(const ReportPolicy& policy, const YAML::Node& expected) {
  EXPECT_EQ(policy.type, expected["type"].as<std::string>());
  EXPECT_EQ(policy.domain, expected["domain"].as<std::string>());
  EXPECT_EQ(std::to_string(policy.successful) + ' ' + std::to_string(policy.failed),
            expected["sessions"].as<std::string>());
  EXPECT_EQ(policy.policy_strings.size(), expected["lines"].as<std::size_t>());
  EXPECT_EQ(policy.mx_hosts.size(), expected["mx_hosts"].as<std::size_t>());
  EXPECT_EQ(lines_of(policy.failures), expected["failures"].as<std::vector<std::string>>(std::vector<std::string>{}));
}

class SenderReports : public testing::TestWithParam<Case> {};

TEST_P(SenderReports, AreReadInFull) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const TlsReportResult result = parse_tls_report(report_file(expected.node["file"].as<std::string>()));
  EXPECT_EQ(codes_of(result.errors), std::vector<std::string>{});
  EXPECT_EQ(codes_of(result.warnings), list_of(expected, "warnings"));
  ASSERT_TRUE(result.report);
  EXPECT_EQ(result.report->organization, text_of(expected, "organization"));
  EXPECT_EQ(result.report->report_id, text_of(expected, "report_id"));
  EXPECT_EQ(std::to_string(result.report->start.time_since_epoch().count()) + ' ' +
                std::to_string(result.report->end.time_since_epoch().count()),
            text_of(expected, "range"));
  ASSERT_EQ(result.report->policies.size(), expected.node["policies"].size());
  for (std::size_t i = 0; i < result.report->policies.size(); ++i)
    expect_policy(result.report->policies[i], expected.node["policies"][i]);
}
INSTANTIATE_TEST_SUITE_P(Data, SenderReports, testing::ValuesIn(load_cases("tls_reports/expected.yaml")), case_name);

TEST(TlsReport, KeepsEveryMemberOfAFailure) {
  const TlsReportResult result = parse_tls_report(report_file("tlsrpt_reporter.json"));
  ASSERT_TRUE(result.report);
  EXPECT_EQ(result.report->contact_info, "postmaster@sender.example");
  EXPECT_EQ(result.report->policies[0].failures[0], (ReportFailure{.result_type = "validation-failure",
                                                                   .sending_mta_ip = "198.51.100.7",
                                                                   .receiving_mx_hostname = "mx1.example.org",
                                                                   .receiving_mx_helo = "mx1.example.org",
                                                                   .receiving_ip = "192.0.2.25",
                                                                   .failed_sessions = 2,
                                                                   .additional_information = "postfix/smtp",
                                                                   .failure_reason_code = "self-signed certificate"}));
}

TEST(TlsReport, ReadsTheOtherNamesOfMembers) {
  const TlsReportResult result = parse_tls_report(report_file("rfc8460_appendix_b.json"));
  ASSERT_TRUE(result.report);
  EXPECT_EQ(result.report->policies[0].failures[2].failure_reason_code, "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED");
}

TEST(TlsReport, ProblemsSayWhereTheyAre) {
  const std::string text = report_file("mimecast.json");
  const TlsReportResult result = parse_tls_report(text);
  ASSERT_EQ(result.warnings.size(), 5U);
  EXPECT_EQ(result.warnings[0].detail, R"(start-datetime "2026-11-23 00:00:00" is not RFC 3339)");
  EXPECT_EQ(result.warnings[2].detail, "policies[0].failure-details[0].sending-mta-ip is null");
  EXPECT_EQ(text.substr(result.warnings[2].offset, 14), "sending-mta-ip");
  EXPECT_EQ(result.warnings[4].detail, "policies[0] describes 3 failed sessions, and its summary says 4");
}

TEST(TlsReport, HostileTextsAreEscapedInProblems) {
  std::string text = report_file("google_no_policy.json");
  text.replace(text.find("no-policy-found"), 15, "\\u001b[2J\\u0000");
  const TlsReportResult result = parse_tls_report(text);
  ASSERT_EQ(result.warnings.size(), 1U);
  EXPECT_EQ(result.warnings[0].detail, R"(policies[0].policy is of the unknown type "\x1b[2J\x00")");
  EXPECT_EQ(result.report->policies[0].type, std::string("\x1b[2J\0", 5));
}

/// The same report with the policies repeated.
std::string repeated(std::size_t policies, const std::string& policy) {
  std::string text = R"({"organization-name":"x","contact-info":"y","report-id":"z","date-range":{)"
                     R"("start-datetime":"2026-01-01T00:00:00Z","end-datetime":"2026-01-01T00:00:00Z"},"policies":[)";
  for (std::size_t i = 0; i < policies; ++i) text += (i > 0 ? "," : "") + policy;
  return text + "]}";
}

TEST(TlsReport, LimitsAreExact) {
  const std::string policy =
      R"({"policy":{"policy-type":"sts","policy-domain":"a.example","policy-string":["a","b"],"mx-host":"c"},)"
      R"("summary":{"total-successful-session-count":0,"total-failure-session-count":0},"failure-details":[null,{}]})";
  const std::string text = repeated(3, policy);
  ReportLimits limits{.max_bytes = text.size(), .max_policies = 3, .max_failures = 6, .max_strings = 9};
  EXPECT_TRUE(parse_tls_report(text, limits).report);
  for (std::size_t ReportLimits::*limit :
       {&ReportLimits::max_policies, &ReportLimits::max_failures, &ReportLimits::max_strings}) {
    ReportLimits less = limits;
    --(less.*limit);
    EXPECT_EQ(codes_of(parse_tls_report(text, less).errors), std::vector<std::string>{"report-too-many"});
  }
  --limits.max_bytes;
  EXPECT_EQ(codes_of(parse_tls_report(text, limits).errors), std::vector<std::string>{"report-too-large"});
}

TEST(TlsReport, LongTextsAreRefusedOnlyWhereTheyAreRead) {
  const std::string text = report_file("fastmail.json");
  const auto with = [&](const std::string& old, const std::string& octets) {
    std::string changed = text;
    return parse_tls_report(changed.replace(changed.find(old), old.size(), octets));
  };
  EXPECT_TRUE(with("Fastmail Pty Ltd", std::string(4096, 'x')).report);
  EXPECT_EQ(codes_of(with("Fastmail Pty Ltd", std::string(4097, 'x')).errors),
            std::vector<std::string>{"report-text-too-long"});
  EXPECT_EQ(codes_of(with("Fastmail Pty Ltd", std::string(2000, 'x') + "\\n" + std::string(2096, 'x')).errors),
            std::vector<std::string>{"report-text-too-long"});
  EXPECT_TRUE(with(R"("b"])", '"' + std::string(10'000, 'x') + "\"]").report);
  EXPECT_EQ(codes_of(with("x-retry", std::string(4097, 'x')).errors), std::vector<std::string>{"report-too-many"});
}

TEST(TlsReport, ManyMembersAreRefused) {
  std::string members;
  for (int i = 0; i < 1000; ++i) members += ",\"" + std::to_string(i) + "\":0";
  const std::string text = "{\"x\":0" + members + "}";
  EXPECT_EQ(codes_of(parse_tls_report(text).errors)[0], "report-too-many");
}

TEST(TlsReport, WarningsAreBounded) {
  const TlsReportResult result = parse_tls_report(repeated(
      500, R"({"policy":null,"summary":{"total-successful-session-count":0,"total-failure-session-count":0}})"));
  EXPECT_TRUE(result.report);
  EXPECT_EQ(result.warnings.size(), 100U);
}

}  // namespace
}  // namespace mtasts::test
