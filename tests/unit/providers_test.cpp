// SPDX-License-Identifier: Apache-2.0
#include "probes/core/providers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "probes/core/mx_patterns.h"
#include "tests/support/provider_cases.h"

namespace mtasts::test {
namespace {

std::vector<std::string> codes_of(const ProviderSet& found) {
  std::vector<std::string> codes;
  for (const Provider* provider : found.mail) codes.emplace_back(provider->code);
  return codes;
}

class ProviderCases : public testing::TestWithParam<Case> {};

TEST_P(ProviderCases, AreRecognisedByTheirNamesAndAddresses) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where);
  const ProviderSet found = classify_providers(observation_of(expected));
  EXPECT_EQ(found.policy_host, "mta-sts.example.org");
  EXPECT_EQ(codes_of(found), list_of(expected, "mail"));
  const std::string policy{found.policy == nullptr ? "" : found.policy->code};
  EXPECT_EQ(policy, expected.node["policy"].as<std::string>(""));
}

INSTANTIATE_TEST_SUITE_P(Data, ProviderCases, testing::ValuesIn(load_cases("providers.yaml")), case_name);

TEST(Providers, MailIsInTheOrderOfPreference) {
  const DomainObservation seen{
      .domain = "example.org",
      .mx = {.records = {{20, "smtp.google.com"}, {10, "mx.zoho.eu"}, {30, "mx2.zoho.eu"}, {5, "mx.example.org"}}}};
  EXPECT_EQ(codes_of(classify_providers(seen)), (std::vector<std::string>{"zoho", "google-workspace"}));
}

TEST(Providers, TheSecondFamilysAliasesCountWhereTheFirstHasNone) {
  DomainObservation seen{.domain = "example.org", .policy = PolicyObservation{}};
  seen.policy->lookup.ipv4 = DnsLookup{.status = DnsStatus::nodata};
  seen.policy->lookup.ipv6 = lookup_through({"example.github.io"});
  const ProviderSet found = classify_providers(seen);
  ASSERT_NE(found.policy, nullptr);
  EXPECT_EQ(found.policy->code, "github-pages");
}

TEST(Providers, EveryRowIsWholeAndItsCodeUnique) {
  std::set<std::string_view> codes;
  for (const Provider& provider : providers()) {
    EXPECT_TRUE(codes.insert(provider.code).second) << provider.code;
    EXPECT_FALSE(provider.name.empty()) << provider.code;
    EXPECT_TRUE(provider.source.starts_with("https://")) << provider.code;
  }
  EXPECT_TRUE(std::ranges::is_sorted(providers(), {}, &Provider::role));
}

/// Every code that the table of cases expects.
std::set<std::string> tested_codes() {
  std::set<std::string> codes;
  for (const Case& entry : load_cases("providers.yaml")) {
    for (const std::string& code : list_of(entry, "mail")) codes.insert(code);
    codes.insert(entry.node["policy"].as<std::string>(""));
  }
  return codes;
}

TEST(Providers, EachIsInTheTableOfCases) {
  const std::set<std::string> tested = tested_codes();
  for (const Provider& provider : providers())
    EXPECT_TRUE(tested.contains(std::string{provider.code})) << provider.code;
}

// A wildcard over a provider's hosts is usual, so it must not look as wide as one over a public suffix.
TEST(Providers, NoHostOfAMailProviderIsRightBelowAPublicSuffix) {
  for (const Case& entry : load_cases("providers.yaml")) {
    for (const std::string& host : list_of(entry, "mail").empty() ? std::vector<std::string>{} : list_of(entry, "mx"))
      EXPECT_TRUE(wildcard_over(host)) << host;
  }
}

}  // namespace
}  // namespace mtasts::test
