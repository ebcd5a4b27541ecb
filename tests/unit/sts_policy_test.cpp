// SPDX-License-Identifier: Apache-2.0
#include "probes/core/sts_policy.h"

#include <gmock/gmock.h>

#include <chrono>

#include "probes/core/catalogue.h"
#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

class StsPolicyCases : public testing::TestWithParam<Case> {};

TEST_P(StsPolicyCases, ParseAsRfc8461Says) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const PolicyLint lint = parse_sts_policy(text_of(expected));
  EXPECT_EQ(codes_at_lines(lint.errors), list_of(expected, "errors"));
  EXPECT_EQ(codes_at_lines(lint.warnings), list_of(expected, "warnings"));
  EXPECT_EQ(lint.policy.has_value(), expected.node["valid"].as<bool>(false));
  EXPECT_EQ(lint.policy.has_value(), lint.errors.empty());
  EXPECT_EQ(lint.mode.value_or(""), expected.node["mode"].as<std::string>(""));
  EXPECT_EQ(lint.mx, list_of(expected, "mx"));
  if (const YAML::Node version = expected.node["version"]) {
    EXPECT_EQ(lint.version, version.as<std::string>());
  }
  if (const YAML::Node age = expected.node["max_age"]) {
    EXPECT_EQ(lint.max_age, age.as<std::uint64_t>());
  } else {
    EXPECT_EQ(lint.max_age, std::nullopt);
  }
  if (const YAML::Node says = expected.node["says"]) {
    EXPECT_THAT(lint.errors.at(0).detail, testing::HasSubstr(says.as<std::string>()));
  }
}

TEST_P(StsPolicyCases, EveryCodeIsInTheCatalogue) {
  const PolicyLint lint = parse_sts_policy(text_of(GetParam()));
  for (const ParseError& error : lint.errors) EXPECT_NE(find_code(CodeKind::policy_error, error.code), nullptr);
  for (const ParseError& error : lint.warnings) EXPECT_NE(find_code(CodeKind::policy_error, error.code), nullptr);
}
INSTANTIATE_TEST_SUITE_P(Data, StsPolicyCases, testing::ValuesIn(load_cases("sts_policy.yaml")), case_name);

class MxMatchCases : public testing::TestWithParam<Case> {};

TEST_P(MxMatchCases, MatchAsRfc8461Says) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  EXPECT_EQ(mx_pattern_matches(text_of(expected, "pattern"), text_of(expected, "host")),
            expected.node["matches"].as<bool>());
}
INSTANTIATE_TEST_SUITE_P(Data, MxMatchCases, testing::ValuesIn(load_cases("mx_match.yaml")), case_name);

TEST(StsPolicy, KeepsPatternsInOrderAndLowerCase) {
  const PolicyLint lint =
      parse_sts_policy("version: STSv1\nmode: testing\nmx: B.example\nmx: *.A.example\nmax_age: 86400");
  const StsPolicy expected{StsMode::testing, std::chrono::days{1}, {"b.example", "*.a.example"}};
  EXPECT_EQ(lint.policy, expected);
}

TEST(StsPolicy, ErrorsSayWhereTheyAre) {
  const PolicyLint lint = parse_sts_policy("version: STSv1\r\nmode: none\r\nmax_age:  1d\r\n");
  const std::vector<ParseError> expected{
      {"max-age-syntax", 3, 38, "max_age is \"1d\": write whole seconds, digits only"}};
  EXPECT_EQ(lint.errors, expected);
}

TEST(StsPolicy, MessagesShowForeignOctetsEscaped) {
  const PolicyLint lint = parse_sts_policy("version: STSv1\nmode: \x1b[31m\xff\nmax_age: 0\nmx: a.example\n");
  ASSERT_EQ(lint.errors.size(), 2U);
  EXPECT_EQ(lint.errors[0].detail, R"(the value of "mode" has a control character: "\x1b[31m\xff")");
}

TEST(StsPolicy, RefusesMoreLinesThanItReads) {
  std::string body = "version: STSv1\nmode: testing\nmax_age: 86400\n";
  for (std::size_t line = 4; line <= kMaxPolicyLines; ++line) body += "mx: a.example\n";
  EXPECT_TRUE(parse_sts_policy(body).policy.has_value());
  const PolicyLint lint = parse_sts_policy(body + "mx: a.example\n");
  EXPECT_EQ(codes_at_lines(lint.errors), std::vector<std::string>{"too-many-lines@8193"});
}

TEST(StsPolicy, PermitsAHostThatAnyPatternMatches) {
  const StsPolicy policy{StsMode::enforce, std::chrono::days{14}, {"mail.example.com", "*.example.net"}};
  EXPECT_TRUE(policy_permits(policy, "mail.example.com"));
  EXPECT_TRUE(policy_permits(policy, "a.example.net"));
  EXPECT_FALSE(policy_permits(policy, "mail.example.org"));
  EXPECT_FALSE(policy_permits(StsPolicy{}, "mail.example.org"));
}

TEST(StsPolicy, ModesAreSpeltAsInTheFile) {
  EXPECT_EQ(to_string(StsMode::enforce), "enforce");
  EXPECT_EQ(to_string(StsMode::testing), "testing");
  EXPECT_EQ(to_string(StsMode::none), "none");
}

}  // namespace
}  // namespace mtasts::test
