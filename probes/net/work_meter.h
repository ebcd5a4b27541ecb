// What a loop's time goes to, beside waiting: a program that measures itself needs no profiler to say where it is slow.
// Next: loop_clock.h, which every part of a probe has at hand.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

namespace mtasts {

/// dns: building, sending and reading DNS messages. tls: OpenSSL's side of sessions. verification: certificates after
/// the handshake. analysis: from observations to verdicts. publication: handing verdicts to readers and to the store.
enum class Activity { dns, tls, verification, analysis, publication };
inline constexpr std::size_t kActivities = 5;

/// Adds up time on the loop's own thread; the sums may be read on any.
class WorkMeter {
 public:
  WorkMeter() = default;
  WorkMeter(const WorkMeter&) = delete;
  WorkMeter& operator=(const WorkMeter&) = delete;

  /// Counts as that activity what passes while it lives, but for what sections within it count as another. Input: it
  /// does not live across a suspension of the coroutine.
  class Section {
   public:
    Section(WorkMeter& meter, Activity activity) : meter_(meter), outer_(meter.turn_to(activity)) {}
    ~Section() { meter_.turn_to(outer_); }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

   private:
    WorkMeter& meter_;
    std::optional<Activity> outer_;
  };

  [[nodiscard]] std::chrono::nanoseconds spent(Activity activity) const {
    return std::chrono::nanoseconds(spent_[static_cast<std::size_t>(activity)].load(std::memory_order_relaxed));
  }

 private:
  /// What it was before.
  std::optional<Activity> turn_to(std::optional<Activity> next) {
    const auto now = std::chrono::steady_clock::now();
    if (current_) {
      auto& sum = spent_[static_cast<std::size_t>(*current_)];
      sum.store(sum.load(std::memory_order_relaxed) + (now - since_).count(), std::memory_order_relaxed);
    }
    since_ = now;
    return std::exchange(current_, next);
  }

  std::array<std::atomic<std::chrono::nanoseconds::rep>, kActivities> spent_{};
  std::optional<Activity> current_{};
  std::chrono::steady_clock::time_point since_{};
};

}  // namespace mtasts
