// Where TLS-RPT records send reports, looked at once for all domains that name the same mailbox domain or HTTPS host.
// Next: probes/net/domain_probe.h, which looks; live_probe.h, which asks for it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "probes/core/observations.h"

namespace mtasts {

class ProbeEngine;

/// From which age on a target is looked at anew, 0 for at once, and how long a probe waits for the first look: a target
/// is somebody else's machine, and its slowness must not keep the domain's verdict back.
struct ReportTargetTiming {
  Milliseconds max_age{};
  Milliseconds patience{};
};

/// What was seen of the targets lately, for the coroutines of one loop. Holds a bounded number; beyond it, all are
/// looked at anew.
class ReportTargets {
 public:
  using Seen = std::shared_ptr<const ReportTargetObservation>;

  static constexpr std::size_t kMostHeld = 4096;

  ReportTargets();
  ~ReportTargets();
  ReportTargets(const ReportTargets&) = delete;
  ReportTargets& operator=(const ReportTargets&) = delete;

  /// What is known of the targets, looked at side by side where it is not fresh. A target that was seen before is not
  /// waited for: what was seen then serves until the new look has ended, unless max_age is 0. Otherwise, what is still
  /// under way when patience ends is left out, and serves a later probe. Input: `engine` holds this object.
  static boost::asio::awaitable<std::vector<Seen>> observe(std::shared_ptr<ProbeEngine> engine,
                                                           std::vector<ReportTarget> targets,
                                                           ReportTargetTiming timing);

  /// Forgets what was silent: the way there turned out to be lost, or may have been.
  void forget_silent();

  [[nodiscard]] std::size_t held() const { return looks_.size(); }

 private:
  struct Look;

  std::shared_ptr<Look> look_at(const std::shared_ptr<ProbeEngine>& engine, const ReportTarget& target,
                                Milliseconds max_age);

  std::map<ReportTarget, std::shared_ptr<Look>> looks_;
};

}  // namespace mtasts
