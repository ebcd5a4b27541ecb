// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_totals.h"

#include <algorithm>

namespace mtasts {
namespace {

constexpr std::ptrdiff_t kMostFailureHosts = 64;

/// The host under which a failure is kept.
std::string bounded_host(const DomainReportTotals& totals, const FailureKey& key) {
  const auto& [result_type, reporter, mx] = key;
  if (totals.failures.contains(key)) return mx;
  const auto begin = totals.failures.lower_bound({result_type, reporter, ""});
  const auto end = std::find_if(begin, totals.failures.end(), [&](const auto& known) {
    return std::get<0>(known.first) != std::get<0>(key) || std::get<1>(known.first) != std::get<1>(key);
  });
  return std::distance(begin, end) < kMostFailureHosts ? mx : std::string{};
}

template <class Map, class Key>
void raise_to(Map& times, const Key& key, UnixTime time) {
  UnixTime& known = times.try_emplace(key, time).first->second;
  known = std::max(known, time);
}

}  // namespace

void add_sessions(DomainReportTotals& totals, const ReportTally& tally) {
  for (const PolicySessions& more : tally.sessions) {
    DomainReportTotals::Sessions& sum = totals.sessions[more.policy_type];
    sum.successful = add_bounded(sum.successful, more.successful);
    sum.failed = add_bounded(sum.failed, more.failed);
  }
  for (const FailedSessions& more : tally.failed) {
    std::uint64_t& sum = totals.failed[more.result_type];
    sum = add_bounded(sum, more.sessions);
  }
}

void note_times(DomainReportTotals& totals, const ReportTally& tally, const std::string& reporter, UnixTime end) {
  raise_to(totals.last_report, reporter, end);
  for (const ReportedFailure& failure : tally.failures) {
    const FailureKey key{failure.result_type, reporter, failure.mx};
    raise_to(totals.failures, FailureKey{failure.result_type, reporter, bounded_host(totals, key)}, end);
  }
}

void age_failures(DomainReportTotals& totals, UnixTime now) {
  std::map<FailureKey, UnixTime> left;
  for (const auto& [key, end] : totals.failures) {
    const auto& [result_type, reporter, mx] = key;
    if (end < now - kReportedFailureKept) continue;
    const bool shown = end >= now - kReportedFailureShown;
    raise_to(left, FailureKey{result_type, reporter, shown ? mx : ""}, end);
  }
  totals.failures = std::move(left);
}

std::optional<UnixTime> last_failure(const DomainReportTotals& totals) {
  std::optional<UnixTime> last;
  for (const auto& [key, end] : totals.failures) last = std::max(last.value_or(end), end);
  return last;
}

std::optional<UnixTime> last_report(const DomainReportTotals& totals) {
  std::optional<UnixTime> last;
  for (const auto& [reporter, end] : totals.last_report) last = std::max(last.value_or(end), end);
  return last;
}

}  // namespace mtasts
