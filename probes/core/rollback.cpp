// SPDX-License-Identifier: Apache-2.0
#include "probes/core/rollback.h"

#include <algorithm>

namespace mtasts {
namespace {

constexpr std::chrono::seconds kEmergencyMaxAge = std::chrono::days{1};

/// The policies that some sender may hold when something else is published now.
std::vector<ServedPolicy> held_policies(const RolloutEvidence& evidence, UnixTime now) {
  std::vector<ServedPolicy> held = evidence.served;
  for (ServedPolicy& served : held) served.last_seen = std::min(served.last_seen, now);
  const auto& in_force = evidence.verdict.in_force;
  if (in_force) {
    const UnixTime seen = in_force->live ? now : std::min(in_force->until - in_force->policy.max_age, now);
    held.push_back({.id = in_force->id, .policy = in_force->policy, .first_seen = seen, .last_seen = seen});
  }
  return held;
}

/// Since when something else than `enforce` is announced; `now`, when it would be published, while nothing is.
UnixTime way_back_began(const RolloutEvidence& evidence, UnixTime now) {
  const auto& in_force = evidence.verdict.in_force;
  if (!in_force || !in_force->live || in_force->policy.mode == StsMode::enforce) return now;
  UnixTime began = now;
  for (const ServedPolicy& served : evidence.served) {
    if (served.id == in_force->id && served.policy.mode != StsMode::enforce) began = std::min(began, served.first_seen);
  }
  return began;
}

EnforceBounds bounds_of(const RolloutEvidence& evidence, UnixTime now) {
  EnforceBounds bounds;
  for (const ServedPolicy& held : held_policies(evidence, now)) {
    const UnixTime until = held.last_seen + held.policy.max_age;
    if (held.policy.mode != StsMode::enforce || until <= now || until <= bounds.latest.value_or(now)) continue;
    bounds.latest = until;
    bounds.latest_id = held.id;
    bounds.latest_max_age = held.policy.max_age;
  }
  const bool remembered_alone = evidence.served.empty() && evidence.memory.enforced_until > bounds.latest;
  if (remembered_alone && *evidence.memory.enforced_until > now) bounds.latest = evidence.memory.enforced_until;
  if (bounds.latest && evidence.record_ttl)
    bounds.soonest = std::min(way_back_began(evidence, now) + *evidence.record_ttl, *bounds.latest);
  return bounds;
}

bool serves(const DomainVerdict& verdict, StsMode mode) { return verdict.policy && verdict.policy->mode == mode; }

/// The fault that a shorter way than a rollback mends, said once: what blocks at an MX host.
std::string quicker_than_rollback(const DomainVerdict& verdict) {
  for (const Fault& fault : verdict.faults) {
    const std::string host = fault.host;
    if (fault.reason == kNotCoveredReason)
      return "Rather publish the repaired policy below: a mx line for " + host +
             " reaches senders as fast as a rollback, and they go on protecting the mail.";
    if (!is_policy_fault(fault))
      return "Rather put TLS at " + host + " right (" + std::string(to_string(fault.type)) +
             "): every sender sees it at its next attempt, while a rollback takes as long as the times below.";
  }
  return "";
}

/// A rollback is a policy like any other: it must be found.
std::string needed_first(const RolloutEvidence& evidence) {
  for (const Fault& fault : evidence.verdict.faults) {
    if (is_policy_fault(fault) && fault.type != ResultType::sts_policy_invalid)
      return "Make " + fault.host + " serve the file again (" + std::string(to_string(fault.type)) +
             "): while it does not, no rollback reaches anybody, and senders that hold the policy go on enforcing it.";
  }
  return "";
}

std::string situation_of(const DomainVerdict& verdict, const EnforceBounds& bounds) {
  if (serves(verdict, StsMode::enforce) || (verdict.in_force && verdict.in_force->policy.mode == StsMode::enforce))
    return "A policy of mode enforce is in force.";
  if (bounds.latest)
    return "No policy of mode enforce is served any more; senders may still apply one that they fetched before.";
  return "There is nothing to roll back: no sender refuses mail because of this policy.";
}

}  // namespace

RollbackPlan plan_rollback(const RolloutEvidence& evidence, const RolloutOptions& options, UnixTime now) {
  RollbackPlan plan{.phase = rollout_phase(evidence.verdict, options), .bounds = bounds_of(evidence, now)};
  plan.needed = serves(evidence.verdict, StsMode::enforce) || plan.bounds.latest.has_value();
  plan.done = evidence.verdict.policy && !serves(evidence.verdict, StsMode::enforce);
  plan.situation = situation_of(evidence.verdict, plan.bounds);
  if (plan.needed) plan.quicker = quicker_than_rollback(evidence.verdict);
  if (plan.needed) plan.first = needed_first(evidence);
  plan.repair = propose_repair(evidence, now);
  ProposalNeeds needs = proposal_needs(evidence);
  plan.testing = propose_publication(needs, StsMode::testing, kEmergencyMaxAge, now);
  if (plan.testing.publication) needs.taken_ids.push_back(plan.testing.publication->id);
  plan.leave = propose_publication(needs, StsMode::none, kEmergencyMaxAge, now);
  plan.leave_kept_until = std::max(cached_until(evidence, now), now + kEmergencyMaxAge);
  return plan;
}

}  // namespace mtasts
