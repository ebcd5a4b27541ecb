// What a report says, in words for people: policies, and failures of the same kind put together.
// Next: report_command.cpp and reports_page.cpp, which show them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "probes/core/tls_report.h"

namespace mtasts {

/// The same fault of the same host, however many details tell of it.
struct FaultGroup {
  std::uint64_t sessions{};
  const ReportFailure* example{};
};
using FaultGroups = std::vector<std::pair<std::pair<std::string, std::string>, FaultGroup>>;

/// By result type and MX host, the most sessions first. Input: outlives the result.
FaultGroups group_faults(const std::vector<ReportFailure>& failures);

/// "MTA-STS, mode enforce", "DANE (TLSA records)" and so on; what is from outside is escaped.
std::string policy_words(const ReportPolicy& policy);

/// "from ADDRESS to ADDRESS", as far as the sender says; "" when it says neither.
std::string way_words(const ReportFailure& failure);

}  // namespace mtasts
