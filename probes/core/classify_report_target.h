// Can reports be sent where a domain's TLS-RPT record says: what DNS and HTTPS hosts tell of it.
// Next: report_target.h for what a target is; classify.h, which makes findings of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/observations.h"

namespace mtasts {

/// The targets that a probe of the domain should look at, besides the domain's own MX set, which it has seen already.
/// None for a domain that takes no mail: nobody reports about it.
std::vector<ReportTarget> targets_to_observe(const DomainObservation& seen);

struct ReportTargetVerdict {
  std::optional<bool> takes_reports{};  // nullopt: not looked at, or our own side or a name server failed
  std::string message{};                // one sentence, when it does not
};

/// The finding that a target of this kind earns when it takes no reports.
std::string_view report_target_code(ReportTargetKind kind);

/// Judges one target of the domain's record. An HTTPS host is good when one address completes a handshake with a
/// certificate that verifies; what it says to a POST only a report would show. Source: RFC 8460 section 3, RFC 5321
/// section 5.1, RFC 7505 section 3.
ReportTargetVerdict classify_report_target(const ReportTarget& target, const DomainObservation& seen);

/// One URI of the record, for people.
struct ReportPlace {
  std::string uri{};                     // as written
  std::optional<ReportTarget> target{};  // nullopt: not looked at
  ReportTargetVerdict verdict{};
};

/// Every URI of the domain's record, in its order.
std::vector<ReportPlace> report_places(const DomainObservation& seen);

}  // namespace mtasts
