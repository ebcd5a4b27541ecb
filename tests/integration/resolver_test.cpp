// The stub resolver with servers that are silent about everything, or about one name.
// SPDX-License-Identifier: Apache-2.0
#include "probes/net/resolver.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/udp.hpp>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/integration/hostile_peer.h"
#include "tests/lab/dns_server.h"

namespace mtasts {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr const char* kName = "a.example.test";

class ResolverTest : public HostilePeer {
 protected:
  ResolverTest() {
    dns_.start();
    silent_.start();
    silent_.set_mode(lab::DnsMode::silent);
    lab::DnsSet record;
    record.txt = {"here"};
    dns_.put(kName, record);
    lab::DnsSet dead_zone;
    dead_zone.fault = lab::DnsFault::silent;
    dns_.put("dead.example.test", dead_zone);
  }

  /// Servers by port, in order.
  ResolverOptions options(std::vector<std::uint16_t> ports) const {
    ResolverOptions options;
    for (const std::uint16_t port : ports)
      options.servers.push_back({.endpoint = {asio::ip::address_v4::loopback(), port}});
    options.timeout = 300ms;
    options.attempts = 1;
    return options;
  }

  DnsLookup look_up(Resolver& resolver, const std::string& name) {
    return run(resolver.observe_txt(name)).value_or(TxtObservation()).lookup;
  }

  asio::awaitable<bool> check(Resolver& resolver) {
    co_await resolver.check_servers();
    co_return true;
  }

