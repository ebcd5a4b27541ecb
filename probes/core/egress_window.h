// Tells "that peer is down" from "we have lost our way out", by what happened to different peers lately.
// Next: exporter/egress.h, which keeps one window per kind of traffic and address family.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_set>

namespace mtasts {

/// Our way out counts as lost when every peer that used to answer has fallen silent, one after the other, and nobody
/// answered in between. A peer that was down before says nothing: a fleet may hold many of those. One that refuses or
/// resets proves that the way is open, just as one that answers.
class EgressWindow {
 public:
  /// So many peers that used to answer do not fall silent in a row by chance.
  static constexpr std::size_t kEnough = 20;
  /// The same for lookups that a resolver answers for everybody else: their failures are rare.
  static constexpr std::size_t kEnoughLookups = 6;
  /// Fewer peers than this may well be down together; their silence does not speak against the way to them.
  static constexpr std::size_t kLeast = 4;

  /// Input: how many silent peers are enough to doubt ourselves first while nobody has ever answered, how many once
  /// somebody has, and how few peers can speak against us where there are hardly any.
  explicit EgressWindow(std::size_t doubt_after, std::size_t enough = kEnough, std::size_t least = kLeast)
      : doubt_after_(doubt_after), enough_(enough), least_(least) {}

  void reached(const std::string& peer);
  /// Nothing came back: a timeout, no route, a router's "unreachable".
  void silent(const std::string& peer);
  /// The peer is watched no longer.
  void forget(const std::string& peer);

  [[nodiscard]] bool lost() const;
  /// Has a peer that may have answered fallen silent since somebody answered last?
  [[nodiscard]] bool doubted() const { return !suspects_.empty(); }
  /// Have so many peers answered that they are unlikely to be down together?
  [[nodiscard]] bool crowded() const { return answering_.size() >= kLeast; }
  /// Whether the way is open; nullopt while nothing speaks for or against it.
  [[nodiscard]] std::optional<bool> open() const;

 private:
  using Peers = std::unordered_set<std::string>;

  std::size_t doubt_after_;
  std::size_t enough_;
  std::size_t least_;
  bool reached_ever_{};
  Peers answering_{};  // peers that answered last; enough_ of them at most
  Peers suspects_{};   // fell silent since somebody answered last; enough_ of them at most
  Peers down_{};       // were silent while others answered
};

}  // namespace mtasts
