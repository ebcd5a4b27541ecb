// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_arrival.h"

#include <array>

namespace mtasts {

std::string_view to_string(ReportChannel channel) {
  constexpr std::array<std::string_view, 4> names{"http", "maildir", "imap", "ingest"};
  return names[static_cast<std::size_t>(channel)];
}

std::string_view to_string(ReportOutcome outcome) {
  constexpr std::array<std::string_view, kReportOutcomeCount> names{
      "counted", "uncounted", "duplicate", "conflict", "unknown_domain", "invalid", "failed"};
  return names[static_cast<std::size_t>(outcome)];
}

}  // namespace mtasts
