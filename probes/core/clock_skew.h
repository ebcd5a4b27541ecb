// How far our clock is off, by what others' clocks say; and what a wrong clock does to the judging of certificates.
// Next: probes/net/policy_fetch.cpp, which reads a policy host's Date; exporter/probe_loop.h, which asks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "probes/core/observations.h"

namespace mtasts {

/// The median over different hosts: a few whose clocks are wrong, or that lie, move nothing.
class ClockSkew {
 public:
  /// With fewer hosts nobody can say whose clock is wrong.
  static constexpr std::size_t kEnoughHosts = 3;
  /// The hosts heard of last; older ones are forgotten.
  static constexpr std::size_t kMostHosts = 31;

  /// Input: our clock minus the host's.
  void note(const std::string& host, std::chrono::seconds ahead);

  /// Our clock minus that of most others; nullopt before the first was heard.
  [[nodiscard]] std::optional<std::chrono::seconds> guess() const;
  /// The same, where it speaks against our own clock: a few hosts do so only if no time service keeps it, for their
  /// clocks may be the wrong ones. Input: whether one does.
  [[nodiscard]] std::optional<std::chrono::seconds> believed(bool clock_is_kept) const;

 private:
  std::deque<std::pair<std::string, std::chrono::seconds>> heard_{};  // oldest first, one entry a host
};

/// Would the certificates be judged otherwise by the right clock? Then what our clock says of them is worth nothing.
/// Input: `now` by our clock; `ahead` is our clock minus the right one.
bool clock_decides(const TlsObservation& tls, UnixTime now, std::chrono::seconds ahead);

}  // namespace mtasts
