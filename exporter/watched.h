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
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/stored_observation.h"
#include "probes/core/boxed.h"
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

/// The last policy fetch that failed, for the five-minute rule (RFC 8461 section 3.3).
struct FailedFetch {
  std::string id{};
  std::chrono::steady_clock::time_point at{};
};

struct WatchedDomain {
  std::string_view name{};  // of the table that holds it
  std::optional<StsMode> expect_mode{};
  bool require_dane{};
  std::optional<PackedObservation> seen{};             // by the last probe that was not spoiled
  std::shared_ptr<const DomainVerdict> verdict{};      // nullptr before the first
  std::vector<std::string> hosts{};                    // its MX hosts that are probed, sorted
  Boxed<std::string> spoiled{};                        // why the last probe was, if it was
  Boxed<FailedFetch> failed_fetch{};                   // the last one, if it failed
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
