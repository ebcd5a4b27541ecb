// SPDX-License-Identifier: Apache-2.0
#include "exporter/lint_command.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <vector>

#include "probes/core/catalogue.h"
#include "probes/core/providers.h"

namespace mtasts::test {
namespace {

constexpr const char* kGoodPolicy = "version: STSv1\nmode: enforce\nmx: *.example.com\nmax_age: 1209600\n";

boost::json::value json_of(const CommandResult& result) { return boost::json::parse(result.output); }

TEST(LintPolicy, ValidAsJson) {
  const CommandResult result = run_lint_policy(kGoodPolicy, OutputFormat::json);
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(json_of(result), boost::json::parse(R"({"valid": true, "version": "STSv1", "mode": "enforce",
      "max_age": 1209600, "mx": ["*.example.com"], "errors": [], "warnings": []})"));
}

TEST(LintPolicy, EmptyAsJson) {
  const CommandResult result = run_lint_policy("", OutputFormat::json);
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(json_of(result),
            boost::json::parse(R"({"valid": false, "version": null, "mode": null, "max_age": null, "mx": [],
      "errors": [{"code": "policy-empty", "line": 1, "message": "the policy is empty"}],
      "warnings": []})"));
}

TEST(LintPolicy, ValidAsText) {
  EXPECT_EQ(run_lint_policy(kGoodPolicy, OutputFormat::text).output,
            "policy: valid\n"
            "  version  STSv1\n"
            "  mode     enforce\n"
            "  max_age  1209600\n"
            "  mx       *.example.com\n");
}

TEST(LintPolicy, BrokenAsText) {
  const CommandResult result =
      run_lint_policy("version: STSv1\nmode: Enforce\nmx: a.example\nmax_age: 1209600\n", OutputFormat::text);
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.output,
            "policy: not valid\n"
            "  version  STSv1\n"
            "  mode     Enforce\n"
            "  max_age  1209600\n"
            "  mx       a.example\n"
            "error, line 2: the mode is \"Enforce\": write enforce, in lower case "
            "[mode-invalid, RFC 8461 section 3.2]\n"
            "    Write one of the three words in lower case.\n");
}

TEST(LintPolicy, AdvisesALongerMaxAgeInLineOrder) {
  const CommandResult result = run_lint_policy(
      "version: STSv1\nmax_age: 86400\nmode: enforce\nmx: a.example\nmx: a.example\n", OutputFormat::json);
  EXPECT_EQ(result.exit_status, 0);
  const boost::json::value json = json_of(result);
  ASSERT_EQ(json.at("warnings").as_array().size(), 2U);
  EXPECT_EQ(json.at("warnings").at(0).at("code"), "max-age-short");
  EXPECT_EQ(json.at("warnings").at(0).at("line"), 2);
  EXPECT_EQ(json.at("warnings").at(1).at("code"), "mx-duplicate");
}

TEST(LintPolicy, AdvisesNothingAboutMaxAgeInModeNoneOrLongEnough) {
  for (const char* policy : {"version: STSv1\nmode: none\nmax_age: 0\n",
                             "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 86400\n", kGoodPolicy}) {
    EXPECT_TRUE(json_of(run_lint_policy(policy, OutputFormat::json)).at("warnings").as_array().empty()) << policy;
  }
}

TEST(LintPolicy, TextNeverSendsForeignOctetsToTheTerminal) {
  const std::string output =
      run_lint_policy("version: \xc2\x9b[31m\nmode: none\nmax_age: 0\n", OutputFormat::text).output;
  EXPECT_EQ(output.find('\x9b'), std::string::npos);
}

TEST(LintRecord, EachStatusAsJson) {
  const std::vector<std::string> none;
  const std::vector<std::string> one{"v=STSv1; id=1"};
  const std::vector<std::string> broken{"v=STSv1; id=1 "};
  const std::vector<std::string> two{one[0], one[0]};
  EXPECT_EQ(json_of(run_lint_record(none, OutputFormat::json)),
            boost::json::parse(R"({"status": "none", "id": null, "errors": [], "warnings": []})"));
  EXPECT_EQ(json_of(run_lint_record(one, OutputFormat::json)),
            boost::json::parse(R"({"status": "valid", "id": "1", "errors": [], "warnings": []})"));
  EXPECT_EQ(json_of(run_lint_record(broken, OutputFormat::json)),
            boost::json::parse(R"({"status": "invalid", "id": "1", "errors": [{"code": "record-trailing-space",
      "line": 0, "message": "the record ends in a space without a `;` before it", "offset": 13}], "warnings": []})"));
  EXPECT_EQ(json_of(run_lint_record(two, OutputFormat::json)).at("status"), "multiple");
}

