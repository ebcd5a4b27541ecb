// SPDX-License-Identifier: Apache-2.0
#include "probes/net/loop_clock.h"

#include <algorithm>
#include <utility>

namespace mtasts {
namespace {

constexpr std::chrono::milliseconds kTick{20};
// A timer of the kernel is this late on an idle machine.
constexpr std::chrono::milliseconds kTolerance{2};

}  // namespace

LoopClock::LoopClock(boost::asio::io_context& io, std::shared_ptr<WorkMeter> work)
    : io_(io), work_(std::move(work)), timer_(io) {}

LoopClock::Use::Use(LoopClock& clock) : clock_(clock) {
  if (clock_.users_++ == 0) clock_.schedule();
}

LoopClock::Use::~Use() {
  if (--clock_.users_ == 0) clock_.timer_.cancel();
}

void LoopClock::schedule() {
  timer_.expires_after(kTick);
  timer_.async_wait([this, alive = std::weak_ptr<void>(alive_)](const boost::system::error_code& error) {
    if (error || alive.expired() || users_ == 0) return;
    const auto late = std::chrono::steady_clock::now() - timer_.expiry();
    lag_ = late > kTolerance ? std::chrono::duration_cast<std::chrono::nanoseconds>(late) : std::chrono::nanoseconds{};
    lost_ += lag_;
    if (listener_) listener_(lag_);
    schedule();
  });
}

}  // namespace mtasts
