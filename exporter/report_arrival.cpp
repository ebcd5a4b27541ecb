// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_arrival.h"

#include <algorithm>
#include <array>

namespace mtasts {

std::string_view to_string(ReportChannel channel) {
  constexpr std::array<std::string_view, kReportChannelCount> names{"http", "maildir", "spool", "imap", "ingest"};
  return names[static_cast<std::size_t>(channel)];
}

std::string_view to_string(ReportOutcome outcome) {
  constexpr std::array<std::string_view, kReportOutcomeCount> names{
      "counted", "uncounted", "duplicate", "conflict", "unknown_domain", "invalid", "failed"};
  return names[static_cast<std::size_t>(outcome)];
}

bool is_kept(ReportOutcome outcome) {
  return outcome == ReportOutcome::counted || outcome == ReportOutcome::uncounted ||
         outcome == ReportOutcome::duplicate;
}

bool is_refused(const IntakeResult& result) {
  const auto is_invalid = [](ReportOutcome outcome) { return outcome == ReportOutcome::invalid; };
  return std::ranges::none_of(result.reports, is_kept, &TakenReport::outcome) ||
         std::ranges::any_of(result.reports, is_invalid, &TakenReport::outcome);
}

}  // namespace mtasts