TEST(LintRecord, OnlyAValidOneExitsWithZero) {
  const std::vector<std::string> records{"v=STSv1; id=1", "v=STSv1;", "v=STS1; id=1"};
  const std::span<const std::string> all(records);
  EXPECT_EQ(run_lint_record(all.first(1), OutputFormat::text).exit_status, 0);
  EXPECT_EQ(run_lint_record(all.subspan(1, 1), OutputFormat::text).exit_status, 1);
  EXPECT_EQ(run_lint_record(all.last(1), OutputFormat::text).exit_status, 1);
  EXPECT_EQ(run_lint_record(all.first(2), OutputFormat::text).exit_status, 1);
  EXPECT_EQ(run_lint_record({}, OutputFormat::text).exit_status, 1);
}

TEST(LintRecord, TypoAsText) {
  const std::vector<std::string> records{"v=STS1; id=1"};
  EXPECT_EQ(run_lint_record(records, OutputFormat::text).output,
            "_mta-sts record: none\n"
            "warning: \"v=STS1; id=1\" is ignored: a record begins with exactly `v=STSv1;` "
            "[version-typo, RFC 8461 section 3.1, RFC 8460 section 3]\n"
            "    Begin the record with `v=STSv1;` or `v=TLSRPTv1;`, exactly so.\n");
}

TEST(LintTlsrpt, ListsEveryUriAsWritten) {
  const std::vector<std::string> records{"v=TLSRPTv1; rua=mailto:a@example.com,HTTPS://example.com/"};
  const CommandResult result = run_lint_tlsrpt(records, OutputFormat::json);
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(json_of(result), boost::json::parse(R"({"status": "valid",
      "rua": ["mailto:a@example.com", "HTTPS://example.com/"], "errors": [], "warnings": []})"));
  EXPECT_EQ(run_lint_tlsrpt(records, OutputFormat::text).output,
            "_smtp._tls record: valid\n  rua      mailto:a@example.com\n  rua      HTTPS://example.com/\n");
}

TEST(LintTlsrpt, JsonIsUtf8WhateverTheRecordHolds) {
  const std::vector<std::string> records{"v=TLSRPTv1; rua=mailto:\xff@example.com"};
  const CommandResult result = run_lint_tlsrpt(records, OutputFormat::json);
  EXPECT_EQ(json_of(result).at("rua").at(0), "mailto:\xef\xbf\xbd@example.com");
}

TEST(Match, ExitStatusIsTheAnswer) {
  EXPECT_EQ(run_match("*.example.com", "mx.example.com.").exit_status, 0);
  EXPECT_EQ(run_match("*.example.com", "a.b.example.com").exit_status, 1);
  EXPECT_EQ(run_match("*", "example").exit_status, 1);
  EXPECT_EQ(run_match("*.example.com", "example.com").output, "*.example.com does not match example.com\n");
}

TEST(Codes, AsJsonHoldTheWholeCatalogue) {
  const CommandResult result = run_codes(OutputFormat::json);
  const boost::json::array codes = json_of(result).as_array();
  ASSERT_EQ(codes.size(), catalogue().size() + providers().size());
  EXPECT_EQ(codes[0].at("kind"), "result_type");
  EXPECT_EQ(codes[0].at("code"), "starttls-not-supported");
  EXPECT_EQ(codes[0].at("severity"), "critical");
  for (std::size_t i = 0; i < catalogue().size(); ++i) {
    const CatalogueEntry& entry = catalogue()[i];
    const boost::json::object expected{{"kind", to_string(entry.kind)},
                                       {"code", entry.code},
                                       {"severity", to_string(entry.severity)},
                                       {"meaning", entry.meaning},
                                       {"cause", entry.cause},
                                       {"remedy", entry.remedy},
                                       {"command", command_template(entry.look)},
                                       {"source", entry.source},
                                       {"runbook", runbook_url(entry.runbook)}};
    EXPECT_EQ(codes[i], boost::json::value(expected));
  }
  EXPECT_EQ(codes[catalogue().size()].at("kind"), "provider");
  EXPECT_EQ(codes[catalogue().size()].at("role"), "mail");
}

TEST(Codes, AsTextNameEveryCode) {
  const CommandResult result = run_codes(OutputFormat::text);
  EXPECT_EQ(result.exit_status, 0);
  for (const CatalogueEntry& entry : catalogue()) EXPECT_NE(result.output.find(entry.code), std::string::npos);
  EXPECT_NE(result.output.find(
                "  mx-mismatch\n"
                "      Meaning: No `mx` pattern of the policy matches the MX host.\n"
                "      Often:   The MX moved to a new hoster and the policy was forgotten, or a wildcard is one\n"
                "               label short.\n"
                "      To do:   Add an `mx:` line for the host and change the id, or correct the MX record.\n"
                "      Read:    " +
                runbook_url("mx-not-covered") +
                "\n"
                "      See it:  dig MX {domain}\n"
                "      Source:  RFC 8461 section 4.1\n"),
            std::string::npos);
  for (const Provider& provider : providers()) EXPECT_NE(result.output.find(provider.name), std::string::npos);
}

}  // namespace
}  // namespace mtasts::test