  lab::DnsServer dns_{io_, 0};
  lab::DnsServer silent_{io_, 0};
};

TEST_F(ResolverTest, TellsWhatDnssecSaysOfAName) {
  lab::DnsSet record;
  record.txt = {"signed"};
  dns_.put("signed.test", record);
  dns_.set_signed("signed.test", true);
  record.security = lab::DnsSecurity::bogus;
  dns_.put("bogus.signed.test", record);
  lab::DnsSet broken;
  broken.fault = lab::DnsFault::servfail;
  dns_.put("broken.signed.test", broken);
  ResolverOptions trusting = options({dns_.port()});
  trusting.servers[0].trust = AdTrust::probe;
  Resolver resolver(clock_, trusting);
  EXPECT_EQ(look_up(resolver, "signed.test").security, DnsSecurity::secure);
  EXPECT_EQ(look_up(resolver, kName).security, DnsSecurity::insecure);
  EXPECT_EQ(look_up(resolver, "bogus.signed.test").security, DnsSecurity::bogus);
  EXPECT_EQ(look_up(resolver, "bogus.signed.test").status, DnsStatus::servfail);
  EXPECT_EQ(look_up(resolver, "broken.signed.test").security, DnsSecurity::indeterminate);
  ResolverOptions distrusting = trusting;
  distrusting.servers[0].trust = AdTrust::never;
  Resolver other(clock_, distrusting);
  EXPECT_EQ(look_up(other, "signed.test").security, DnsSecurity::unchecked);
  EXPECT_EQ(look_up(other, "bogus.signed.test").security, DnsSecurity::bogus) << "the failure itself tells";
  ResolverOptions off = trusting;
  off.dnssec = false;
  Resolver blind(clock_, off);
  EXPECT_EQ(look_up(blind, "signed.test").security, DnsSecurity::unchecked);
  EXPECT_EQ(look_up(blind, "bogus.signed.test").security, DnsSecurity::unchecked);
}

TEST_F(ResolverTest, AnOutageThatTheServerRemembersIsNotBogus) {
  lab::DnsSet record;
  record.txt = {"signed"};
  record.security = lab::DnsSecurity::remembered_outage;
  dns_.put("away.test", record);
  record.security = lab::DnsSecurity::bogus;
  dns_.put("bogus.test", record);
  Resolver resolver(clock_, options({dns_.port()}));
  const DnsLookup away = look_up(resolver, "away.test");
  EXPECT_NE(away.security, DnsSecurity::bogus);
  EXPECT_EQ(away.status, DnsStatus::servfail);
  EXPECT_EQ(away.explanation, "no reachable authority");
  EXPECT_EQ(look_up(resolver, "bogus.test").security, DnsSecurity::bogus);
}

TEST_F(ResolverTest, NeverAsksFasterThanTheConfiguredRate) {
  ResolverOptions slow = options({dns_.port()});
  slow.pace = std::chrono::milliseconds(20);
  Resolver resolver(clock_, slow);
  const std::uint64_t before = dns_.queries();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(look_up(resolver, kName).status, DnsStatus::answered);
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_LE(static_cast<double>(dns_.queries() - before), 1 + seconds * 50);
}

TEST_F(ResolverTest, AServerThatNoLongerValidatesDoesNotTell) {
  lab::DnsSet record;
  record.txt = {"signed"};
  dns_.put("signed.test", record);
  dns_.set_signed("signed.test", true);
  ResolverOptions proving = options({dns_.port()});
  proving.servers[0].trust = AdTrust::probe;
  Resolver resolver(clock_, proving);
  EXPECT_EQ(look_up(resolver, "signed.test").security, DnsSecurity::secure);
  dns_.set_mode(lab::DnsMode::unvalidated);
  EXPECT_TRUE(run(check(resolver)).value_or(false));
  EXPECT_EQ(look_up(resolver, "signed.test").security, DnsSecurity::indeterminate);
}

TEST_F(ResolverTest, ServersThatLeaveSignaturesOutMakeNothingBogus) {
  ResolverOptions local = options({dns_.port()});
  local.validate_locally = true;
  local.timeout = 3s;
  Resolver resolver(clock_, local);
  const DnsLookup lookup = look_up(resolver, kName);
  EXPECT_EQ(lookup.status, DnsStatus::answered);
  EXPECT_EQ(lookup.security, DnsSecurity::indeterminate);
  EXPECT_THAT(resolver.authenticated(), testing::ElementsAre(testing::Pair(testing::_, false)));
}

TEST_F(ResolverTest, WhatTheValidatorNoLongerWaitsForEndsTheLoop) {
  ResolverOptions local = options({silent_.port()});
  local.validate_locally = true;
  {
    Resolver resolver(clock_, local);
    EXPECT_EQ(look_up(resolver, kName).status, DnsStatus::timeout);
  }
  io_.restart();
  io_.run_for(200ms);  // what the resolver left behind must not touch it
}

TEST_F(ResolverTest, ATrustAnchorThatCannotBeReadIsNamed) {
  const std::string garbage = testing::TempDir() + "garbage.key";
  std::ofstream(garbage) << "example. IN DS 1 2 not hexadecimal\n";
  for (const std::string& file : {std::string("/nowhere/root.key"), garbage}) {
    ResolverOptions local = options({dns_.port()});
    local.validate_locally = true;
    local.trust_anchor_file = file;
    try {
      const Resolver resolver(clock_, local);
      FAIL() << file;
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("dns.trust_anchor: '" + file + "'"));
    }
  }
}

TEST_F(ResolverTest, EveryServerIsTriedHoweverFewTheAttempts) {
  Resolver resolver(clock_, options({silent_.port(), silent_.port(), dns_.port()}));
  EXPECT_EQ(look_up(resolver, kName).status, DnsStatus::answered);
}

TEST_F(ResolverTest, ADeadFirstServerCostsOneLookupOnly) {
  Resolver resolver(clock_, options({silent_.port(), dns_.port()}));
  EXPECT_EQ(look_up(resolver, kName).status, DnsStatus::answered);
  const std::uint64_t asked = silent_.queries();
  EXPECT_EQ(look_up(resolver, kName).status, DnsStatus::answered);
  EXPECT_EQ(silent_.queries(), asked);
}

