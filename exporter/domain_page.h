// The page of one domain: the verdict in a sentence, what to do about it, and all that it rests on.
// Next: domain_sections.h for its parts, page_data.h for where its history comes from.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "exporter/check_commands.h"
#include "exporter/check_status.h"
#include "exporter/page_parts.h"
#include "exporter/report_store.h"
#include "exporter/series.h"
#include "exporter/store.h"
#include "probes/core/domain_history.h"
#include "probes/core/rollout.h"

namespace mtasts {

/// What is kept of a domain besides its verdict. Every part may be missing.
struct DomainHistory {
  std::vector<PolicyRow> policies{};     // oldest first
  std::vector<FaultEpisode> episodes{};  // newest first
  std::vector<DomainChange> changes{};   // newest first
  std::vector<FiledReport> reports{};    // newest first
  std::optional<DomainMemory> memory{};  // nullopt: the daemon has not probed it
  std::string trouble{};                 // why they could not be read, "" when they were
};

struct DomainPageInput {
  std::string name{};
  Labels labels{};
  bool judged{};         // `result.verdict` is there
  bool live{};           // probed for this very page
  CheckResult result{};  // observations as far as they are kept
  DomainHistory history{};
  ReportEvidence reports{};
  RolloutOptions rollout{};
  CheckPlaces places{};
};

/// The page. What is not known is said to be so, or left out.
std::string render_domain_page(const DomainPageInput& input, const PageContext& context);

}  // namespace mtasts
