// Coroutines of one loop waiting in line for something scarce.
// Next: handshake_gate.h and resolver.h, which hand places over through it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <list>

namespace mtasts {

/// First come, first served. A coroutine that is cancelled or destroyed while it waits leaves the line by itself.
class WaitQueue {
 public:
  explicit WaitQueue(boost::asio::io_context& io) : io_(io) {}
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;

  /// Returns when wake_one() came to this caller. Throws when the coroutine was cancelled.
  boost::asio::awaitable<void> wait() {
    Waiter waiter(*this);
    while (waiter.in_line) co_await waiter.timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }

  /// Wakes who waits longest. Input: the line is not empty.
  void wake_one() {
    Waiter* first = line_.front();
    line_.pop_front();
    first->in_line = false;
    first->timer.cancel();
  }

  [[nodiscard]] bool empty() const { return line_.empty(); }
  [[nodiscard]] std::size_t size() const { return line_.size(); }

 private:
  struct Waiter {
    explicit Waiter(WaitQueue& owner)
        : queue(owner),
          timer(owner.io_, boost::asio::steady_timer::time_point::max()),
          place(owner.line_.insert(owner.line_.end(), this)) {}
    ~Waiter() {
      if (in_line) queue.line_.erase(place);
    }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    WaitQueue& queue;
    boost::asio::steady_timer timer;
    std::list<Waiter*>::iterator place;
    bool in_line{true};
  };

  boost::asio::io_context& io_;
  std::list<Waiter*> line_;
};

}  // namespace mtasts
