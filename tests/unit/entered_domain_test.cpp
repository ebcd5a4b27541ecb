// SPDX-License-Identifier: Apache-2.0
#include "probes/core/entered_domain.h"

#include "probes/core/catalogue.h"
#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

class EnteredDomainCases : public testing::TestWithParam<Case> {};

TEST_P(EnteredDomainCases, BecomesALabelsOrIsRefused) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const auto domain = parse_entered_domain_name(text_of(expected));
  ASSERT_EQ(domain.has_value(), !expected.node["error"].IsDefined());
  if (domain.has_value()) {
    EXPECT_EQ(*domain, expected.node["domain"].as<std::string>());
    EXPECT_EQ(parse_entered_domain_name(*domain).value(), *domain);
  } else {
    EXPECT_EQ(domain.error().code, expected.node["error"].as<std::string>());
    EXPECT_NE(find_code(CodeKind::name_error, domain.error().code), nullptr);
  }
}
INSTANTIATE_TEST_SUITE_P(Data, EnteredDomainCases, testing::ValuesIn(load_cases("entered_domain.yaml")), case_name);

TEST(EnteredDomain, OctetsThatAreNoUtf8AreRefused) {
  EXPECT_EQ(parse_entered_domain_name("b\xFC"
                                      "cher.example")
                .error()
                .code,
            "domain-not-idna");
  const std::string endless(100'000, '\xC3');
  EXPECT_EQ(parse_entered_domain_name(endless).error().code, "domain-not-idna");
  EXPECT_LT(parse_entered_domain_name(endless).error().detail.size(), 10'000U);
}

}  // namespace
}  // namespace mtasts::test
