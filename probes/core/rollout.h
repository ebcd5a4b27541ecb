// Where a domain is on its way from no MTA-STS to a stable `enforce`, what speaks against the next step, and the texts
// to publish for it.
// Next: rollback.h for the way back; exporter/domain_advice.h, which asks both; tests/data/rollout.yaml.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/classify.h"
#include "probes/core/observations.h"
#include "probes/core/publication.h"
#include "probes/core/sts_policy.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// unknown: DNS or our own trouble hid it; broken: record or policy do not count, or `enforce` and something fails.
enum class RolloutPhase {
  unknown,
  none,
  initial_testing,
  advanced_testing,
  cautious_enforce,
  stable_enforce,
  leaving,
  broken
};
/// "initial-testing" and so on.
std::string_view to_string(RolloutPhase phase);

/// A policy that was served, by id and body.
struct ServedPolicy {
  std::string id{};
  StsPolicy policy{};
  UnixTime first_seen{};
  UnixTime last_seen{};
};

/// What senders' reports say. `expected`: there is a way in for them.
struct ReportEvidence {
  bool expected{};
  std::optional<UnixTime> last_report{};
  std::optional<UnixTime> last_failure{};
};

/// All that is known of a domain.
struct RolloutEvidence {
  DomainVerdict verdict{};
  DomainMemory memory{};
  bool remembered{};                   // `memory`, `served` and `reports` come from a database, not from this probe
  std::vector<ServedPolicy> served{};  // in any order
  ReportEvidence reports{};
  std::vector<std::string> mx_hosts{};               // every one in DNS, in any order; empty: null MX, or not known
  std::optional<std::chrono::seconds> record_ttl{};  // of the _mta-sts TXT record, as the resolver gave it
};

struct RolloutOptions {
  std::chrono::seconds ready_after{std::chrono::days{14}};          // without a failure
  std::chrono::seconds min_max_age_enforce{std::chrono::days{14}};  // from here on `enforce` is stable
  std::chrono::seconds min_max_age_testing{std::chrono::days{1}};
};

enum class ObstacleKind {
  not_judged,
  record,
  fault,
  not_deliverable,
  mx_not_judged,
  nothing_to_publish,
  no_memory,
  watched_too_short,
  phase_too_short,
  fault_seen,
  failure_reported,
  tlsrpt_record_missing,
  reports_missing,
  reports_not_read,
  still_cached
};
/// "not-judged" and so on.
std::string_view to_string(ObstacleKind kind);

/// Something that speaks against the next step, in words for people. Texts from outside in it are not escaped.
struct Obstacle {
  ObstacleKind kind{ObstacleKind::fault};
  bool blocks{true};  // false: worth knowing, and no reason to wait
  std::string what{};
  std::string remedy{};
  std::optional<UnixTime> until{};  // it goes away by itself then
};

/// A step of the rollout. `in_phase` and `clean` say how long the phase before it lasts at least, and how long nothing
/// has failed by then.
struct RolloutStep {
  StsMode mode{StsMode::testing};
  std::chrono::seconds max_age{};
  std::chrono::seconds in_phase{};
  std::chrono::seconds clean{};
  std::string why{};
};

struct RolloutAdvice {
  RolloutPhase phase{RolloutPhase::unknown};
  std::optional<UnixTime> phase_since{};
  bool ready{};                       // the next step may be taken, or none is left
  std::vector<Obstacle> obstacles{};  // those that block first
  std::optional<RolloutStep> next{};
  std::optional<Proposal> proposal{};   // for `next`
  std::optional<Proposal> repair{};     // the present policy put right, where the policy file is at fault
  std::optional<UnixTime> come_back{};  // what is waited for has passed then; ready: the step after `next` may be due
};

/// Judges the evidence. A time in it that lies after `now`, from a clock that was ahead, counts as `now`.
/// Source: RFC 8461 sections 3.2, 5, 8.1 and 8.3.
RolloutAdvice advise_rollout(const RolloutEvidence& evidence, const RolloutOptions& options, UnixTime now);

/// The phase alone.
RolloutPhase rollout_phase(const DomainVerdict& verdict, const RolloutOptions& options);

/// What any publication for the domain must fit.
ProposalNeeds proposal_needs(const RolloutEvidence& evidence);

/// The present policy with its mode and max_age, and patterns that permit the MX hosts. nullopt where the policy file
/// is not at fault.
std::optional<Proposal> propose_repair(const RolloutEvidence& evidence, UnixTime now);

/// When no cache holds any more what was served up to now in mode enforce or testing; `now` when none does.
UnixTime cached_until(const RolloutEvidence& evidence, UnixTime now);

/// Has nothing failed, by probe or by report, for `ready_after`, on a domain that has been watched at least that long?
/// nullopt before the first verdict, and without a policy in force that asks something of senders. What `advise` says
/// besides, of reports that are missing or a phase that just began, is not in it.
std::optional<bool> failure_free(const DomainVerdict& verdict, std::optional<UnixTime> last_reported_failure,
                                 std::chrono::seconds ready_after, UnixTime now);

}  // namespace mtasts
