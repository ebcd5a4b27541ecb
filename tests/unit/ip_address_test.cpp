// SPDX-License-Identifier: Apache-2.0
#include "probes/core/ip_address.h"

#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

class IpAddressCases : public testing::TestWithParam<Case> {};

TEST_P(IpAddressCases, ReadWrittenAndJudged) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const auto address = parse_ip_address(text_of(expected));
  ASSERT_EQ(address.has_value(), !expected.node["error"].as<bool>(false));
  if (!address) return;
  EXPECT_EQ(to_string(*address), expected.node["text"].as<std::string>());
  EXPECT_EQ(special_purpose_block(*address).value_or(""), expected.node["block"].as<std::string>(""));
}
INSTANTIATE_TEST_SUITE_P(Data, IpAddressCases, testing::ValuesIn(load_cases("ip_address.yaml")), case_name);

class Nat64Cases : public testing::TestWithParam<Case> {};

TEST_P(Nat64Cases, LeadToIpv4) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  std::vector<Nat64Prefix> translators;
  if (expected.node["prefix"]) {
    const auto prefix = parse_nat64_prefix(expected.node["prefix"].as<std::string>());
    ASSERT_EQ(prefix.has_value(), !expected.node["error"].as<bool>(false));
    if (!prefix) return;
    translators.push_back(*prefix);
  }
  const auto address = parse_ip_address(text_of(expected));
  ASSERT_TRUE(address.has_value());
  const auto ipv4 = translated_ipv4(*address, translators);
  EXPECT_EQ(ipv4 ? to_string(*ipv4) : "", expected.node["ipv4"].as<std::string>(""));
  EXPECT_EQ(special_purpose_block(*address, translators).value_or(""), expected.node["block"].as<std::string>(""));
}
INSTANTIATE_TEST_SUITE_P(Data, Nat64Cases, testing::ValuesIn(load_cases("nat64.yaml")), case_name);

TEST(IpAddress, KeepsNetworkOrderAndComparesByValue) {
  const auto address = parse_ip_address("192.0.2.1");
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->family, IpFamily::ipv4);
  EXPECT_EQ(address->octets[0], 192);
  EXPECT_EQ(address->octets[3], 1);
  EXPECT_EQ(*address, *parse_ip_address("192.0.2.1"));
  EXPECT_LT(*address, *parse_ip_address("::"));
}

TEST(IpAddress, FamiliesAreSpeltAsTheLabel) {
  EXPECT_EQ(to_string(IpFamily::ipv4), "ipv4");
  EXPECT_EQ(to_string(IpFamily::ipv6), "ipv6");
}

}  // namespace
}  // namespace mtasts::test
