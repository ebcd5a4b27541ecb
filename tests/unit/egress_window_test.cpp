// SPDX-License-Identifier: Apache-2.0
#include "probes/core/egress_window.h"

#include <gtest/gtest.h>

namespace mtasts {
namespace {

std::string peer(std::size_t number) { return "peer" + std::to_string(number); }

/// A window in which the first `count` peers have answered.
EgressWindow answered_by(std::size_t count) {
  EgressWindow window{2};
  for (std::size_t i = 0; i < count; ++i) window.reached(peer(i));
  return window;
}

TEST(EgressWindow, KnowsNothingAtFirst) {
  const EgressWindow window{2};
  EXPECT_EQ(window.open(), std::nullopt);
  EXPECT_FALSE(window.lost());
}

TEST(EgressWindow, DoubtsItselfWhereNothingEverGotThrough) {
  EgressWindow window{2};
  window.silent(peer(0));
  window.silent(peer(0));
  EXPECT_FALSE(window.lost()) << "the same peer twice";
  EXPECT_EQ(window.open(), std::nullopt) << "silence proves nothing";
  window.silent(peer(1));
  EXPECT_TRUE(window.lost());
  EXPECT_EQ(window.open(), false);
}

TEST(EgressWindow, OneSilentPeerMayBeEnoughAtFirst) {
  EgressWindow window{1};
  window.silent(peer(0));
  EXPECT_TRUE(window.lost());
  window.reached(peer(1));
  window.silent(peer(0));
  EXPECT_FALSE(window.lost()) << "the way is open: that peer is down";
}

TEST(EgressWindow, FewPeersMayBeDownTogether) {
  EgressWindow window = answered_by(EgressWindow::kLeast - 1);
  for (std::size_t i = 0; i < EgressWindow::kLeast - 1; ++i) window.silent(peer(i));
  EXPECT_FALSE(window.lost());
  EXPECT_EQ(window.open(), true);
}

TEST(EgressWindow, IsLostWhenEveryPeerThatAnsweredFallsSilent) {
  EgressWindow window = answered_by(EgressWindow::kLeast);
  for (std::size_t i = 0; i + 1 < EgressWindow::kLeast; ++i) window.silent(peer(i));
  EXPECT_FALSE(window.lost());
  window.silent(peer(EgressWindow::kLeast - 1));
  EXPECT_TRUE(window.lost());
}

TEST(EgressWindow, OneAnswerOpensTheWay) {
  EgressWindow window = answered_by(5);
  for (std::size_t i = 0; i < 5; ++i) window.silent(peer(i));
  ASSERT_TRUE(window.lost());
  window.reached(peer(3));
  EXPECT_FALSE(window.lost());
  EXPECT_EQ(window.open(), true);
}

TEST(EgressWindow, ManyPeersNeedOnlyTheLastTwenty) {
  EgressWindow window = answered_by(100);
  for (std::size_t i = 0; i + 1 < EgressWindow::kEnough; ++i) window.silent(peer(50 + i));
  EXPECT_FALSE(window.lost());
  window.silent(peer(90));
  EXPECT_TRUE(window.lost());
}

TEST(EgressWindow, PeersThatWereDownBeforeSayNothing) {
  EgressWindow window = answered_by(5);
  for (std::size_t i = 100; i < 102; ++i) window.silent(peer(i));
  window.reached(peer(0));
  for (std::size_t round = 0; round < 10; ++round)
    for (std::size_t i = 100; i < 102; ++i) window.silent(peer(i));
  for (std::size_t i = 0; i < 4; ++i) window.silent(peer(i));
  EXPECT_FALSE(window.lost()) << "four of five that answer";
  window.silent(peer(4));
  EXPECT_TRUE(window.lost());
}

TEST(EgressWindow, APeerThatIsDownIsNoLongerWaitedFor) {
  EgressWindow window = answered_by(5);
  window.silent(peer(4));
  window.reached(peer(0));
  for (std::size_t i = 0; i < 4; ++i) window.silent(peer(i));
  EXPECT_TRUE(window.lost());
}

TEST(EgressWindow, APeerThatReturnsCountsAgain) {
  EgressWindow window = answered_by(4);
  window.silent(peer(3));
  window.reached(peer(0));
  window.reached(peer(3));
  for (std::size_t i = 0; i < 3; ++i) window.silent(peer(i));
  EXPECT_FALSE(window.lost());
  window.silent(peer(3));
  EXPECT_TRUE(window.lost());
}

TEST(EgressWindow, APeerWatchedNoLongerIsNotWaitedFor) {
  EgressWindow window = answered_by(5);
  window.forget(peer(4));
  for (std::size_t i = 0; i < 4; ++i) window.silent(peer(i));
  EXPECT_TRUE(window.lost());
}

}  // namespace
}  // namespace mtasts
