// One limit for a session on one socket: when it passes, the socket's waits end and `expired()` says why.
// Next: connection.h, whose every wait runs under it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "probes/net/loop_clock.h"

namespace mtasts {

/// Calls `cancel` once `limit` has passed on the loop's own clock (lateness of ours does not count). The handler may
/// already be queued when the Deadline dies, so what it touches lives in shared state. `cancel` is called once, and may
/// find nothing to cancel because a wait has just completed: whoever waits again looks at expired() first.
class Deadline {
 public:
  Deadline(LoopClock& clock, std::chrono::nanoseconds limit, std::function<void()> cancel)
      : use_(clock), state_(std::make_shared<State>(clock, limit, std::move(cancel))) {
    arm(state_);
  }
  ~Deadline() {
    state_->cancel = nullptr;
    state_->timer.cancel();
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  [[nodiscard]] bool expired() const { return state_->expired; }

  /// Time since the start, lateness of ours taken off.
  [[nodiscard]] std::chrono::nanoseconds elapsed() const { return state_->elapsed(); }

  /// Moves the end so that from now on at least, or at most, `time` is left. A deadline that has struck lives again.
  void leave_at_least(std::chrono::nanoseconds time) { end_at(std::max(state_->limit, elapsed() + time)); }
  void leave_at_most(std::chrono::nanoseconds time) { end_at(std::min(state_->limit, elapsed() + time)); }

 private:
  struct State {
    State(LoopClock& loop, std::chrono::nanoseconds time, std::function<void()> on_expiry)
        : clock(loop),
          timer(loop.io()),
          start(std::chrono::steady_clock::now()),
          lost_at_start(loop.lost()),
          limit(time),
          cancel(std::move(on_expiry)) {}

    [[nodiscard]] std::chrono::nanoseconds elapsed() const {
      return std::chrono::steady_clock::now() - start - (clock.lost() - lost_at_start);
    }

    LoopClock& clock;
    boost::asio::steady_timer timer;
    SteadyTime start;
    std::chrono::nanoseconds lost_at_start;
    std::chrono::nanoseconds limit;
    std::function<void()> cancel;
    bool expired{};
  };

  void end_at(std::chrono::nanoseconds limit) {
    if (limit == state_->limit) return;
    state_->limit = limit;
    state_->expired = false;
    arm(state_);
  }

  static void arm(const std::shared_ptr<State>& state) {
    state->timer.expires_at(state->start + state->limit + (state->clock.lost() - state->lost_at_start));
    state->timer.async_wait([state](const boost::system::error_code& error) {
      if (error || !state->cancel) return;
      if (state->elapsed() < state->limit) return arm(state);
      state->expired = true;
      state->cancel();
    });
  }

  LoopClock::Use use_;
  std::shared_ptr<State> state_;
};

/// Ends a socket's waits; one that is not open has none.
template <class Socket>
void cancel_waits(Socket& socket) {
  boost::system::error_code ignored;
  socket.cancel(ignored);
}

}  // namespace mtasts
