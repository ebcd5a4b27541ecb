// What systemd wants to hear of a service of Type=notify, and the watchdog that restarts one which hangs.
// Next: daemon.cpp, which tells it; packaging/mtasts_exporter.service.in, which asks for it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mtasts {

/// Sends states to the socket that NOTIFY_SOCKET names; does nothing where it names none. Source: sd_notify(3).
class ServiceManager {
 public:
  /// Reads the environment.
  ServiceManager();

  void ready() const { say("READY=1"); }
  /// Until ready() is said again.
  void reloading() const;
  void stopping() const { say("STOPPING=1"); }
  /// Shown by `systemctl status`. Input: one line.
  void status(std::string_view words) const;

  /// Half of the time after which silence counts as a hang; nullopt when nobody listens for that.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval() const { return watchdog_interval_; }
  void alive() const { say("WATCHDOG=1"); }

 private:
  void say(std::string_view state) const;

  std::string socket_{};
  std::optional<std::chrono::microseconds> watchdog_interval_{};
};

/// Asks loops now and then whether they still turn. Used on one thread; the loops answer on theirs.
class Pulse {
 public:
  /// Hands a task to a loop, which runs it when its turn comes.
  using Post = std::function<void(std::function<void()> task)>;

  /// Input: `loops` are called in felt().
  explicit Pulse(std::vector<Post> loops) : loops_(std::move(loops)) {}

  /// Have all loops answered since the last call? True at the first one. Asks them again when they have.
  bool felt();

 private:
  std::vector<Post> loops_;
  std::shared_ptr<std::atomic<std::size_t>> awaited_{std::make_shared<std::atomic<std::size_t>>()};
};

}  // namespace mtasts
