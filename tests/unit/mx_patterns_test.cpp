// SPDX-License-Identifier: Apache-2.0
#include "probes/core/mx_patterns.h"

#include <gmock/gmock.h>

#include "probes/core/catalogue.h"
#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Names = std::vector<std::string>;

class MxPatternCases : public testing::TestWithParam<Case> {};

TEST_P(MxPatternCases, MistakesInTheOrderOfThePatterns) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const StsPolicy policy{.mode = StsMode::enforce, .mx = list_of(expected, "patterns")};
  Names codes;
  for (const Finding& finding : find_pattern_mistakes(policy, list_of(expected, "hosts"), "mta-sts.example.com")) {
    EXPECT_NE(find_code(CodeKind::finding, finding.code), nullptr) << finding.code;
    EXPECT_EQ(finding.host, "mta-sts.example.com");
    codes.push_back(finding.code);
  }
  EXPECT_EQ(codes, list_of(expected, "codes"));
}

INSTANTIATE_TEST_SUITE_P(Data, MxPatternCases, testing::ValuesIn(load_cases("mx_patterns.yaml")), case_name);

TEST(MxPatterns, AMistakeNamesThePatternAndTheHost) {
  const Names hosts{"alt1.aspmx.l.google.com"};
  const auto found = find_pattern_mistakes({.mx = {"l.google.com"}}, hosts, "mta-sts.example.com");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].message,
            "mx: l.google.com does not match alt1.aspmx.l.google.com, which *.aspmx.l.google.com would");
}

TEST(MxPatterns, AsManyMistakesAsAPersonReads) {
  StsPolicy policy;
  for (int i = 0; i < 1000; ++i) policy.mx.push_back("mx" + std::to_string(i) + ".example.net");
  const Names hosts{"mx.example.com"};
  EXPECT_EQ(find_pattern_mistakes(policy, hosts, "").size(), 20u);
}

TEST(ProposedPatterns, NamesAndTheTightestWildcards) {
  EXPECT_THAT(propose_patterns(Names{}), IsEmpty());
  EXPECT_THAT(propose_patterns(Names{"MX2.example.com", "mx1.example.com"}),
              ElementsAre("mx1.example.com", "mx2.example.com"));
  EXPECT_THAT(propose_patterns(Names{"aspmx.l.google.com", "alt1.aspmx.l.google.com", "alt2.aspmx.l.google.com",
                                     "alt3.aspmx.l.google.com", "alt4.aspmx.l.google.com"}),
              ElementsAre("*.aspmx.l.google.com", "aspmx.l.google.com"));
}

TEST(ProposedPatterns, NeverRightBelowTheTop) {
  EXPECT_THAT(propose_patterns(Names{"a.example", "b.example", "c.example"}),
              ElementsAre("a.example", "b.example", "c.example"));
}

TEST(ProposedPatterns, EveryHostIsPermitted) {
  const Names hosts{"a.b.c.example", "x.b.c.example", "y.b.c.example", "b.c.example", "mail.example.org"};
  const StsPolicy policy{.mode = StsMode::enforce, .mx = propose_patterns(hosts)};
  for (const std::string& host : hosts) EXPECT_TRUE(policy_permits(policy, host)) << host;
}

}  // namespace
}  // namespace mtasts::test
