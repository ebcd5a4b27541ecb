// One connection at a time per MX host: probes of the same host wait for each other.
// Next: probe_engine.h, which holds the locks of a configuration.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <string>
#include <unordered_map>
#include <utility>

#include "probes/net/wait_queue.h"

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
    const auto [entry, free] = queues_.try_emplace(name, io_);
    if (!free) co_await entry->second.wait();  // release() hands the lock over
    co_return Held(*this, std::move(name));
  }

 private:
  void release(const std::string& name) {
    const auto entry = queues_.find(name);
    if (entry->second.empty()) {
      queues_.erase(entry);
      return;
    }
    entry->second.wake_one();
  }

  boost::asio::io_context& io_;
  std::unordered_map<std::string, WaitQueue> queues_;
};

}  // namespace mtasts