TEST_F(ResolverTest, AServerThatIsBackIsAskedFirstAgain) {
  Resolver resolver(clock_, options({silent_.port(), dns_.port()}));
  look_up(resolver, kName);
  lab::DnsSet record;
  record.txt = {"here"};
  silent_.put(kName, record);
  silent_.set_mode(lab::DnsMode::answer);
  run(check(resolver));
  const std::uint64_t asked = silent_.queries();
  EXPECT_EQ(look_up(resolver, kName).status, DnsStatus::answered);
  EXPECT_EQ(silent_.queries(), asked + 1);
}

TEST_F(ResolverTest, OneDeadZoneDoesNotMakeTheServerSilent) {
  Resolver resolver(clock_, options({dns_.port()}));
  const DnsLookup lookup = look_up(resolver, "dead.example.test");
  EXPECT_EQ(lookup.status, DnsStatus::timeout);
  EXPECT_FALSE(lookup.resolver_down);
  EXPECT_EQ(resolver.answering(), (std::map<IpFamily, bool>{{IpFamily::ipv4, true}}));
  dns_.set_mode(lab::DnsMode::silent);
  EXPECT_TRUE(look_up(resolver, kName).resolver_down);
  EXPECT_EQ(resolver.answering(), (std::map<IpFamily, bool>{{IpFamily::ipv4, false}}));
}

TEST_F(ResolverTest, OneLostQueryDoesNotMakeTheServerSilent) {
  lab::DnsSet failing;
  failing.fault = lab::DnsFault::servfail;
  dns_.put(kName, failing);
  lab::DnsSet root;
  root.fault = lab::DnsFault::lose_first;
  dns_.put("", root);
  ResolverOptions twice = options({dns_.port()});
  twice.attempts = 2;
  Resolver resolver(clock_, twice);
  const DnsLookup lookup = look_up(resolver, kName);
  EXPECT_EQ(lookup.status, DnsStatus::servfail);
  EXPECT_FALSE(lookup.resolver_down);
}

/// Looks names up one after the other, and says whether one of them found the server down.
asio::awaitable<bool> ever_down(Resolver& resolver, int number) {
  bool down = false;
  for (int i = 0; i < 100; ++i) {
    const TxtObservation seen = co_await resolver.observe_txt("f" + std::to_string(number) + ".example.test");
    down = down || seen.lookup.resolver_down;
  }
  co_return down;
}

TEST_F(ResolverTest, WhoSharesAHealthCheckGetsItsAnswer) {
  constexpr int kAtOnce = 20;
  asio::io_context elsewhere;  // so that several answers wait at once
  lab::DnsServer server(elsewhere, 0);
  lab::DnsSet failing;
  failing.fault = lab::DnsFault::servfail;
  for (int i = 0; i < kAtOnce; ++i) server.put("f" + std::to_string(i) + ".example.test", failing);
  server.start();
  std::thread thread([&elsewhere] { elsewhere.run(); });
  Resolver resolver(clock_, options({server.port()}));
  std::vector<bool> down;
  for (int i = 0; i < kAtOnce; ++i)
    asio::co_spawn(io_, ever_down(resolver, i), [&down](const std::exception_ptr&, bool was) { down.push_back(was); });
  while (down.size() < kAtOnce) io_.run_one();
  elsewhere.stop();
  thread.join();
  EXPECT_EQ(std::count(down.begin(), down.end(), true), 0);
}

TEST_F(ResolverTest, ANameThatDnsCannotCarryDoesNotExist) {
  Resolver resolver(clock_, options({silent_.port()}));
  const DnsLookup lookup = look_up(resolver, "_mta-sts." + std::string(60, 'a') + "." + std::string(60, 'b') + "." +
                                                 std::string(60, 'c') + "." + std::string(60, 'd') + ".example");
  EXPECT_EQ(lookup.status, DnsStatus::nxdomain);
  EXPECT_FALSE(lookup.resolver_down);
  EXPECT_EQ(silent_.queries(), 0U);
}

}  // namespace
}  // namespace mtasts
