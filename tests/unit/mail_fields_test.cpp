// SPDX-License-Identifier: Apache-2.0
#include "probes/core/mail_fields.h"

#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

std::vector<std::string> lines_of(const AuthenticationResults& field) {
  std::vector<std::string> lines;
  for (const AuthResult& result : field.results) {
    std::string line = result.method + '=' + result.result;
    for (const auto& [name, value] : result.properties) line += ' ' + name + '=' + value;
    lines.push_back(line + (result.ambiguous ? "!" : ""));
  }
  return lines;
}

void expect_results(const Case& expected) {
  const auto field = parse_authentication_results(text_of(expected));
  ASSERT_EQ(field.has_value(), expected.node["want"].IsDefined());
  if (!field) return;
  EXPECT_EQ(field->authserv_id, text_of(expected, "id"));
  EXPECT_EQ(lines_of(*field), list_of(expected, "want"));
}

void expect_tags(const Case& expected) {
  const auto tags = parse_dkim_tags(text_of(expected));
  ASSERT_EQ(tags.has_value(), expected.node["want"].IsDefined());
  std::vector<std::string> lines;
  if (tags) {
    for (const auto& [name, value] : *tags) lines.push_back(name + '=' + value);
  }
  EXPECT_EQ(lines, list_of(expected, "want"));
}

class MailFieldCases : public testing::TestWithParam<Case> {};

TEST_P(MailFieldCases, AreReadByTheLetter) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const std::string field = text_of(expected, "field");
  if (field == "results") return expect_results(expected);
  if (field == "dkim") return expect_tags(expected);
  ASSERT_TRUE(field == "by" || field == "from");
  const std::string input = text_of(expected);
  EXPECT_EQ(field == "by" ? parse_received_by(input) : parse_from_domain(input), text_of(expected, "want"));
}
INSTANTIATE_TEST_SUITE_P(Data, MailFieldCases, testing::ValuesIn(load_cases("mail_fields.yaml")), case_name);

TEST(MailFields, DeepCommentsTakeNoStack) {
  const std::string deep = std::string(1'000'000, '(') + std::string(1'000'000, ')');
  const auto field = parse_authentication_results("mx; dkim=pass " + deep);
  ASSERT_TRUE(field);
  EXPECT_EQ(field->results.size(), 1U);
}

}  // namespace
}  // namespace mtasts::test
