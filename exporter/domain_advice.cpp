// SPDX-License-Identifier: Apache-2.0
#include "exporter/domain_advice.h"

#include <array>

#include "probes/core/date_text.h"

namespace mtasts {

RolloutOptions rollout_options_of(const Config& config) {
  return {.ready_after = config.findings.ready_after,
          .min_max_age_enforce = config.findings.min_max_age_enforce,
          .min_max_age_testing = config.findings.min_max_age_testing};
}

DomainAdvice advise_domain(RolloutEvidence evidence, const RolloutOptions& options, UnixTime now) {
  DomainAdvice result{.evidence = std::move(evidence)};
  result.advice = advise_rollout(result.evidence, options, now);
  result.rollback = plan_rollback(result.evidence, options, now);
  return result;
}

std::string_view repair_title(const DomainAdvice& result) {
  const DomainVerdict& verdict = result.evidence.verdict;
  const bool mode_known = verdict.policy || verdict.in_force;
  return mode_known ? "Put the policy right"
                    : "Put the policy right, in mode testing because what was meant cannot be read";
}

const Publication* publication_of(const DomainAdvice& result, bool rollback) {
  const RolloutAdvice& advice = result.advice;
  const auto of = [](const std::optional<Proposal>& proposal) {
    return proposal && proposal->publication ? &*proposal->publication : nullptr;
  };
  const RollbackPlan& plan = result.rollback;
  if (rollback) return plan.needed && !plan.done && plan.testing.publication ? &*plan.testing.publication : nullptr;
  if (advice.repair) return of(advice.repair);
  return advice.ready ? of(advice.proposal) : nullptr;
}

std::string_view phase_words(RolloutPhase phase) {
  constexpr std::array<std::string_view, 8> kWords{
      "phase not known",  "no MTA-STS",     "initial testing", "advanced testing",
      "cautious enforce", "stable enforce", "leaving MTA-STS", "BROKEN"};
  return kWords[static_cast<std::size_t>(phase)];
}

std::string policy_words(const StsPolicy& policy) {
  return "mode " + std::string(to_string(policy.mode)) + ", max_age " + std::to_string(policy.max_age.count()) + " (" +
         duration_words(policy.max_age) + ")";
}

std::string next_words(const RolloutAdvice& advice) {
  if (advice.next)
    return policy_words({.mode = advice.next->mode, .max_age = advice.next->max_age}) + ": " + advice.next->why;
  if (advice.phase == RolloutPhase::stable_enforce)
    return advice.ready ? "none: this is where the domain should be" : "none";
  if (advice.phase == RolloutPhase::leaving) return "remove the TXT record, then the policy file";
  return advice.phase == RolloutPhase::broken ? "none before what is broken is put right" : "not known";
}

std::string_view answer_words(const RolloutAdvice& advice) {
  if (advice.ready) return advice.next || advice.phase == RolloutPhase::leaving ? "Yes." : "Nothing to do.";
  if (advice.phase == RolloutPhase::stable_enforce) return "First what speaks against it.";
  return advice.phase == RolloutPhase::broken ? "No." : "Not yet.";
}

}  // namespace mtasts
