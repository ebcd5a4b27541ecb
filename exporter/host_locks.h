// One connection at a time per MX host: probes of the same host wait for each other.
// Next: probe_engine.h, which holds the locks of a configuration.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>

namespace mtasts {

/// Locks by name, for the coroutines of one loop.
class HostLocks {
 public:
  explicit HostLocks(boost::asio::io_context& io) : io_(io) {}

  /// Holds one name's lock while it lives.
  class Held {
   public:
    Held(HostLocks& locks, std::string name) : locks_(&locks), name_(std::move(name)) {}
    Held(Held&& other) noexcept : locks_(std::exchange(other.locks_, nullptr)), name_(std::move(other.name_)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (locks_ != nullptr) locks_->release(name_);
    }

   private:
    HostLocks* locks_;
    std::string name_;
  };

  boost::asio::awaitable<Held> lock(std::string name) {
    const auto [entry, free] = queues_.try_emplace(name);
    if (!free) {
      boost::asio::steady_timer turn(io_, boost::asio::steady_timer::time_point::max());
      entry->second.push_back(&turn);
      co_await turn.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));  // release() hands the lock over
    }
    co_return Held(*this, std::move(name));
  }

 private:
  void release(const std::string& name) {
    const auto entry = queues_.find(name);
    if (entry->second.empty()) {
      queues_.erase(entry);
      return;
    }
    entry->second.front()->cancel();
    entry->second.pop_front();
  }

  boost::asio::io_context& io_;
  std::unordered_map<std::string, std::deque<boost::asio::steady_timer*>> queues_;
};

}  // namespace mtasts
