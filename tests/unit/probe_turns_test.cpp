// SPDX-License-Identifier: Apache-2.0
#include "exporter/probe_turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

namespace mtasts::test {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<std::string> dropped(ProbeTurns& turns) {
  std::vector<std::string> keys;
  turns.take_dropped([&keys](const std::string& key) { keys.push_back(key); });
  return keys;
}

TEST(ProbeTurns, FindsWhatWasDropped) {
  ProbeTurns turns;
  {
    const ProbeTurns::Turn first(turns, "d example.org");
    const ProbeTurns::Turn second(turns, "m mx.example.org");
    EXPECT_THAT(dropped(turns), IsEmpty());
  }
  EXPECT_THAT(dropped(turns), UnorderedElementsAre("d example.org", "m mx.example.org"));
  EXPECT_THAT(dropped(turns), IsEmpty());
}

TEST(ProbeTurns, ForgetsWhatWasGivenBack) {
  ProbeTurns turns;
  std::optional<ProbeTurns::Turn> turn(std::in_place, turns, "d example.org");
  turn->give_back();
  turn.reset();
  EXPECT_THAT(dropped(turns), IsEmpty());
}

TEST(ProbeTurns, BelongToTheLastWhoGetsThem) {
  ProbeTurns turns;
  ProbeTurns::Turn turn(turns, "d example.org");
  std::thread([moved = std::move(turn)] { EXPECT_EQ(moved.key(), "d example.org"); }).join();
  EXPECT_THAT(dropped(turns), UnorderedElementsAre("d example.org"));
}

}  // namespace
}  // namespace mtasts::test
