// So many at a time under one name, for the coroutines of several loops, each loop on a thread of its own.
// Next: peer_limits.h, which names networks and providers; probes of one MX host take turns through it too.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace mtasts {

/// First come, first served. A name costs memory only while somebody has a turn. Of any thread; outlives the turns it
/// gave. A coroutine that is destroyed while it waits leaves the line by itself.
class Turns {
 public:
  Turns() = default;
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  /// One's turn, until it dies. One made without a name is free.
  class Turn {
   public:
    Turn() = default;
    Turn(Turns& owner, std::string name) : owner_(&owner), name_(std::move(name)) {}
    Turn(Turn&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), name_(std::move(other.name_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (owner_ != nullptr) owner_->end(name_);
    }

   private:
    Turns* owner_{};
    std::string name_{};
  };

  /// Waits until fewer than `most` have a turn under that name. Input: `most` is at least 1, and the same for a name.
  boost::asio::awaitable<Turn> take(std::string name, std::size_t most);

  /// How many wait.
  [[nodiscard]] std::size_t waiting() const { return waiting_; }
  /// Called when one more waits, on that one's thread. Input: set before anybody can wait.
  void on_wait(std::function<void()> told) { told_ = std::move(told); }

 private:
  struct Waiter;
  class InLine;
  struct Holders {
    std::size_t count{};
    std::list<std::shared_ptr<Waiter>> line{};
  };

  std::shared_ptr<Waiter> take_or_queue(const std::string& name, std::size_t most,
                                        const boost::asio::any_io_executor& executor);
  void end(const std::string& name);

  std::mutex mutex_{};
  std::unordered_map<std::string, Holders> by_name_{};  // those with a turn
  std::atomic<std::size_t> waiting_{};
  std::function<void()> told_{};
};

}  // namespace mtasts
