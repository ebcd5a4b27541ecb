// Time as a peer should be judged by: the clock of one event loop, with the time that the loop itself was late taken
// off. Next: deadline.h, which uses it for every limit; handshake_gate.h, which keeps the lateness small.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "probes/net/work_meter.h"

namespace mtasts {

using SteadyTime = std::chrono::steady_clock::time_point;

/// Measures how late the event loop runs its handlers. A busy prober hands late answers to its own probes; what it
/// was late may never count against a peer. Ticks only while somebody holds a Use, so that an idle daemon sleeps.
class LoopClock {
 public:
  /// Input: `work` measures the loop, which may outlive this clock.
  explicit LoopClock(boost::asio::io_context& io, std::shared_ptr<WorkMeter> work = std::make_shared<WorkMeter>());
  LoopClock(const LoopClock&) = delete;
  LoopClock& operator=(const LoopClock&) = delete;

  /// Keeps the clock ticking while it lives.
  class Use {
   public:
    explicit Use(LoopClock& clock);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    LoopClock& clock_;
  };

  /// Time lost to our own lateness since the start; only ever grows.
  [[nodiscard]] std::chrono::nanoseconds lost() const { return lost_; }
  /// How late the last tick was.
  [[nodiscard]] std::chrono::nanoseconds lag() const { return lag_; }
  [[nodiscard]] boost::asio::io_context& io() const { return io_; }
  [[nodiscard]] WorkMeter& work() const { return *work_; }

  /// Called after every tick with the lag; one listener, the handshake gate.
  void on_tick(std::function<void(std::chrono::nanoseconds)> listener) { listener_ = std::move(listener); }

 private:
  void schedule();

  boost::asio::io_context& io_;
  std::shared_ptr<WorkMeter> work_;
  boost::asio::steady_timer timer_;
  std::function<void(std::chrono::nanoseconds)> listener_;
  std::chrono::nanoseconds lost_{};
  std::chrono::nanoseconds lag_{};
  std::size_t users_{};
  // A tick that is due cannot be taken back, and may have its turn when the clock is gone.
  std::shared_ptr<void> alive_{std::make_shared<char>()};
};

}  // namespace mtasts
