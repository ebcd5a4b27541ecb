// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <sstream>

namespace mtasts::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kReports = std::string(MTASTS_TEST_DATA) + "/tls_reports/";

struct Ran {
  int status{};
  std::string out{};
  std::string err{};
};

Ran run(std::vector<std::string> files, OutputFormat format, const std::string& input = "") {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  const int status = run_report({std::move(files), format}, in, out, err);
  return {status, out.str(), err.str()};
}

TEST(ReportCommand, AsJson) {
  const Ran ran = run({kReports + "google.json"}, OutputFormat::json);
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.err, "");
  const boost::json::value json = boost::json::parse(ran.out);
  ASSERT_EQ(json.as_array().size(), 1U);
  const boost::json::object& report = json.at(0).as_object();
  EXPECT_EQ(report.at("file").as_string(), kReports + "google.json");
  EXPECT_EQ(report.at("valid"), true);
  EXPECT_EQ(report.at("organization"), "Google Inc.");
  EXPECT_EQ(report.at("report_id"), "2026-11-23T00:00:00Z_example.org");
  EXPECT_EQ(report.at("errors"), boost::json::array());
  EXPECT_EQ(report.at("warnings"), boost::json::array());
  const boost::json::object& policy = report.at("policies").at(0).as_object();
  EXPECT_EQ(policy.at("type"), "sts");
  EXPECT_EQ(policy.at("domain"), "example.org");
  EXPECT_EQ(policy.at("successful"), 412);
  EXPECT_EQ(policy.at("failed"), 5);
  EXPECT_EQ(policy.at("failures").at(0).at("result_type"), "certificate-host-mismatch");
  EXPECT_EQ(policy.at("failures").at(0).at("count"), 3);
}

TEST(ReportCommand, OneBadFileNeverStopsTheNext) {
  const Ran ran = run({"-", kReports + "google.json"}, OutputFormat::json, "{}");
  EXPECT_EQ(ran.status, 1);
  const boost::json::value json = boost::json::parse(ran.out);
  ASSERT_EQ(json.as_array().size(), 2U);
  EXPECT_EQ(json.at(0).at("file"), "-");
  EXPECT_EQ(json.at(0).at("valid"), false);
  EXPECT_TRUE(json.at(0).at("organization").is_null());
  EXPECT_EQ(json.at(0).at("errors").at(0).at("code"), "report-organization-missing");
  EXPECT_EQ(json.at(1).at("valid"), true);
}

TEST(ReportCommand, AMailWithSeveralReportsIsOneFile) {
  const auto part = [](const std::string& file) {
    std::ifstream in(kReports + file);
    return "--b\r\nContent-Type: application/tlsrpt+json\r\n\r\n" +
           std::string(std::istreambuf_iterator<char>(in), {}) + "\r\n";
  };
  const std::string mail =
      "From: a@google.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
      part("google.json") + part("google_no_policy.json") + "--b--\r\n";
  const Ran ran = run({"-"}, OutputFormat::json, mail);
  EXPECT_EQ(ran.status, 0);
  const boost::json::value json = boost::json::parse(ran.out);
  ASSERT_EQ(json.as_array().size(), 1U);
  EXPECT_EQ(json.at(0).at("report_id"), "2026-11-23T00:00:00Z_example.org");
  EXPECT_EQ(json.at(0).at("policies").as_array().size(), 2U);
  EXPECT_EQ(json.at(0).at("reports").as_array().size(), 2U);
  EXPECT_EQ(json.at(0).at("reports").at(1).at("policies").at(0).at("domain"), "example.net");
}

TEST(ReportCommand, FilesThatCannotBeReadAreNamed) {
  const Ran ran = run({"/no/such/file", "/", kReports + "google.json"}, OutputFormat::json);
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("mtasts_exporter: /no/such/file: cannot be read (No such file or directory)"));
  EXPECT_THAT(ran.err, HasSubstr("mtasts_exporter: /: is a directory; name a file"));
  const boost::json::value json = boost::json::parse(ran.out);
  ASSERT_EQ(json.as_array().size(), 3U);
  EXPECT_EQ(json.at(1).at("errors").at(0).at("code"), "report-unreadable");
  EXPECT_EQ(json.at(2).at("valid"), true);
}

