// Bounds the handshakes that compete for the CPU, apart from the probes that merely wait.
// Next: loop_clock.h for what it steers by; connection.h, which passes through it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <utility>

#include "probes/net/loop_clock.h"
#include "probes/net/wait_queue.h"

namespace mtasts {

/// Lets as many handshakes run at once as the event loop serves without delay: the bound grows while the loop is on
/// time and shrinks when it is late. So tarpits, which cost no CPU, do not keep others waiting, and a busy loop does
/// not take on more than it can answer in time.
class HandshakeGate {
 public:
  explicit HandshakeGate(LoopClock& clock);
  HandshakeGate(const HandshakeGate&) = delete;
  HandshakeGate& operator=(const HandshakeGate&) = delete;

  /// A place in the gate; gives it back when it dies.
  class Pass {
   public:
    explicit Pass(HandshakeGate& gate) : gate_(&gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    HandshakeGate* gate_;
  };

  /// Waits for a place, in order of arrival.
  boost::asio::awaitable<Pass> enter();

  [[nodiscard]] std::size_t limit() const { return limit_; }
  [[nodiscard]] std::size_t running() const { return running_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  void leave();
  void adapt(std::chrono::nanoseconds lag);
  void wake();

  LoopClock& clock_;
  WaitQueue waiting_;
  std::size_t limit_;
  std::size_t running_{};
};

}  // namespace mtasts
