// One MX host with many addresses: whose time is it that passes?
// SPDX-License-Identifier: Apache-2.0
#include "probes/net/domain_probe.h"

#include "tests/integration/hostile_peer.h"
#include "tests/lab/dns_server.h"

namespace mtasts {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

class DomainProbeTest : public HostilePeer {
 protected:
  DomainProbeTest() { dns_.start(); }

  /// Probes a host that greets after `pause` at each of its addresses.
  MxHostObservation probe(std::size_t addresses, Milliseconds pause, ProbeOptions options) {
    lab::DnsSet set;
    for (std::size_t i = 1; i <= addresses; ++i) set.addresses.push_back("127.0.0." + std::to_string(i));
    dns_.put("mx.example.test", set);
    options.smtp.port = serve([this, pause](Tcp::socket client) { return greet_late(std::move(client), pause); });
    options.ipv6 = false;
    options.max_addresses = addresses;
    ResolverOptions servers;
    servers.servers = {{.endpoint = {asio::ip::address_v4::loopback(), dns_.port()}}};
    Resolver resolver(clock_, servers);
    return run(observe_mx_host(net_, resolver, "mx.example.test", options)).value_or(MxHostObservation());
  }

  /// Probes a domain whose policy host has an IPv6 address alone, without asking for it.
  DomainObservation probe_over_ipv4(std::vector<std::string> record) {
    dns_.put("_mta-sts.example.test", {.txt = std::move(record)});
    dns_.put("mta-sts.example.test", {.addresses = {"::1"}});
    ProbeOptions options;
    options.ipv6 = false;
    ResolverOptions servers;
    servers.servers = {{.endpoint = {asio::ip::address_v4::loopback(), dns_.port()}}};
    Resolver resolver(clock_, servers);
    return run(observe_domain(net_, resolver, "example.test", options, std::nullopt)).value_or(DomainObservation());
  }

  lab::DnsServer dns_{io_, 0};

 private:
  asio::awaitable<void> greet_late(Tcp::socket client, Milliseconds pause) {
    asio::steady_timer waiting(io_, pause);
    co_await waiting.async_wait(kPeerAwait);
    co_await peer_write(client, "554 not today\r\n");
    co_await peer_read(client);
    co_await peer_write(client, "221 bye\r\n");
    co_await peer_wait_for_end(client);
  }
};

TEST_F(DomainProbeTest, ASlowLookupTakesNoTimeFromThePeers) {
  dns_.set_latency(2500ms);
  ProbeOptions options;
  options.timeout = 3000ms;
  const auto seen = probe(2, 800ms, options);
  ASSERT_EQ(seen.sessions.size(), 2U);
  for (const SmtpObservation& session : seen.sessions) EXPECT_EQ(session.greeting_code, 554);
}

TEST_F(DomainProbeTest, APolicyHostOfAFamilyThatIsNotAskedForHasNoFault) {
  EXPECT_EQ(probe_over_ipv4({"v=STSv1; id=1;"}).spoiled,
            "mta-sts.example.test has no IPv4 address, and smtp.ip_families leaves out IPv6");
  EXPECT_EQ(probe_over_ipv4({"v=spf1 -all"}).spoiled, std::nullopt) << "nobody wants a policy";
}

/// What an MX record may name. The resolver of whoever forges the zone answers as it likes, and otherwise the next
/// time.
TEST_F(DomainProbeTest, NoMxRecordLeadsInside) {
  net_.allow_private = false;
  std::size_t connections = 0;
  ProbeOptions options;
  options.ipv6 = false;
  options.smtp.port = serve([&connections](Tcp::socket client) -> asio::awaitable<void> {
    ++connections;
    co_await peer_wait_for_end(client);
  });
  ResolverOptions servers;
  servers.servers = {{.endpoint = {asio::ip::address_v4::loopback(), dns_.port()}}};
  Resolver resolver(clock_, servers);
  const auto look_at = [&](const std::string& host) {
    return run(observe_mx_host(net_, resolver, host, options)).value_or(MxHostObservation());
  };
  for (const char* host : {"127.0.0.1", "2130706433", "0x7f000001", "[127.0.0.1]", "localhost"})
    EXPECT_TRUE(look_at(host).sessions.empty()) << host << " is a name like others, and DNS does not know it";
  for (const char* address : {"127.0.0.1", "127.1.2.3", "10.0.0.1", "169.254.169.254", "0.0.0.0"}) {
    dns_.put("mx.example.test", {.addresses = {address}});
    const MxHostObservation seen = look_at("mx.example.test");
    ASSERT_EQ(seen.sessions.size(), 1U) << address;
    ASSERT_TRUE(seen.sessions[0].failure) << address;
    EXPECT_EQ(seen.sessions[0].failure->error, NetError::address_refused) << address;
  }
  EXPECT_EQ(connections, 0U);
}

TEST_F(DomainProbeTest, ManyAddressesDoNotLeaveEachWithTooLittle) {
  ProbeOptions options;
  options.timeout = 3000ms;
  const auto seen = probe(12, 350ms, options);  // an even share is 250 ms
  ASSERT_EQ(seen.sessions.size(), 12U);
  for (const SmtpObservation& session : seen.sessions) EXPECT_EQ(session.greeting_code, 554);
}

}  // namespace
}  // namespace mtasts