TEST(ReportCommand, AnInputThatIsTooLargeIsNotValid) {
  const Ran ran = run({"-"}, OutputFormat::json, std::string(ReaderOptions{}.max_input_bytes + 1, ' '));
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(boost::json::parse(ran.out).at(0).at("errors").at(0).at("code"), "report-too-large");
}

TEST(ReportCommand, ExplainsToAPerson) {
  const Ran ran = run({kReports + "google.json"}, OutputFormat::text);
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(
      ran.out.substr(kReports.size()),
      "google.json: valid report of Google Inc.\n"
      "  Report    2026-11-23T00:00:00Z_example.org\n"
      "  Contact   smtp-tls-reporting@google.com\n"
      "  About     2026-11-23 00:00 to 2026-11-23 23:59 UTC\n"
      "\n"
      "  example.org, MTA-STS, mode enforce: 412 sessions succeeded, 5 FAILED\n"
      "  1. certificate-host-mismatch [high] mx2.example.org: 3 sessions\n"
      "     Meaning: An MX host's certificate does not hold the host's name.\n"
      "     Often:   The MX record uses a name of your own for a provider's host, or the certificate was\n"
      "              issued for the machine or the web site.\n"
      "     To do:   Install a certificate whose subjectAltName holds the name that the MX record uses.\n"
      "     Read:    "
      "https://github.com/mtasts-exporter/mtasts_exporter/blob/main/docs/runbooks/certificate-host-mismatch.md\n"
      "     Seen:    from 209.85.222.201 to 192.0.2.25\n"
      "  2. validation-failure [high] mx2.example.org: 2 sessions\n"
      "     Meaning: TLS with an MX host failed for another reason, or the policy does not list the host.\n"
      "     Often:   The MX records moved and the policy was forgotten, or the server sends its\n"
      "              certificate without the intermediate.\n"
      "     To do:   Read the reason: add the host to the policy, complete the chain, or repair TLS at\n"
      "              the host.\n"
      "     Read:    https://github.com/mtasts-exporter/mtasts_exporter/blob/main/docs/runbooks/validation-failure.md\n"
      "     Seen:    from 209.85.219.198 to 192.0.2.25\n"
      "     Check it now: mtasts_exporter check example.org\n");
}

TEST(ReportCommand, ExplainsProblems) {
  const Ran ran = run({kReports + "mimecast.json"}, OutputFormat::text);
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.out, HasSubstr("  warning: start-datetime \"2026-11-23 00:00:00\" is not RFC 3339 (and 1 more) "
                                 "[report-date-form, RFC 3339 section 5.6]\n"));
  const Ran bad = run({"-"}, OutputFormat::text, "hello");
  EXPECT_EQ(bad.status, 1);
  EXPECT_THAT(bad.out, HasSubstr("-: not valid\n  error: the report is not JSON"));
}

TEST(ReportCommand, NothingFromAReportReachesTheTerminalUnescaped) {
  const std::string evil = "\\u001b]0;x\\u0007\\u202e\\n";
  std::string policy =
      R"({"policy":{"policy-type":"sts","policy-string":["mode: EVIL"],"policy-domain":"EVIL"},)"
      R"("summary":{"total-successful-session-count":0,"total-failure-session-count":1},)"
      R"("failure-details":[{"result-type":"EVIL","sending-mta-ip":"EVIL","receiving-ip":"EVIL",)"
      R"("receiving-mx-hostname":"EVIL","failure-reason-code":"EVIL","additional-information":"EVIL"}]})";
  std::string text = R"({"organization-name":"EVIL","report-id":"EVIL","contact-info":"EVIL","date-range":{)"
                     R"("start-datetime":"2026-01-01","end-datetime":"2026-01-01"},"policies":[)" +
                     policy + "]}";
  for (auto at = text.find("EVIL"); at != std::string::npos; at = text.find("EVIL", at)) text.replace(at, 4, evil);
  const Ran ran = run({"-"}, OutputFormat::text, text);
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(ran.out, Not(HasSubstr("\x07")));
  EXPECT_THAT(ran.out, Not(HasSubstr("\xe2\x80\xae")));
  EXPECT_THAT(ran.out, HasSubstr("valid report of \\x1b]0;x\\x07\\xe2\\x80\\xae\\x0a\n"));
  EXPECT_THAT(ran.out, Not(HasSubstr("Check it now")));
}

}  // namespace
}  // namespace mtasts::test
