// SPDX-License-Identifier: Apache-2.0
#include "probes/core/rollback.h"

#include <algorithm>
#include <array>

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
  std::optional<UnixTime> enforced;  // last served then: an old record may have been put back
  for (const ServedPolicy& served : evidence.served) {
    if (served.policy.mode == StsMode::enforce)
      enforced = std::max(enforced.value_or(served.last_seen), served.last_seen);
    else if (served.id == in_force->id)
      began = std::min(began, served.first_seen);
  }
  return std::min(std::max(began, enforced.value_or(began)), now);
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
  for (const auto& until :
       std::array<std::optional<UnixTime>, 2>{evidence.memory.enforced_until, evidence.verdict.enforced_until}) {
    if (!until || *until <= now || until <= bounds.latest) continue;
    bounds.latest = until;  // of a policy that the history has lost
    bounds.latest_id.clear();
    bounds.latest_max_age = {};
  }
  if (bounds.latest && evidence.record_ttl)
    bounds.soonest = std::min(way_back_began(evidence, now) + *evidence.record_ttl, *bounds.latest);
  return bounds;
}

bool serves(const DomainVerdict& verdict, StsMode mode) { return verdict.policy && verdict.policy->mode == mode; }

const Fault* first_fault(const DomainVerdict& verdict, bool (*meant)(const Fault&)) {
  const auto found = std::ranges::find_if(verdict.faults, meant);
  return found == verdict.faults.end() ? nullptr : &*found;
}

/// What mends the faults at the MX hosts otherwise than by a rollback, each kind said once.
std::string quicker_than_rollback(const DomainVerdict& verdict) {
  const auto not_listed = [](const Fault& fault) { return fault.reason == kNotCoveredReason; };
  const auto at_tls = [](const Fault& fault) { return !is_policy_fault(fault) && fault.reason != kNotCoveredReason; };
  const Fault* uncovered = first_fault(verdict, not_listed);
  const Fault* untrusted = first_fault(verdict, at_tls);
  std::string text;
  if (uncovered != nullptr)
    text = "Rather publish the policy put right (\"Put the policy right\"): an mx line for " + uncovered->host +
           " reaches senders as fast as a rollback, and they go on protecting the mail.";
  if (untrusted != nullptr)
    text += std::string(text.empty() ? "Rather put" : " And put") + " TLS at " + untrusted->host + " right (" +
            std::string(to_string(untrusted->type)) +
            "): every sender sees it at its next attempt, while a rollback takes as long as the times below.";
  return text;
}

/// A rollback is a policy like any other: it must be found.
std::string needed_first(const RolloutEvidence& evidence) {
  if (evidence.verdict.policy) return "";  // some address serves it
  for (const Fault& fault : evidence.verdict.faults) {
    if (is_policy_fault(fault) && fault.type != ResultType::sts_policy_invalid)
      return "Make " + fault.host + " serve the file again (" + std::string(to_string(fault.type)) +
             "): while it does not, no rollback reaches anybody, and senders that hold the policy go on enforcing it.";
  }
  return "";
}

std::string situation_of(const RolloutEvidence& evidence, const EnforceBounds& bounds) {
  const DomainVerdict& verdict = evidence.verdict;
  if (verdict.in_force && verdict.in_force->policy.mode == StsMode::enforce)
    return "A policy of mode enforce is in force.";
  if (serves(verdict, StsMode::enforce))
    return verdict.record ? "A policy of mode enforce is served, but no record that counts announces it."
                          : "A policy of mode enforce is served; whether a record announces it is not known.";
  if (bounds.latest)
    return "No policy of mode enforce is served any more; senders may still apply one that they fetched before.";
  if (!evidence.remembered)
    return "No policy of mode enforce is served now. Which were served before is not known here: senders that hold one "
           "go "
           "on enforcing it until its max_age has passed.";
  return "There is nothing to roll back: no sender refuses mail because of this policy.";
}

}  // namespace

RollbackPlan plan_rollback(const RolloutEvidence& evidence, const RolloutOptions& options, UnixTime now) {
  RollbackPlan plan{.phase = rollout_phase(evidence.verdict, options), .bounds = bounds_of(evidence, now)};
  plan.needed = serves(evidence.verdict, StsMode::enforce) || plan.bounds.latest.has_value();
  plan.done = evidence.verdict.policy && !serves(evidence.verdict, StsMode::enforce);
  plan.situation = situation_of(evidence, plan.bounds);
  if (plan.needed) plan.quicker = quicker_than_rollback(evidence.verdict);
  if (plan.needed) plan.first = needed_first(evidence);
  plan.repair = propose_repair(evidence, now);
  ProposalNeeds needs = proposal_needs(evidence);
  needs.emergency = true;
  // Whichever is published after another must have another id (RFC 8461 section 3.1).
  if (plan.repair && plan.repair->publication) needs.taken_ids.push_back(plan.repair->publication->id);
  plan.testing = propose_publication(needs, StsMode::testing, kEmergencyMaxAge, now);
  if (plan.testing.publication) needs.taken_ids.push_back(plan.testing.publication->id);
  plan.leave = propose_publication(needs, StsMode::none, kEmergencyMaxAge, now);
  plan.leave_kept_until = std::max(cached_until(evidence, now), now + kEmergencyMaxAge);
  return plan;
}

}  // namespace mtasts
