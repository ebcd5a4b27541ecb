// What was counted of all reports since the beginning, by domain. Sums only grow.
// Next: report_store.h, which keeps them on disk; report_board.h, which shows them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "exporter/report_arrival.h"
#include "exporter/report_tally.h"

namespace mtasts {

/// How often each outcome came, indexed by ReportOutcome.
using OutcomeCounts = std::array<std::uint64_t, kReportOutcomeCount>;

/// Result type, reporter, and MX host or "".
using FailureKey = std::tuple<std::string, std::string, std::string>;

/// Of one policy domain.
struct DomainReportTotals {
  struct Sessions {
    std::uint64_t successful{};
    std::uint64_t failed{};

    bool operator==(const Sessions&) const = default;
  };

  std::map<std::string, Sessions, std::less<>> sessions{};     // by policy type
  std::map<std::string, std::uint64_t, std::less<>> failed{};  // by result type
  std::map<FailureKey, UnixTime> failures{};                   // latest end of a range that had such failures
  std::map<std::string, UnixTime, std::less<>> last_report{};  // by reporter, latest end of a range

  bool operator==(const DomainReportTotals&) const = default;
};

struct ReportTotals {
  std::map<std::string, DomainReportTotals, std::less<>> domains{};
  OutcomeCounts outcomes{};
  long long revision{-1};  // raised by every transaction that changes any of this

  /// Were they read from a database?
  bool are_known() const { return revision >= 0; }

  bool operator==(const ReportTotals&) const = default;
};

/// How long failures of a report are shown after the end of its range.
constexpr std::chrono::hours kReportedFailureShown{72};

/// How long they are kept without the host: a rollout asks when the last one was. As long as reports (ReportRetention).
constexpr std::chrono::days kReportedFailureKept{400};

/// Takes the host from failures that are shown no more, and away what is too old: names that peers choose stay for
/// days, not for a year.
void age_failures(DomainReportTotals& totals, UnixTime now);

/// The latest end of a range that had any failure; nullopt when none is kept.
std::optional<UnixTime> last_failure(const DomainReportTotals& totals);

/// The latest end of a range; nullopt when no report has come.
std::optional<UnixTime> last_report(const DomainReportTotals& totals);

/// Adds the sessions of one report.
void add_sessions(DomainReportTotals& totals, const ReportTally& tally);

/// Notes who reported, and which failures. Input: `reporter` as reporter_of() says, `end` not in the future. Beyond 64
/// MX hosts per result type and reporter, which is more than are probed, a failure is kept without its host.
void note_times(DomainReportTotals& totals, const ReportTally& tally, const std::string& reporter, UnixTime end);

}  // namespace mtasts
