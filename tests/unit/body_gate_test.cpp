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
  std::shared_ptr<BodyPlace> enter(const std::string& source, const std::string& name) {
    return gate_->enter(source, [this, name] { gave_way_.push_back(name); });
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
  const auto first = enter("a", "a1");
  const auto second = enter("a", "a2");
  const auto other = enter("b", "b1");
  first->complete();
  second->complete();
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
  done->complete();
  const auto next = enter("b", "b1");
  EXPECT_FALSE(next->grow(20));
  EXPECT_EQ(gate_->octets(), 90u);
}

}  // namespace
}  // namespace mtasts
