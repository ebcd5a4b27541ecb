// What follows from a domain's verdict and its past for its rollout, in the words of `advise` and of the domain page.
// Next: probes/core/rollout.h and rollback.h, which decide; advise_report.h and domain_page.h, which show it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "exporter/config.h"
#include "probes/core/rollback.h"
#include "probes/core/rollout.h"

namespace mtasts {

/// One domain: what is known of it, and what follows.
struct DomainAdvice {
  RolloutEvidence evidence{};
  RolloutAdvice advice{};
  RollbackPlan rollback{};
};

/// The thresholds of a configuration.
RolloutOptions rollout_options_of(const Config& config);

DomainAdvice advise_domain(RolloutEvidence evidence, const RolloutOptions& options, UnixTime now);

/// The policy file to publish now, nullptr when there is none: a repair goes before a step.
const Publication* publication_of(const DomainAdvice& result, bool rollback);

/// What the repaired policy is called.
std::string_view repair_title(const DomainAdvice& result);

/// "initial testing".
std::string_view phase_words(RolloutPhase phase);
/// What comes next and why, also where there is no step.
std::string next_words(const RolloutAdvice& advice);
/// "Yes.", "Not yet.": may the next step be taken?
std::string_view answer_words(const RolloutAdvice& advice);
/// "mode enforce, max_age 604800 (7 days)".
std::string policy_words(const StsPolicy& policy);

/// Who may still enforce at the two bounds. Source: RFC 8461 section 5.1.
constexpr std::string_view kSoonestSender =
    "a sender that looks for a new id before it gives a message up (RFC 8461 section 5.1), when the TTL of the old "
    "record has passed";
constexpr std::string_view kLatestSender = "a sender that looks at nothing until its copy expires";

}  // namespace mtasts
