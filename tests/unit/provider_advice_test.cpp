// SPDX-License-Identifier: Apache-2.0
#include "probes/core/provider_advice.h"

#include <gmock/gmock.h>

#include <set>

#include "probes/core/catalogue.h"
#include "probes/core/sts_policy.h"
#include "tests/support/provider_cases.h"

namespace mtasts::test {
namespace {

using testing::HasSubstr;
using testing::Not;

ResultType result_type_of(const Case& entry, const std::string& word) {
  for (std::size_t i = 0; i < kResultTypeCount; ++i)
    if (to_string(static_cast<ResultType>(i)) == word) return static_cast<ResultType>(i);
  throw std::runtime_error(entry.where + ": no result type: " + word);
}

std::optional<ProviderAdvice> advice_of(const Case& entry) {
  const ProviderSet providers = classify_providers(observation_of(entry));
  const std::vector<std::string> hosts = list_of(entry, "mx");
  const std::vector<std::string> fault = list_of(entry, "fault");
  const std::vector<std::string> finding = list_of(entry, "finding");
  if (!fault.empty())
    return advise_at_provider(providers, Fault{result_type_of(entry, fault.at(0)), fault.at(1), fault.at(2), ""},
                              hosts);
  return advise_at_provider(providers, Finding{finding.at(0), finding.at(1), ""}, hosts);
}

class ProviderAdviceCases : public testing::TestWithParam<Case> {};

TEST_P(ProviderAdviceCases, SayWhatToDoThere) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where);
  const auto advice = advice_of(expected);
  ASSERT_EQ(advice ? std::string{advice->provider->code} : "", expected.node["at"].as<std::string>());
  if (!advice) return;
  for (const std::string& part : list_of(expected, "says")) EXPECT_THAT(advice->text, HasSubstr(part));
  for (const std::string& part : list_of(expected, "never")) EXPECT_THAT(advice->text, Not(HasSubstr(part)));
  EXPECT_TRUE(advice->text.ends_with('.')) << advice->text;
  EXPECT_THAT(advice->text, Not(HasSubstr("$")));
}

INSTANTIATE_TEST_SUITE_P(Data, ProviderAdviceCases, testing::ValuesIn(load_cases("provider_advice.yaml")), case_name);

TEST(ProviderAdvice, TheTableUsesCodesOfTheCatalogue) {
  for (const Case& entry : load_cases("provider_advice.yaml")) {
    const std::vector<std::string> fault = list_of(entry, "fault");
    const std::vector<std::string> finding = list_of(entry, "finding");
    const bool known = fault.empty() ? find_code(CodeKind::finding, finding.at(0)) != nullptr
                                     : find_code(CodeKind::reason, fault.at(2)) != nullptr ||
                                           find_code(CodeKind::policy_error, fault.at(2)) != nullptr;
    EXPECT_TRUE(known) << entry.where;
  }
}

/// The lines that a policy would have if the advice were followed.
StsPolicy policy_advised(const std::string& text) {
  StsPolicy policy{.mode = StsMode::enforce};
  const std::string_view lines = std::string_view{text}.substr(0, text.find("`. "));
  for (std::size_t at = lines.find("`mx: "); at != std::string_view::npos; at = lines.find("`mx: ", at + 1)) {
    const std::string_view pattern = lines.substr(at + 5);
    policy.mx.emplace_back(pattern.substr(0, pattern.find('`')));
  }
  return policy;
}

TEST(ProviderAdvice, WhoeverFollowsItHasAPolicyForEveryHost) {
  for (const Case& entry : load_cases("providers.yaml")) {
    SCOPED_TRACE(entry.where);
    const std::vector<std::string> hosts = list_of(entry, "mx");
    const Finding finding{"pattern-wide", "mta-sts.example.org", ""};
    const auto advice = advise_at_provider(classify_providers(observation_of(entry)), finding, hosts);
    if (!advice) continue;
    const StsPolicy policy = policy_advised(advice->text);
    for (const std::string& host : hosts) EXPECT_TRUE(policy_permits(policy, host)) << host << '\n' << advice->text;
  }
}

TEST(ProviderAdvice, ManyLinesAreNotForAPerson) {
  std::vector<std::string> hosts{"smtp.google.com"};
  for (int i = 0; i < 1000; ++i) hosts.push_back("mx.example" + std::to_string(i) + ".org");
  const DomainObservation seen{.domain = "example.org", .mx = {.records = {{10, "smtp.google.com"}}}};
  const Fault fault{ResultType::validation_failure, "smtp.google.com", "mx-mismatch", ""};
  EXPECT_FALSE(advise_at_provider(classify_providers(seen), fault, hosts));
}

TEST(ProviderAdvice, AHostNameIsNotReadAsAPlace) {
  DomainObservation seen{.domain = "$P$H.example"};
  seen.policy = PolicyObservation{.lookup = {.ipv4 = lookup_through({"example.pages.dev"})}};
  const Fault fault{ResultType::sts_webpki_invalid, "mta-sts.$P$H.example", "name-mismatch", ""};
  const auto advice = advise_at_provider(classify_providers(seen), fault, {});
  ASSERT_TRUE(advice);
  EXPECT_THAT(advice->text, HasSubstr("Add mta-sts.$P$H.example under"));
}

}  // namespace
}  // namespace mtasts::test
