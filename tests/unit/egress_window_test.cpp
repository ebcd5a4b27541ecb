// SPDX-License-Identifier: Apache-2.0
#include "probes/core/egress_window.h"

#include <gtest/gtest.h>

namespace mtasts {
namespace {

std::string peer(std::size_t number) { return "peer" + std::to_string(number); }

TEST(EgressWindow, KnowsNothingAtFirst) {
  const EgressWindow window;
  EXPECT_FALSE(window.known());
  EXPECT_FALSE(window.lost());
}

TEST(EgressWindow, TwoSilentPeersAreEnoughWhereNothingEverGotThrough) {
  EgressWindow window;
  window.record(peer(0), false);
  EXPECT_TRUE(window.known());
  EXPECT_FALSE(window.lost());
  window.record(peer(0), false);
  EXPECT_FALSE(window.lost()) << "the same peer again";
  window.record(peer(1), false);
  EXPECT_TRUE(window.lost());
}

TEST(EgressWindow, FewPeersSayNothingOnceOneAnswered) {
  EgressWindow window;
  window.record(peer(0), true);
  for (std::size_t i = 0; i < EgressWindow::kLeast - 1; ++i) window.record(peer(i), false);
  EXPECT_FALSE(window.lost());
  window.record(peer(EgressWindow::kLeast - 1), false);
  EXPECT_TRUE(window.lost());
}

TEST(EgressWindow, OneAnswerOpensTheWay) {
  EgressWindow window;
  for (std::size_t i = 0; i < 5; ++i) window.record(peer(i), false);
  ASSERT_TRUE(window.lost());
  window.record(peer(3), true);
  EXPECT_FALSE(window.lost());
}

TEST(EgressWindow, ManyPeersNeedOnlyTheLastTwenty) {
  EgressWindow window;
  for (std::size_t i = 0; i < 100; ++i) window.record(peer(i), true);
  for (std::size_t i = 0; i + 1 < EgressWindow::kEnough; ++i) window.record(peer(50 + i), false);
  EXPECT_FALSE(window.lost());
  window.record(peer(90), false);
  EXPECT_TRUE(window.lost());
}

}  // namespace
}  // namespace mtasts
