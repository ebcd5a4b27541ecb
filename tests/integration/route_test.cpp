// Errors of connect(): those of this machine's own, and those that the network's ICMP messages bring.
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstring>

#include "probes/net/ip_family.h"
#include "tests/integration/hostile_peer.h"

namespace mtasts {
namespace {

namespace asio = boost::asio;

class RouteTest : public HostilePeer {
 protected:
  asio::awaitable<NetFailure> connect_to(IpAddress address) {
    HandshakeGate::Pass pass = co_await gate_.enter();
    Connection connection(net_, std::chrono::seconds(10), std::move(pass));
    const auto failure = co_await connection.connect(address, 25);
    co_return failure.value_or(NetFailure());
  }
};

TEST_F(RouteTest, TheKernelTellsWithoutSending) {
  EXPECT_TRUE(has_route(io_, {asio::ip::make_address("127.0.0.1"), 25}, ""));
  EXPECT_TRUE(has_route(io_, {asio::ip::make_address("127.0.0.1"), 25}, "127.0.0.1"));
  EXPECT_FALSE(has_route(io_, {asio::ip::make_address("255.255.255.255"), 25}, "")) << "not allowed to broadcast";
}

TEST_F(RouteTest, WhatTheKernelRefusesIsOurs) {
  const auto failure = run(connect_to(*parse_ip_address("255.255.255.255")));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->error, NetError::no_route) << failure->text;
}

// What a network of the peer's looks like from here: an interface on which the test is the router.

constexpr std::size_t kIpHeader = 20;

/// Internet checksum (RFC 1071), big-endian.
std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += static_cast<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void put16(std::vector<std::uint8_t>& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

/// "Destination unreachable: network" (RFC 792), from the address that `packet` was for.
std::vector<std::uint8_t> network_unreachable(std::span<const std::uint8_t> packet) {
  constexpr std::size_t kIcmpHeader = 8;
  constexpr std::size_t kQuoted = kIpHeader + 8;
  std::vector<std::uint8_t> reply(kIpHeader + kIcmpHeader + kQuoted);
  reply[0] = 0x45;
  put16(reply, 2, static_cast<std::uint16_t>(reply.size()));
  reply[8] = 64;
  reply[9] = IPPROTO_ICMP;
  std::copy_n(&packet[16], 4, &reply[12]);
  std::copy_n(&packet[12], 4, &reply[16]);
  put16(reply, 10, checksum(std::span(reply).first(kIpHeader)));
  reply[kIpHeader] = 3;
  std::copy_n(packet.begin(), kQuoted, reply.begin() + kIpHeader + kIcmpHeader);
  put16(reply, kIpHeader + 2, checksum(std::span(reply).subspan(kIpHeader)));
  return reply;
}

asio::awaitable<void> answer_unreachable(std::shared_ptr<asio::posix::stream_descriptor> wire) {
  std::array<std::uint8_t, 2048> packet{};
  while (true) {
    const auto [error, size] = co_await wire->async_read_some(asio::buffer(packet), kPeerAwait);
    if (error) co_return;
    if (size < kIpHeader + 8 || packet[0] != 0x45 || packet[9] != IPPROTO_TCP) continue;
    const auto reply = network_unreachable(std::span(packet).first(size));
    co_await wire->async_write_some(asio::buffer(reply), kPeerAwait);
  }
}

/// A network namespace with one interface, 192.0.2.1/24. Returns its descriptor, or -1 where that is not allowed.
int open_private_network() {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return -1;
  const int wire = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  const int control = socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "peer0");
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (wire < 0 || control < 0 || ioctl(wire, TUNSETIFF, &request) != 0) return -1;
  const auto set_address = [&](unsigned long what, std::uint32_t value) {
    auto* address = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
    *address = {};
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(value);
    return ioctl(control, what, &request) == 0;
  };
  if (!set_address(SIOCSIFADDR, 0xC0000201) || !set_address(SIOCSIFNETMASK, 0xFFFFFF00)) return -1;
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ioctl(control, SIOCSIFFLAGS, &request) == 0 ? wire : -1;
}

TEST_F(RouteTest, WhatTheNetworkRefusesIsThePeers) {
  constexpr int kSkipped = 77;
  const pid_t child = fork();
  if (child == 0) {
    const int wire = open_private_network();
    if (wire < 0) _exit(kSkipped);
    io_.notify_fork(asio::execution_context::fork_child);
    asio::co_spawn(io_, answer_unreachable(std::make_shared<asio::posix::stream_descriptor>(io_, wire)),
                   asio::detached);
    const auto failure = run(connect_to(*parse_ip_address("192.0.2.7")));
    _exit(failure && failure->error == NetError::unreachable ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kSkipped) GTEST_SKIP() << "no namespaces or no /dev/net/tun here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace mtasts
