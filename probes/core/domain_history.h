// What happened to a domain over time: faults from the first probe that saw them to the last, and changes of what it
// publishes. Next: classify.h for the memory these come from; exporter/state_reader.h, which reads them back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "probes/core/classify.h"
#include "probes/core/observations.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// A fault for as long as probes saw it.
struct FaultEpisode {
  ResultType type{ResultType::validation_failure};
  std::string host{};
  std::string reason{};
  UnixTime began{};      // the first verdict that had it
  UnixTime last_seen{};  // the last one that did; of an open one the last one written
  bool open{};           // the domain's last verdict has it

  bool operator==(const FaultEpisode&) const = default;
};

/// policy: mode, max_age or patterns; policy_id: the TXT record's id alone; mx_set: the names of the MX hosts.
enum class ChangeKind { policy, policy_id, mx_set };
std::string_view to_string(ChangeKind kind);

/// What a domain publishes became something else. The texts are for people, from outside, and bounded.
struct DomainChange {
  UnixTime at{};  // of the probe that saw it first
  ChangeKind kind{ChangeKind::policy};
  std::string before{};
  std::string after{};

  bool operator==(const DomainChange&) const = default;
};

/// What differs between the memory before a probe and after it. What was not known before is no change.
std::vector<DomainChange> changes_between(const DomainMemory& before, const DomainMemory& after);

/// When a probe saw the fault last. Input: `last_fault` of the memory; an open episode is written down once only, when
/// it begins.
UnixTime last_seen_of(const FaultEpisode& episode, const std::optional<UnixTime>& last_fault);

/// Notes which faults a verdict of `now` has. Input: a verdict that our own trouble did not spoil. Returns the episodes
/// that began or ended with it.
std::vector<FaultEpisode> note_faults(DomainMemory& memory, const DomainVerdict& verdict, UnixTime now);

/// What becomes of episodes that our own trouble began or ended.
struct RightedEpisodes {
  std::vector<FaultEpisode> never_were{};
  std::vector<FaultEpisode> go_on{};
};

/// Puts the faults of a host back to those that stood before our own trouble. Whether a policy permits the host is not
/// the network's doing, and stays. Input: `before`, what stood then, of any host.
RightedEpisodes put_back_faults(DomainMemory& memory, std::string_view host, const std::vector<StandingFault>& before);

}  // namespace mtasts
