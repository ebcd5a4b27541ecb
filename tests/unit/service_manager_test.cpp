// SPDX-License-Identifier: Apache-2.0
#include "exporter/service_manager.h"

#include <gtest/gtest.h>

#include <utility>

namespace mtasts {
namespace {

/// A loop that turns when it is told to.
struct Loop {
  std::vector<std::function<void()>> tasks{};

  Pulse::Post post() {
    return [this](std::function<void()> task) { tasks.push_back(std::move(task)); };
  }
  void turn() {
    for (const auto& task : std::exchange(tasks, {})) task();
  }
};

TEST(Pulse, IsFeltWhileAllLoopsTurn) {
  Loop one;
  Loop other;
  Pulse pulse({one.post(), other.post()});
  EXPECT_TRUE(pulse.felt());
  EXPECT_FALSE(pulse.felt());
  one.turn();
  EXPECT_FALSE(pulse.felt()) << "the other hangs";
  other.turn();
  EXPECT_TRUE(pulse.felt());
  other.turn();
  EXPECT_FALSE(pulse.felt());
  EXPECT_EQ(one.tasks.size(), 1U) << "a loop that hangs is not asked again and again";
  one.turn();
  EXPECT_TRUE(pulse.felt());
}

TEST(Pulse, OutlivesNobody) {
  Loop loop;
  { EXPECT_TRUE(Pulse({loop.post()}).felt()); }
  loop.turn();
}

}  // namespace
}  // namespace mtasts
