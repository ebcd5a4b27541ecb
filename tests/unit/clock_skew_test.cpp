// SPDX-License-Identifier: Apache-2.0
#include "probes/core/clock_skew.h"

#include <gtest/gtest.h>

namespace mtasts {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::seconds;

constexpr UnixTime kNow{seconds{1'800'000'000}};

std::string host(std::size_t number) { return "host" + std::to_string(number); }

TEST(ClockSkew, AsksThreeHostsBeforeItIsSure) {
  ClockSkew skew;
  EXPECT_EQ(skew.guess(), std::nullopt);
  skew.note(host(0), 100s);
  skew.note(host(1), 100s);
  skew.note(host(1), 100s);
  EXPECT_EQ(skew.believed(true), std::nullopt);
  EXPECT_EQ(skew.guess(), 100s);
  skew.note(host(2), 100s);
  EXPECT_EQ(skew.believed(true), 100s);
}

TEST(ClockSkew, BelievesAFewHostsOnlyWhereNobodyKeepsTheClock) {
  ClockSkew skew;
  skew.note(host(0), -100s);
  EXPECT_EQ(skew.believed(false), -100s);
  EXPECT_EQ(skew.believed(true), std::nullopt);
}

TEST(ClockSkew, AFewWrongClocksMoveNothing) {
  ClockSkew skew;
  for (std::size_t i = 0; i < 7; ++i) skew.note(host(i), seconds{i % 2});
  skew.note(host(7), 86400s * 365);
  skew.note(host(8), -86400s * 365);
  EXPECT_GE(skew.believed(true), 0s);
  EXPECT_LE(skew.believed(true), 1s);
}

TEST(ClockSkew, ForgetsTheOldest) {
  ClockSkew skew;
  for (std::size_t i = 0; i < ClockSkew::kMostHosts; ++i) skew.note(host(i), 0s);
  for (std::size_t i = 100; i < 100 + ClockSkew::kMostHosts / 2 + 1; ++i) skew.note(host(i), 3600s);
  EXPECT_EQ(skew.believed(true), 3600s);
}

TlsObservation chain_valid(UnixTime from, UnixTime until) {
  TlsObservation tls;
  tls.chain.push_back({.not_before = kNow - 3650 * days{1}, .not_after = kNow + 3650 * days{1}});
  tls.chain.push_back({.not_before = from, .not_after = until});
  return tls;
}

TEST(ClockDecides, OnlyWhereTheRightClockWouldSayOtherwise) {
  const TlsObservation ended_yesterday = chain_valid(kNow - days{90}, kNow - days{1});
  EXPECT_TRUE(clock_decides(ended_yesterday, kNow, days{2})) << "we are two days ahead: it is still valid";
  EXPECT_FALSE(clock_decides(ended_yesterday, kNow, 1h)) << "it has expired by either clock";
  EXPECT_FALSE(clock_decides(ended_yesterday, kNow, -days{2}));
  const TlsObservation ends_tomorrow = chain_valid(kNow - days{90}, kNow + days{1});
  EXPECT_TRUE(clock_decides(ends_tomorrow, kNow, -days{2})) << "we are two days behind: it has expired";
  EXPECT_FALSE(clock_decides(ends_tomorrow, kNow, days{2}));
  const TlsObservation begins_tomorrow = chain_valid(kNow + days{1}, kNow + days{90});
  EXPECT_TRUE(clock_decides(begins_tomorrow, kNow, -days{2})) << "not yet valid, by our clock alone";
}

}  // namespace
}  // namespace mtasts
