// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_reader.h"

#include <fstream>
#include <iterator>

#include "exporter/gzip_stream.h"
#include "probes/core/catalogue.h"
#include "probes/net/sha256.h"
#include "tests/support/cases.h"
#include "tests/support/mail_forms.h"

namespace mtasts::test {
namespace {

std::string report_text() {
  std::ifstream stream(std::string(MTASTS_TEST_DATA) + "/tls_reports/google.json", std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string outcome_of(const ReadReport& report) {
  if (report.result.report) return report.result.report->report_id;
  return std::string(report.result.errors.at(0).code);
}

class ReportMailCases : public testing::TestWithParam<Case> {};

TEST_P(ReportMailCases, AreTakenApart) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const ReadReports read =
      read_reports(message_of(text_of(expected, "message"), report_text()), {.authserv_id = "mx.example.org"});
  std::vector<std::string> outcomes;
  std::vector<std::string> vouchers;
  for (const ReadReport& report : read.reports) {
    outcomes.push_back(outcome_of(report));
    vouchers.push_back(report.voucher.domain);
    EXPECT_NE(report.voucher.domain.empty(), report.voucher.doubt.empty());
  }
  EXPECT_EQ(outcomes, list_of(expected, "reports"));
  EXPECT_EQ(vouchers, list_of(expected, "vouchers"));
  EXPECT_EQ(codes_of(read.errors), list_of(expected, "errors"));
}
INSTANTIATE_TEST_SUITE_P(Data, ReportMailCases, testing::ValuesIn(load_cases("report_mail.yaml")), case_name);

TEST(ReportReader, ReadsBareJsonAndGzip) {
  const std::string json = report_text();
  for (const std::string& input : {json, gzip(json), "\xef\xbb\xbf" + json, "\r\n" + json}) {
    const ReadReports read = read_reports(input, {.authserv_id = "mx.example.org"});
    ASSERT_EQ(read.reports.size(), 1U);
    EXPECT_EQ(outcome_of(read.reports[0]), "2026-11-23T00:00:00Z_example.org");
    EXPECT_EQ(read.reports[0].voucher.domain, "");
    EXPECT_NE(read.reports[0].voucher.doubt, "");
    EXPECT_TRUE(read.errors.empty());
  }
}

TEST(ReportReader, TheDigestIsOfTheUnpackedText) {
  const std::string json = report_text();
  EXPECT_EQ(read_reports(gzip(json), {}).reports[0].sha256, sha256_hex(json));
  const std::string mail =
      "Content-Type: application/tlsrpt+json\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64(json);
  EXPECT_EQ(read_reports(mail, {}).reports[0].sha256, sha256_hex(json));
}

TEST(ReportReader, RefusesWhatIsNoReport) {
  const std::pair<std::string, std::string> inputs[] = {
      {"hello", "report-not-json"},
      {"{", "report-not-json"},
      {"[]", "report-not-object"},
      {std::string("\xff\xfe{\0", 4), "report-not-utf8"},
      {std::string(1000, '\0'), "report-not-json"},
      {gzip("hello"), "report-not-json"},
      {gzip(gzip("{}")), "report-not-utf8"},
      {"\x1f\x8b\x08", "report-gzip"},
      {gzip("{}").substr(0, 20), "report-gzip"},
  };
  for (const auto& [input, code] : inputs) {
    const ReadReports read = read_reports(input, {});
    ASSERT_EQ(read.reports.size(), 1U) << code;
    EXPECT_EQ(outcome_of(read.reports[0]), code);
  }
  EXPECT_EQ(codes_of(read_reports("", {}).errors), std::vector<std::string>{"report-not-found"});
}

TEST(ReportReader, WarnsOfWhatFollowsTheGzipData) {
  const ReadReports read = read_reports(gzip(report_text()) + "x", {});
  EXPECT_EQ(codes_of(read.reports.at(0).result.warnings), std::vector<std::string>{"report-gzip-trailing"});
  EXPECT_TRUE(read.reports[0].result.report);
}

TEST(ReportReader, LimitsAreExact) {
  const std::string json = report_text();
  ReaderOptions options{.limits = {.max_bytes = json.size()}, .max_input_bytes = json.size()};
  EXPECT_TRUE(read_reports(json, options).reports[0].result.report);
  EXPECT_TRUE(read_reports(gzip(json), options).reports[0].result.report);
  --options.limits.max_bytes;
  EXPECT_EQ(outcome_of(read_reports(json, options).reports[0]), "report-too-large");
  EXPECT_EQ(outcome_of(read_reports(gzip(json), options).reports[0]), "report-too-large");
  --options.max_input_bytes;
  EXPECT_EQ(codes_of(read_reports(json, options).errors), std::vector<std::string>{"report-too-large"});
}

std::string multipart(std::size_t parts, const std::string& part) {
  std::string mail = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (std::size_t i = 0; i < parts; ++i) mail += "--b\r\n" + part + "\r\n";
  return mail + "--b--\r\n";
}

TEST(ReportReader, PartsAreBounded) {
  const std::string part = "Content-Type: application/json\r\n\r\n{}";
  const ReadReports enough = read_reports(multipart(100, part), {});
  EXPECT_EQ(enough.reports.size(), 100U);
  EXPECT_TRUE(enough.errors.empty());
  const ReadReports many = read_reports(multipart(101, part), {});
  EXPECT_EQ(many.reports.size(), 100U);
  EXPECT_EQ(codes_of(many.errors), std::vector<std::string>{"report-mail-limits"});
  const ReadReports parts = read_reports(multipart(3000, "Content-Type: text/plain\r\n\r\n{}"), {});
  EXPECT_EQ(codes_of(parts.errors), std::vector<std::string>{"report-mail-limits"});
}

TEST(ReportReader, TheReportsOfOneMailShareItsLimits) {
  const std::string part = "Content-Type: application/tlsrpt+json\r\n\r\n" + report_text();
  ReaderOptions options;
  options.limits.max_bytes = 2 * report_text().size() + 10;
  const ReadReports read = read_reports(multipart(3, part), options);
  ASSERT_EQ(read.reports.size(), 3U);
  EXPECT_TRUE(read.reports[1].result.report);
  EXPECT_EQ(codes_of(read.reports[2].result.errors), std::vector<std::string>{"report-too-large"});
}

TEST(ReportReader, WhatAMimeParserWouldKeepIsBounded) {
  const std::string end = "Content-Type: application/tlsrpt+json\r\n\r\n" + report_text();
  const auto fields = [](const std::string& field) {
    std::string many;
    for (int i = 0; i < 60'000; ++i) many += field;
    return many;
  };
  for (const std::string& start :
       {fields("!:\r\n"), fields("\xe9:\n"), fields("a :\n"), "Subject: " + std::string(2'000'000, 'x') + "\r\n",
        "Subject:" + multipart(4001, "x") + "\r\n"}) {
    const ReadReports read = read_reports("From: a@b.example\r\n" + start + end, {});
    EXPECT_EQ(read.reports.size(), 0U);
    EXPECT_EQ(codes_of(read.errors), std::vector<std::string>{"report-mail-limits"});
  }
}

TEST(ReportReader, ALongBodyIsNoHeader) {
  const std::string header = "Content-Type: application/tlsrpt+json\r\n\r\n";
  std::string json = report_text();
  json.insert(1, "\"x\":\"" + std::string(2'000'000, 'x') + "\",\n  \"y\":1,");
  EXPECT_TRUE(read_reports(header + json, {}).reports.at(0).result.report);
}

TEST(ReportReader, DepthIsBounded) {
  const auto nested = [](std::size_t depth) {
    std::string mail;
    for (std::size_t i = 0; i < depth; ++i) mail += "Content-Type: message/rfc822\r\n\r\n";
    return mail + "Content-Type: application/tlsrpt+json\r\n\r\n" + report_text();
  };
  EXPECT_EQ(read_reports(nested(10), {}).reports.size(), 1U);
  const ReadReports deep = read_reports(nested(11), {});
  EXPECT_EQ(deep.reports.size(), 0U);
  EXPECT_EQ(codes_of(deep.errors), std::vector<std::string>{"report-mail-limits"});
}

}  // namespace
}  // namespace mtasts::test
