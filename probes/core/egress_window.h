// Tells "that peer is down" from "we have lost our way out", by what happened to different peers lately.
// Next: exporter/probe_loop.h, which keeps one window per kind of traffic and address family.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>

namespace mtasts {

/// Our way out counts as lost when every one of the last peers failed silently. A peer that refuses or resets proves
/// that the way is open, just as one that answers.
class EgressWindow {
 public:
  /// So many different peers in a row do not fall silent by chance: with 20% dead hosts, once in 10^14.
  static constexpr std::size_t kEnough = 20;
  /// Fewer known peers than this say nothing about the way to them.
  static constexpr std::size_t kLeast = 4;

  /// Notes how a peer answered. Input: `reached` is false only for silence (timeout, unreachable, no route).
  void record(std::string_view peer, bool reached) {
    if (known_.size() < kEnough) known_.emplace(peer);
    if (reached) {
      silent_.clear();
      reached_ever_ = true;
    } else if (silent_.size() < kEnough) {
      silent_.emplace(peer);
    }
  }

  /// True when all of the last kEnough peers, or all known ones where there are fewer, were silent.
  [[nodiscard]] bool lost() const {
    const std::size_t least = reached_ever_ ? kLeast : kLeastNeverReached;
    return known_.size() >= least && silent_.size() >= known_.size();
  }

  /// Something was recorded, so that lost() means something.
  [[nodiscard]] bool known() const { return !known_.empty(); }

 private:
  // Where nothing ever got through, two peers are enough to doubt ourselves first (port 25 blocked by a provider).
  static constexpr std::size_t kLeastNeverReached = 2;

  std::unordered_set<std::string> known_;
  std::unordered_set<std::string> silent_;
  bool reached_ever_{};
};

}  // namespace mtasts
