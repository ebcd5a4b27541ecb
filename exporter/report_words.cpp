// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_words.h"

#include <algorithm>
#include <map>

#include "probes/core/octets.h"

namespace mtasts {

FaultGroups group_faults(const std::vector<ReportFailure>& failures) {
  std::map<std::pair<std::string, std::string>, FaultGroup> groups;
  for (const ReportFailure& failure : failures) {
    FaultGroup& group = groups[{failure.result_type, failure.receiving_mx_hostname}];
    group.sessions += failure.failed_sessions;
    if (group.example == nullptr) group.example = &failure;
  }
  FaultGroups sorted(groups.begin(), groups.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.sessions > b.second.sessions; });
  return sorted;
}

std::string policy_words(const ReportPolicy& policy) {
  if (policy.type == "no-policy-found") return "no policy found";
  if (policy.type == "tlsa") return "DANE (TLSA records)";
  if (policy.type != "sts") return "policy of the unknown type " + in_quotes(policy.type);
  for (const std::string& line : policy.policy_strings) {
    const auto at = line.find("mode:");
    if (at == std::string::npos) continue;
    const std::string_view mode = std::string_view(line).substr(at + 5);
    const auto start = std::min(mode.find_first_not_of(' '), mode.size());
    return "MTA-STS, mode " +
           escape_unprintable(mode.substr(start, std::min(mode.find_first_of("\r\n", start), mode.size()) - start));
  }
  return "MTA-STS";
}

std::string way_words(const ReportFailure& failure) {
  const std::string from = failure.sending_mta_ip.empty() ? "" : "from " + escape_unprintable(failure.sending_mta_ip);
  const std::string to = failure.receiving_ip.empty() ? "" : "to " + escape_unprintable(failure.receiving_ip);
  return from + (from.empty() || to.empty() ? "" : " ") + to;
}

}  // namespace mtasts
