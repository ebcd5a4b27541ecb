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
