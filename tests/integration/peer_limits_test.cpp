// Who gets a place, who waits, and that every place comes back. No connection is made.
// SPDX-License-Identifier: Apache-2.0
#include "probes/net/peer_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <list>
#include <string>
#include <vector>

#include "probes/core/ip_address.h"

namespace mtasts {
namespace {

namespace asio = boost::asio;
using testing::ElementsAre;

class PeerLimitsTest : public testing::Test {
 protected:
  /// Enters by the name of the host, and stays until left() is called with it.
  void enter(const std::string& host, const std::string& address) {
    asio::co_spawn(io_, stay(host, *parse_ip_address(address)),
                   [](std::exception_ptr error) { ASSERT_EQ(error, nullptr); });
    run();
  }
  void leave(const std::string& host) {
    std::erase_if(inside_, [&host](const auto& one) { return one.first == host; });
    run();
  }
  [[nodiscard]] std::vector<std::string> inside() const {
    std::vector<std::string> hosts;
    for (const auto& [host, leave] : inside_) hosts.push_back(host);
    return hosts;
  }

  asio::io_context io_{1};
  PeerLimits limits_{{.per_network = 2, .per_provider = 3}};

 private:
  asio::awaitable<void> stay(std::string host, IpAddress address) {
    PeerLimits::Leave leave = co_await limits_.enter(address, host);
    inside_.emplace_back(host, std::move(leave));
  }
  void run() {
    io_.restart();
    io_.poll();
  }

  std::list<std::pair<std::string, PeerLimits::Leave>> inside_{};
};

TEST_F(PeerLimitsTest, ANetworkTakesSoManyAndTheNextWaits) {
  enter("a.example.com", "8.8.8.1");
  enter("b.example.org", "8.8.8.2");
  enter("c.example.net", "8.8.8.3");
  enter("d.example.net", "8.8.9.1");
  EXPECT_THAT(inside(), ElementsAre("a.example.com", "b.example.org", "d.example.net"));
  EXPECT_EQ(limits_.waiting(), 1U);
  leave("d.example.net");
  EXPECT_EQ(limits_.waiting(), 1U) << "of another network";
  leave("a.example.com");
  EXPECT_THAT(inside(), ElementsAre("b.example.org", "c.example.net"));
  EXPECT_EQ(limits_.waiting(), 0U);
}

TEST_F(PeerLimitsTest, AProviderTakesSoManyWhereverItsHostsAre) {
  int told = 0;
  limits_.on_wait([&told] { ++told; });
  for (int i = 1; i <= 4; ++i)
    enter(std::to_string(i) + ".mail.protection.outlook.com", "20." + std::to_string(i) + ".0.1");
  EXPECT_EQ(inside().size(), 3U);
  EXPECT_EQ(told, 1);
  leave("2.mail.protection.outlook.com");
  EXPECT_EQ(inside().back(), "4.mail.protection.outlook.com");
}

TEST_F(PeerLimitsTest, NobodyIsForgotten) {
  for (int i = 0; i < 50; ++i) enter(std::to_string(i) + ".example.com", "8.8.8." + std::to_string(i));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(inside().front(), std::to_string(i) + ".example.com");
    leave(std::to_string(i) + ".example.com");
  }
  EXPECT_EQ(limits_.waiting(), 0U);
}

TEST_F(PeerLimitsTest, OnesOwnNetworkIsNotCounted) {
  for (const char* address : {"127.0.0.1", "127.0.0.1", "127.0.0.1", "10.1.1.1", "10.1.1.1", "10.1.1.1"})
    enter("mx.example.com", address);
  EXPECT_EQ(inside().size(), 6U);
}

TEST(NetworkKey, IsThatOfTheBlock) {
  const std::vector<Nat64Prefix> translators{*parse_nat64_prefix("2a00:1450:64::/96")};
  const auto key = [&](const char* address) { return network_key(*parse_ip_address(address), translators); };
  EXPECT_EQ(key("192.0.2.1"), key("192.0.2.254"));
  EXPECT_NE(key("192.0.2.1"), key("192.0.3.1"));
  EXPECT_EQ(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
  EXPECT_NE(key("2001:db8:1::1"), key("2001:db8:2::1"));
  for (const char* behind : {"64:ff9b::192.0.2.1", "2a00:1450:64::192.0.2.77"})
    EXPECT_EQ(key(behind), key("192.0.2.1"));
  EXPECT_NE(key("2a00:1450:64::192.0.2.1"), key("2a00:1450:64::192.0.3.1"));
}

}  // namespace
}  // namespace mtasts
