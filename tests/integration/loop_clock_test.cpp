// The loop's clock at the moments at which it begins and ends.
// SPDX-License-Identifier: Apache-2.0
#include "probes/net/loop_clock.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

namespace mtasts {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMoreThanATick{60};

TEST(LoopClock, TicksWhileItIsUsed) {
  boost::asio::io_context io{1};
  LoopClock clock(io);
  int ticks = 0;
  std::optional<LoopClock::Use> use(clock);
  clock.on_tick([&](std::chrono::nanoseconds) {
    if (++ticks == 3) use.reset();
  });
  io.run();  // ends when nobody waits any more
  EXPECT_EQ(ticks, 3);
}

TEST(LoopClock, CountsTheTimeThatTheLoopWasLate) {
  boost::asio::io_context io{1};
  LoopClock clock(io);
  std::optional<LoopClock::Use> use(clock);
  clock.on_tick([&](std::chrono::nanoseconds) { use.reset(); });
  boost::asio::post(io, [] { std::this_thread::sleep_for(kMoreThanATick); });
  io.run();
  EXPECT_GT(clock.lost(), kMoreThanATick / 2);
}

// A reload replaces the clock, and a tick that is due then has its turn afterwards.
TEST(LoopClock, MayEndWhileATickIsDue) {
  boost::asio::io_context io{1};
  auto clock = std::make_unique<LoopClock>(io);  // on the heap, so that the sanitizers see a use after its end
  std::optional<LoopClock::Use> use(*clock);
  bool ticked = false;
  clock->on_tick([&](std::chrono::nanoseconds) { ticked = true; });
  boost::asio::steady_timer before_the_tick(io, milliseconds{1});
  before_the_tick.async_wait([&](const boost::system::error_code&) {
    use.reset();
    clock.reset();
  });
  std::this_thread::sleep_for(kMoreThanATick);  // both are due now, and the loop collects them together
  io.run();
  EXPECT_FALSE(ticked);
  EXPECT_EQ(clock, nullptr);
}

}  // namespace
}  // namespace mtasts
