// SPDX-License-Identifier: Apache-2.0
#include "exporter/peer_source.h"

#include <gtest/gtest.h>

namespace mtasts {
namespace {

TEST(PeerSource, AnAddressOrTheNetworkOfOneCustomer) {
  EXPECT_EQ(source_of_peer("192.0.2.1:5000"), "192.0.2.1");
  EXPECT_EQ(source_of_peer("[::ffff:192.0.2.1]:5000"), "192.0.2.1");
  EXPECT_EQ(source_of_peer("[2001:db8:1:2:3:4:5:6]:1"), "2001:db8:1:2::/64");
  EXPECT_EQ(source_of_peer("[2001:db8:1:2::1]:9"), source_of_peer("[2001:db8:1:2:ffff::]:8"));
  EXPECT_NE(source_of_peer("[2001:db8:1:2::1]:9"), source_of_peer("[2001:db8:1:3::1]:9"));
  EXPECT_EQ(source_of_peer(""), "");
}

TEST(PeerSource, Loopback) {
  for (const char* local : {"127.0.0.1:1", "127.1.2.3:1", "[::1]:1", "[::ffff:127.0.0.1]:1"})
    EXPECT_TRUE(is_loopback_peer(local)) << local;
  for (const char* other : {"192.0.2.1:1", "[2001:db8::1]:1", "[::ffff:192.0.2.1]:1", "", "localhost:1"})
    EXPECT_FALSE(is_loopback_peer(other)) << other;
}

}  // namespace
}  // namespace mtasts
