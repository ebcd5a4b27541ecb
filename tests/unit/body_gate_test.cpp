// SPDX-License-Identifier: Apache-2.0
#include "exporter/body_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace mtasts {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class BodyGateTest : public testing::Test {
 protected:
  std::shared_ptr<BodyPlace> enter(const std::string& source, const std::string& name, bool of_many = false) {
    return gate_->enter({source, of_many}, [this, name] { gave_way_.push_back(name); });
  }

  std::shared_ptr<BodyGate> gate_{std::make_shared<BodyGate>(3, 100)};
  std::vector<std::string> gave_way_{};
};

TEST_F(BodyGateTest, PlacesComeBack) {
  auto one = enter("a", "a1");
  {
    const auto two = enter("b", "b1");
    EXPECT_TRUE(two->grow(40));
    EXPECT_EQ(gate_->octets(), 40u);
  }
  EXPECT_EQ(gate_->octets(), 0u);
  EXPECT_EQ(gate_->taken(), 1u);
  gate_.reset();  // a place may outlive everybody else's interest in the gate
  one.reset();
  EXPECT_THAT(gave_way_, IsEmpty());
}

TEST_F(BodyGateTest, TheOldestOfWhoHasMostGivesWay) {
  const auto other = enter("b", "b1");
  const auto first = enter("a", "a1");
  const auto second = enter("a", "a2");
  const auto newcomer = enter("c", "c1");
  EXPECT_NE(newcomer, nullptr);
  EXPECT_THAT(gave_way_, ElementsAre("a1"));
  EXPECT_FALSE(first->grow(1));
  EXPECT_TRUE(second->grow(1));
  EXPECT_EQ(gate_->taken(), 3u);
}

TEST_F(BodyGateTest, ASourceIsInItsOwnWayFirst) {
  const auto other = enter("b", "b1");
  const auto first = enter("a", "a1");
  const auto second = enter("a", "a2");
  EXPECT_NE(enter("a", "a3"), nullptr);
  EXPECT_THAT(gave_way_, ElementsAre("a1"));
}

TEST_F(BodyGateTest, AmongEqualsTheOldestGivesWay) {
  const auto first = enter("a", "a1");
  const auto second = enter("b", "b1");
  const auto third = enter("c", "c1");
  EXPECT_NE(enter("d", "d1"), nullptr);
  EXPECT_THAT(gave_way_, ElementsAre("a1"));
}

TEST_F(BodyGateTest, WhatIsCompleteStaysAndTheNewcomerIsRefused) {
  const auto first = enter("a", "a1", true);
  const auto second = enter("a", "a2", true);
  const auto other = enter("b", "b1");
  EXPECT_TRUE(first->complete());
  EXPECT_TRUE(second->complete());
  EXPECT_EQ(enter("a", "a3"), nullptr) << "the source that has most may not push out one that has less";
  EXPECT_NE(enter("c", "c1"), nullptr);
  EXPECT_THAT(gave_way_, ElementsAre("b1"));
}

TEST_F(BodyGateTest, OctetsAreSharedOutAsPlacesAre) {
  const auto large = enter("a", "a1");
  const auto small = enter("b", "b1");
  EXPECT_TRUE(large->grow(80));
  EXPECT_TRUE(small->grow(20));
  EXPECT_TRUE(small->grow(30));
  EXPECT_THAT(gave_way_, ElementsAre("a1"));
  EXPECT_FALSE(large->grow(81));
  EXPECT_EQ(gate_->octets(), 30u);
}

TEST_F(BodyGateTest, WhoGrowsBeyondEveryoneGivesWayItself) {
  const auto small = enter("b", "b1");
  const auto large = enter("a", "a1");
  EXPECT_TRUE(small->grow(20));
  EXPECT_TRUE(large->grow(80));
  EXPECT_FALSE(large->grow(81));
  EXPECT_THAT(gave_way_, ElementsAre("a1"));
  EXPECT_EQ(gate_->octets(), 20u);
}

TEST_F(BodyGateTest, CompleteBodiesLeaveNoRoomForMore) {
  const auto done = enter("a", "a1");
  EXPECT_TRUE(done->grow(90));
  EXPECT_TRUE(done->complete());
  const auto next = enter("b", "b1");
  EXPECT_FALSE(next->grow(20));
  EXPECT_EQ(gate_->octets(), 90u);
}

TEST_F(BodyGateTest, ASourceHasItsShareOfCompleteBodies) {
  gate_ = std::make_shared<BodyGate>(12, 1000);  // three of them, and 250 octets
  std::vector<std::shared_ptr<BodyPlace>> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(enter("a", "a"));
    EXPECT_TRUE(waiting.back()->complete()) << i;
  }
  const auto one_more = enter("a", "a");
  EXPECT_FALSE(one_more->complete());
  const auto other = enter("b", "b");
  EXPECT_TRUE(other->complete());
  waiting.pop_back();
  EXPECT_TRUE(one_more->complete()) << "one of them has been dealt with";
}

TEST_F(BodyGateTest, ASourceHasItsShareOfOctetsButAlwaysOneBody) {
  gate_ = std::make_shared<BodyGate>(12, 1000);
  const auto large = enter("a", "a1");
  EXPECT_TRUE(large->grow(300));
  EXPECT_TRUE(large->complete());
  const auto small = enter("a", "a2");
  EXPECT_TRUE(small->grow(1));
  EXPECT_FALSE(small->complete());
  const auto other = enter("b", "b1");
  EXPECT_TRUE(other->grow(250));
  EXPECT_TRUE(other->complete());
}

TEST_F(BodyGateTest, AProxyHasNoShare) {
  std::vector<std::shared_ptr<BodyPlace>> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(enter("proxy", "p", true));
    EXPECT_TRUE(waiting.back()->complete()) << i;
  }
}

TEST_F(BodyGateTest, WhoGaveWayIsNotComplete) {
  const auto first = enter("a", "a1");
  const auto second = enter("a", "a2");
  const auto third = enter("a", "a3");
  const auto fourth = enter("a", "a4");
  EXPECT_FALSE(first->complete());
  EXPECT_TRUE(second->complete());
}

}  // namespace
}  // namespace mtasts
