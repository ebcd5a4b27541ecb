// SPDX-License-Identifier: Apache-2.0
#include "probes/core/own_trouble.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace mtasts {
namespace {

using testing::HasSubstr;

IpAddress address(IpFamily family, unsigned char last) {
  IpAddress made{.family = family};
  made.octets[family == IpFamily::ipv4 ? 3 : 15] = last;
  return made;
}

const IpAddress kFirst4 = address(IpFamily::ipv4, 1);
const IpAddress kSecond4 = address(IpFamily::ipv4, 2);
const IpAddress kFirst6 = address(IpFamily::ipv6, 1);

NetFailure connect_failure(NetError error) { return {.stage = NetStage::connect, .error = error, .text = "the text"}; }

SmtpObservation session(const IpAddress& to, std::optional<NetError> error = {}) {
  SmtpObservation seen{.address = to};
  if (error) seen.failure = connect_failure(*error);
  return seen;
}

MxHostObservation host_with(std::vector<SmtpObservation> sessions) {
  MxHostObservation seen{.host = "mx.example"};
  seen.lookup.ipv4 = DnsLookup{.status = DnsStatus::answered};
  seen.lookup.ipv6 = DnsLookup{.status = DnsStatus::answered};
  for (const SmtpObservation& one : sessions) seen.lookup.addresses.push_back(one.address);
  seen.sessions = std::move(sessions);
  return seen;
}

TEST(OwnTrouble, APeersFailuresStay) {
  MxHostObservation seen =
      host_with({session(kFirst4), session(kSecond4, NetError::timeout), session(kFirst6, NetError::refused)});
  EXPECT_EQ(take_out_own_trouble(seen), std::nullopt);
  EXPECT_EQ(seen.sessions.size(), 3U);
  EXPECT_TRUE(seen.lookup.ipv4 && seen.lookup.ipv6);
}

TEST(OwnTrouble, AFamilyWithoutRouteVanishes) {
  MxHostObservation seen = host_with({session(kFirst4), session(kFirst6, NetError::no_route)});
  EXPECT_EQ(take_out_own_trouble(seen), std::nullopt);
  ASSERT_EQ(seen.sessions.size(), 1U);
  EXPECT_EQ(seen.sessions[0].address, kFirst4);
  EXPECT_TRUE(seen.lookup.ipv4);
  EXPECT_FALSE(seen.lookup.ipv6);
  EXPECT_EQ(seen.lookup.addresses.size(), 1U);
}

TEST(OwnTrouble, AFamilyThatReachesOneAddressStays) {
  MxHostObservation seen = host_with({session(kFirst4, NetError::no_route), session(kSecond4)});
  EXPECT_EQ(take_out_own_trouble(seen), std::nullopt);
  ASSERT_EQ(seen.sessions.size(), 1U);
  EXPECT_EQ(seen.sessions[0].address, kSecond4);
  EXPECT_TRUE(seen.lookup.ipv4);
}

TEST(OwnTrouble, WithoutAnyRouteTheObservationIsSpoiled) {
  MxHostObservation seen = host_with({session(kFirst4, NetError::no_route), session(kFirst6, NetError::no_route)});
  EXPECT_THAT(take_out_own_trouble(seen).value_or(""), HasSubstr("the text"));
}

TEST(OwnTrouble, LocalTroubleSpoilsEvenBesideAGoodSession) {
  MxHostObservation seen = host_with({session(kFirst4), session(kSecond4, NetError::local)});
  EXPECT_THAT(take_out_own_trouble(seen).value_or(""), HasSubstr("this machine"));
}

TEST(OwnTrouble, NoAddressIsNoTroubleOfOurs) {
  MxHostObservation seen = host_with({});
  EXPECT_EQ(take_out_own_trouble(seen), std::nullopt);
}

TEST(OwnTrouble, AHostMayHaveAnAddressOfTheFamilyThatIsNotAskedFor) {
  const DnsLookup nodata{.status = DnsStatus::nodata}, nxdomain{.status = DnsStatus::nxdomain};
  const DnsLookup servfail{.status = DnsStatus::servfail}, answered{.status = DnsStatus::answered};
  EXPECT_EQ(family_left_out("mta-sts.example", {.ipv4 = nodata}),
            "mta-sts.example has no IPv4 address, and smtp.ip_families leaves out IPv6");
  EXPECT_EQ(family_left_out("mta-sts.example", {.ipv6 = nodata}),
            "mta-sts.example has no IPv6 address, and smtp.ip_families leaves out IPv4");
  EXPECT_EQ(family_left_out("mta-sts.example", {.ipv4 = nodata, .ipv6 = nodata}), std::nullopt);
  EXPECT_EQ(family_left_out("mta-sts.example", {.ipv4 = nxdomain}), std::nullopt) << "RFC 8020: there is no such name";
  EXPECT_EQ(family_left_out("mta-sts.example", {.ipv4 = servfail}), std::nullopt) << "the resolver's word counts";
  EXPECT_EQ(family_left_out("mta-sts.example", {.ipv4 = answered, .addresses = {kFirst4}}), std::nullopt);
  EXPECT_EQ(family_left_out("mta-sts.example", {}), std::nullopt) << "nobody asked";
}

TEST(OwnTrouble, OnlyAConnectionThatBroughtNothingIsSilent) {
  for (const NetError error : {NetError::timeout, NetError::unreachable, NetError::no_route})
    EXPECT_TRUE(silent(connect_failure(error)));
  for (const NetError error : {NetError::refused, NetError::reset, NetError::closed})
    EXPECT_FALSE(silent(connect_failure(error)));
  EXPECT_FALSE(silent(std::nullopt));
  EXPECT_FALSE(silent(NetFailure{.stage = NetStage::greeting, .error = NetError::timeout})) << "it took the connection";
}

TEST(OwnTrouble, AReportHostIsJudgedByTheFamiliesThatThisMachineHas) {
  ReportTargetObservation seen;
  seen.lookup.addresses = {kFirst4, kFirst6};
  seen.attempts = {{.address = kFirst4, .failure = connect_failure(NetError::refused)},
                   {.address = kFirst6, .failure = connect_failure(NetError::no_route)}};
  EXPECT_EQ(take_out_own_trouble(seen), std::nullopt);
  ASSERT_EQ(seen.attempts.size(), 1U);
  EXPECT_EQ(seen.attempts[0].address, kFirst4);
}

TEST(OwnTrouble, WhatIsTakenOutForOneDomainStaysForOthers) {
  const auto others = std::make_shared<const ReportTargetObservation>();
  auto mine = others;
  own_copy(mine).spoiled = "ours";
  EXPECT_EQ(mine->spoiled, "ours");
  EXPECT_EQ(others->spoiled, std::nullopt);
}

}  // namespace
}  // namespace mtasts
