// SPDX-License-Identifier: Apache-2.0
#include "probes/core/domain_name.h"

#include <stdexcept>

#include "probes/core/catalogue.h"
#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

class DomainNameCases : public testing::TestWithParam<Case> {};

TEST_P(DomainNameCases, KeptOrRefused) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const auto domain = parse_domain_name(text_of(expected));
  ASSERT_EQ(domain.has_value(), !expected.node["error"].IsDefined());
  if (domain.has_value()) {
    EXPECT_EQ(*domain, expected.node["domain"].as<std::string>());
  } else {
    EXPECT_EQ(domain.error().code, expected.node["error"].as<std::string>());
    EXPECT_NE(find_code(CodeKind::name_error, domain.error().code), nullptr);
  }
}
INSTANTIATE_TEST_SUITE_P(Data, DomainNameCases, testing::ValuesIn(load_cases("domain_name.yaml")), case_name);

/// A name of `octets` octets in labels of one letter.
std::string long_name(std::size_t octets) {
  std::string name;
  while (name.size() + 2 <= octets) name += "a.";
  name.resize(octets, 'a');
  return name;
}

TEST(DomainName, MayHave253Octets) {  // RFC 1035 section 2.3.4
  EXPECT_TRUE(parse_domain_name(long_name(253)).has_value());
  EXPECT_TRUE(parse_domain_name(long_name(253) + ".").has_value());
  EXPECT_EQ(parse_domain_name(long_name(255)).error().code, "domain-too-long");
}

TEST(DomainName, ErrorIsASentenceWithForeignOctetsEscaped) {
  EXPECT_EQ(parse_domain_name("a\x1b.example").error().detail,
            R"("a\x1b.example" has a label that is not 1 to 63 letters, digits and inner hyphens, or is empty)");
}

TEST(DomainName, NormalizingTakesOneDotAndTheCase) {
  EXPECT_EQ(normalize_host("MX.Example.COM."), "mx.example.com");
  EXPECT_EQ(normalize_host("a.."), "a.");
  EXPECT_EQ(normalize_host("."), "");
  EXPECT_EQ(to_lower("ÄZ[@"), "Äz[@");
}

TEST(Parsed, AskedForAMissingValueThrowsTheErrorInWords) {
  const Parsed<std::string> nothing = parse_domain_name("");
  EXPECT_THROW(static_cast<void>(nothing.value()), std::invalid_argument);
}

}  // namespace
}  // namespace mtasts::test
