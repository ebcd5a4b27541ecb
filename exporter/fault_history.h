// When each fault of a domain was last seen, by probes and by reports: what tells whether a repair has worked.
// Next: state_reader.h and report_store.h for where it comes from; check_report.h, which shows it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "exporter/report_store.h"
#include "probes/core/domain_history.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// A result type at a host. Reports say nothing of reasons, and of probes it is the latest one.
struct PastFault {
  std::string result_type{};  // one of RFC 8460 section 4.3, or "other"
  std::string host{};         // "" where a report names none
  std::string reason{};
  bool now{};  // the last verdict has it
  std::optional<UnixTime> by_probe{};
  std::optional<UnixTime> by_report{};  // end of the latest report's range
  std::uint64_t sessions{};             // that failed, by all reports of the time

  bool operator==(const PastFault&) const = default;
};

/// The time looked back on. Reports count only when they are authenticated, or accepted without.
struct FaultHistory {
  UnixTime since{};
  std::optional<UnixTime> watched_since{};  // nullopt: no probe of the daemon's
  std::optional<UnixTime> last_report{};    // end of the latest report's range, in the time looked back on
  std::size_t reports{};
  std::vector<PastFault> faults{};  // those of now first, then the latest first; a bounded number

  bool operator==(const FaultHistory&) const = default;
};

/// What is known of one domain's past.
struct DomainRecord {
  std::optional<UnixTime> watched_since{};
  std::optional<UnixTime> last_fault{};  // of any fault, by a probe of the daemon's
  std::vector<FaultEpisode> episodes{};  // of an open one, `last_seen` may be long ago
  std::vector<FiledReport> reports{};
};

/// Joins them. A report of the time is one whose range ends in it. Input: `verdict` is the latest, that of `now`.
FaultHistory fault_history(const DomainVerdict& verdict, const DomainRecord& record, UnixTime since, UnixTime now);

}  // namespace mtasts
