// SPDX-License-Identifier: Apache-2.0
#include "probes/net/handshake_gate.h"

#include <algorithm>

namespace mtasts {
namespace {

constexpr std::size_t kStart = 64;
constexpr std::size_t kLeast = 8;
constexpr std::size_t kMost = 8192;
// A handshake has about four turns; at this lag each, one of 100 ms takes three times as long: time to take on less.
constexpr std::chrono::milliseconds kLate{50};
constexpr std::chrono::milliseconds kOnTime{15};

}  // namespace

HandshakeGate::HandshakeGate(LoopClock& clock) : clock_(clock), waiting_(clock.io()), limit_(kStart) {
  clock_.on_tick([this](std::chrono::nanoseconds lag) { adapt(lag); });
}

boost::asio::awaitable<HandshakeGate::Pass> HandshakeGate::enter() {
  const LoopClock::Use use{clock_};
  if (running_ >= limit_ || !waiting_.empty()) {
    co_await waiting_.wait();  // wake() has counted us in
  } else {
    ++running_;
  }
  co_return Pass(*this);
}

void HandshakeGate::leave() {
  --running_;
  wake();
}

void HandshakeGate::wake() {
  while (!waiting_.empty() && running_ < limit_) {
    ++running_;
    waiting_.wake_one();
  }
}

void HandshakeGate::adapt(std::chrono::nanoseconds lag) {
  if (lag > kLate) {
    limit_ = std::max(kLeast, limit_ * 3 / 4);
  } else if (lag < kOnTime && !waiting_.empty()) {
    limit_ = std::min(kMost, limit_ + std::max<std::size_t>(1, limit_ / 8));
    wake();
  }
}

}  // namespace mtasts
