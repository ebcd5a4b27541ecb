// SPDX-License-Identifier: Apache-2.0
#include "probes/core/mx_patterns.h"

#include <gmock/gmock.h>

#include <random>

#include "probes/core/catalogue.h"
#include "probes/core/domain_name.h"
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
  policy.mx.push_back("mx.example.com");
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

TEST(ProposedPatterns, NeverOverAPublicSuffix) {
  EXPECT_THAT(propose_patterns(Names{"a.co.uk", "b.co.uk", "c.co.uk"}), ElementsAre("a.co.uk", "b.co.uk", "c.co.uk"));
  EXPECT_THAT(propose_patterns(Names{"a.github.io", "b.github.io", "c.github.io"}),
              ElementsAre("a.github.io", "b.github.io", "c.github.io"));
}

TEST(ProposedPatterns, TheTightestAtAProvider) {
  EXPECT_THAT(propose_patterns(Names{"example-org.mail.protection.outlook.com"}),
              ElementsAre("example-org.mail.protection.outlook.com"));
  EXPECT_THAT(propose_patterns(Names{"smtp.google.com."}), ElementsAre("smtp.google.com"));
}

TEST(ProposedPatterns, AWildcardForANameThatPatternsCannotHold) {
  EXPECT_THAT(propose_patterns(Names{"mx_1.example.com", "mx2.example.com"}), ElementsAre("*.example.com"));
  EXPECT_THAT(propose_patterns(Names{"mx_1.co.uk", "mx2.co.uk"}), ElementsAre("mx2.co.uk"));
}

TEST(ProposedPatterns, NothingForWhatIsNoHostName) {
  EXPECT_THAT(propose_patterns(Names{"", ".", "192.0.2.1", "-a.example.com", "a b.example.com", "*.example.com"}),
              IsEmpty());
}

/// Host names that have much in common, as MX sets have, and some that few policies meet.
class HostMaker {
 public:
  Names set() {
    Names hosts(1 + random_() % 8);
    for (std::string& host : hosts) host = name();
    return hosts;
  }

 private:
  std::string one_of(std::initializer_list<const char*> words) { return words.begin()[random_() % words.size()]; }
  std::string name() {
    const std::string parent = one_of({"example.com", "b.example.com", "a.b.example.com", "example.co.uk", "co.uk",
                                       "github.io", "mail.protection.outlook.com", "l.google.com", "com"});
    return one_of({"", "mx1.", "MX1.", "mx2.", "mx3.", "a.", "b.a.", "m_x.", "xn--mx-xka."}) + parent +
           one_of({"", "", "."});
  }

  std::mt19937 random_{20260101};
};

bool can_be_permitted(const std::string& host) { return mx_pattern_matches(host, host) || wildcard_over(host); }

std::string policy_file_of(const Names& patterns) {
  std::string body = "version: STSv1\nmode: enforce\nmax_age: 1209600\n";
  for (const std::string& pattern : patterns) body += "mx: " + pattern + "\n";
  return body;
}

/// How many of the patterns permit the host.
auto permitting(const Names& patterns, const std::string& host) {
  return std::ranges::count_if(patterns, [&](const auto& pattern) { return mx_pattern_matches(pattern, host); });
}

TEST(ProposedPatterns, PermitEveryHostOnceInAPolicyWithoutFault) {
  HostMaker make;
  for (int i = 0; i < 5000; ++i) {
    const Names hosts = make.set();
    SCOPED_TRACE(testing::PrintToString(hosts));
    const Names patterns = propose_patterns(hosts);
    for (const std::string& host : hosts) {
      const std::string name = normalize_host(host);
      if (name.find('.') == std::string::npos) continue;
      ASSERT_EQ(permitting(patterns, host), can_be_permitted(name) ? 1 : 0);
    }
    const PolicyLint lint = parse_sts_policy(policy_file_of(patterns));
    ASSERT_TRUE(lint.policy || patterns.empty());
    for (const ParseError& warning : lint.warnings) ASSERT_EQ(warning.code, "mx-single-label");
    const bool all =
        std::ranges::all_of(hosts, [](const auto& host) { return can_be_permitted(normalize_host(host)); });
    const auto mistakes = find_pattern_mistakes({.mx = patterns}, hosts, "");
    ASSERT_TRUE(!all || mistakes.empty());
  }
}

}  // namespace
}  // namespace mtasts::test
