// What `check DOMAIN...` prints: the three fundamentals, the MX table, what is wrong and what to do about it.
// Next: probes/core/catalogue.h for the words; probes/core/classify.h for the verdicts shown.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/catalogue.h"
#include "probes/core/observations.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// One domain, probed and judged. `hosts` and `host_observations` are those of the domain's MX hosts, in any order.
struct CheckResult {
  DomainVerdict verdict{};
  std::vector<MxVerdict> hosts{};
  DomainObservation seen{};
  std::vector<MxHostObservation> host_observations{};
  double seconds{};
};

struct CheckReportOptions {
  UnixTime now{};
  bool color{};
  std::uint16_t policy_port{443};
  std::uint16_t smtp_port{25};
  std::string dns_server{};  // "ADDRESS:PORT" for the dig commands, "" for the system's
  std::function<const CatalogueEntry*(CodeKind, std::string_view)> find{find_code};
};

/// For people: 100 columns where names allow it; control characters and other octets from outside are escaped.
std::string render_check_text(std::span<const CheckResult> results, const CheckReportOptions& options);

/// The array of contract section 1, with a final newline.
std::string render_check_json(std::span<const CheckResult> results, const CheckReportOptions& options);

/// Nagios plugin states.
enum class CheckStatus { ok = 0, warning = 1, critical = 2, unknown = 3 };

/// critical: an enforce policy is in force and no MX is deliverable, or record, policy or policy certificate of a
/// domain that has MTA-STS is broken. unknown: our side failed, or DNS could not say. warning: another fault, or a
/// finding above `info`. An `info` finding alone is ok.
CheckStatus check_status(const CheckResult& result, const CheckReportOptions& options = {});

/// The worst of all, in Nagios' order: critical over unknown over warning over ok; unknown for no result at all.
int check_exit_status(std::span<const CheckResult> results, const CheckReportOptions& options = {});

}  // namespace mtasts
