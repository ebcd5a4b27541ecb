// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <boost/asio/ip/address.hpp>

#include "probes/net/resolver.h"

namespace mtasts {
namespace {

using boost::asio::ip::make_address;

TEST(AutomaticTrust, IsForThisHostOrWhereToldSo) {
  EXPECT_EQ(automatic_trust(make_address("127.0.0.1"), false), AdTrust::probe);
  EXPECT_EQ(automatic_trust(make_address("::1"), false), AdTrust::probe);
  EXPECT_EQ(automatic_trust(make_address("127.0.0.53"), false), AdTrust::never) << "a forwarding stub";
  EXPECT_EQ(automatic_trust(make_address("192.0.2.1"), false), AdTrust::never);
  EXPECT_EQ(automatic_trust(make_address("192.0.2.1"), true), AdTrust::always);
}

TEST(ResolvConf, ListsItsServersInOrder) {
  const auto servers = parse_resolv_conf(
      "# comment\nsearch example.com\nnameserver 192.0.2.1 # first\n\tnameserver\t2001:db8::1\nnameserver nonsense\n"
      ";nameserver 192.0.2.9\nnameservers 192.0.2.8\nnameserver ::1");
  ASSERT_EQ(servers.size(), 3U);
  EXPECT_EQ(servers[0].endpoint.address(), make_address("192.0.2.1"));
  EXPECT_EQ(servers[0].endpoint.port(), 53);
  EXPECT_EQ(servers[0].trust, AdTrust::never);
  EXPECT_EQ(servers[1].endpoint.address(), make_address("2001:db8::1"));
  EXPECT_EQ(servers[2].trust, AdTrust::probe);
}

TEST(ResolvConf, TrustAdCountsWhereverItStands) {
  const char* const before = "options edns0 trust-ad\nnameserver 192.0.2.1\n";
  const char* const behind = "nameserver 192.0.2.1\noptions trust-ad timeout:1\n";
  for (const char* text : {before, behind}) {
    const auto servers = parse_resolv_conf(text);
    ASSERT_EQ(servers.size(), 1U);
    EXPECT_EQ(servers[0].trust, AdTrust::always);
  }
}

TEST(ResolvConf, WithoutAServerMeansThisHost) {
  const auto servers = parse_resolv_conf("");
  ASSERT_EQ(servers.size(), 1U);
  EXPECT_EQ(servers[0].endpoint.address(), make_address("127.0.0.1"));
  EXPECT_EQ(servers[0].trust, AdTrust::probe);
}

}  // namespace
}  // namespace mtasts
