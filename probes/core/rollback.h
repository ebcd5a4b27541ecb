// The way back from `enforce`: the emergency files, and until when senders may still enforce.
// Next: rollout.h for the way there; exporter/advise_report.h, which prints it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "probes/core/publication.h"
#include "probes/core/rollout.h"

namespace mtasts {

/// Until when senders may still apply `enforce`: when something else is published now, or since it has been.
struct EnforceBounds {
  std::optional<UnixTime> soonest{};  // one that asks for a new id before it gives up (section 5.1): the record's TTL
  std::optional<UnixTime> latest{};   // one that looks at nothing; nullopt: no enforce policy is left in any cache
  std::string latest_id{};            // of the policy that lasts longest
  std::chrono::seconds latest_max_age{};
};

struct RollbackPlan {
  RolloutPhase phase{RolloutPhase::unknown};
  bool needed{};  // a policy of mode enforce is served, or still applied
  bool done{};    // mode enforce is served no more: only time ends what is left
  std::string situation{};
  std::string quicker{};             // what mends the fault without a rollback, "" when there is nothing to say
  std::string first{};               // what must work before a rollback can reach anybody, "" when it does
  std::optional<Proposal> repair{};  // as in RolloutAdvice
  Proposal testing{};                // the emergency files
  Proposal leave{};                  // mode none
  EnforceBounds bounds{};
  UnixTime leave_kept_until{};  // what has been served is in no cache then; record and policy may go
};

/// The way back to mode testing, and out. Source: RFC 8461 sections 5.1, 8.1 and 8.3.
RollbackPlan plan_rollback(const RolloutEvidence& evidence, const RolloutOptions& options, UnixTime now);

}  // namespace mtasts
