// What the probe loop holds of a domain and of an MX host from probe to probe. A fleet has many of them: what only the
// next probe needs is packed, and a verdict is the one that is published.
// Next: probe_loop.cpp, which fills them; snapshot.h for where the verdicts are shown.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "exporter/config.h"
#include "exporter/stored_observation.h"
#include "probes/core/classify.h"
#include "probes/core/observations.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// Of an observation, what judging reads: a test holds the verdicts of both against each other. Where reports are sent
/// to is shared with the other domains that name the same place.
class PackedObservation {
 public:
  explicit PackedObservation(DomainObservation seen);
  [[nodiscard]] DomainObservation unpacked() const;

 private:
  std::string octets_{};
  std::vector<std::shared_ptr<const ReportTargetObservation>> report_targets_{};
};

struct WatchedDomain {
  DomainConfig config{};
  std::optional<PackedObservation> seen{};         // by the last probe that was not spoiled
  std::shared_ptr<const DomainVerdict> verdict{};  // nullptr before the first
  std::vector<std::string> hosts{};                // its MX hosts that are probed, sorted
  std::optional<std::string> spoiled{};            // why the last probe was, if it was
  std::string failed_id{};                         // of the last failed policy fetch
  std::chrono::steady_clock::time_point failed_at{};
  std::chrono::steady_clock::time_point started_at{};  // of the probe under way, else of the last
  std::uint64_t kept_observation{};                    // fingerprint; 0: none

  [[nodiscard]] DomainMemory memory() const { return unpack_domain_memory(memory_); }
  void set_memory(const DomainMemory& memory) {
    memory_ = pack(memory);
    has_standing_ = !memory.standing.empty();
  }
  /// The faults that stand at a host.
  [[nodiscard]] std::vector<StandingFault> standing_at(const std::string& host) const {
    if (!has_standing_) return {};
    std::vector<StandingFault> standing = memory().standing;
    std::erase_if(standing, [&host](const StandingFault& fault) { return fault.host != host; });
    return standing;
  }

  [[nodiscard]] bool uses(const std::string& host) const {
    return std::binary_search(hosts.begin(), hosts.end(), host);
  }

 private:
  std::string memory_{pack(DomainMemory{})};
  bool has_standing_{};
};

struct WatchedHost {
  std::shared_ptr<const MxVerdict> verdict{};  // nullptr before the first
  std::set<WatchedDomain*> domains{};          // that have it among their MX hosts
  std::uint64_t kept_observation{};            // fingerprint; 0: none
};

}  // namespace mtasts
