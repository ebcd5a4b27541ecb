// What one report says of one policy domain, as numbers under bounded words: what the metrics count.
// Next: report_store.h, which adds tallies up; series.h for the families.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "probes/core/tls_report.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// The word for whatever is not in one of the lists below.
constexpr std::string_view kOther = "other";

/// The values of the label `policy_type`: RFC 8460 section 4.4, and "other".
constexpr std::array<std::string_view, 4> kReportedPolicyTypes{"sts", "tlsa", "no-policy-found", kOther};

/// The values of the label `result_type` of reports: the eleven of RFC 8460 section 4.3, and "other".
constexpr std::size_t kReportedResultTypeCount = kResultTypeCount + 1;
std::array<std::string_view, kReportedResultTypeCount> reported_result_types();

/// The value of the label `reporter` for an authenticated DKIM domain: itself or its parent when that is in the closed
/// list of known reporters, else "other". Input: lower case, "" when nobody vouches.
std::string_view reporter_of(std::string_view dkim_domain);
std::vector<std::string_view> known_reporters();

struct PolicySessions {
  std::string policy_type{};  // of kReportedPolicyTypes
  std::uint64_t successful{};
  std::uint64_t failed{};

  bool operator==(const PolicySessions&) const = default;
};

struct FailedSessions {
  std::string result_type{};  // of reported_result_types()
  std::uint64_t sessions{};

  bool operator==(const FailedSessions&) const = default;
};

/// A kind of failure that was reported of an MX host.
struct ReportedFailure {
  std::string result_type{};
  std::string mx{};  // a host name, lower case; "" when none, or too many, were named

  bool operator==(const ReportedFailure&) const = default;
  bool operator<(const ReportedFailure& other) const {
    return std::tie(result_type, mx) < std::tie(other.result_type, other.mx);
  }
};

/// The numbers of one policy domain. Each list is sorted and has a word at most once; `failures` is bounded.
struct ReportTally {
  std::vector<PolicySessions> sessions{};
  std::vector<FailedSessions> failed{};
  std::vector<ReportedFailure> failures{};

  bool operator==(const ReportTally&) const = default;
};

/// The part of a report that concerns one policy domain.
struct ReportUnit {
  std::string domain{};  // lower case, no final dot; "" where the report names none
  std::vector<ReportPolicy> policies{};
};

/// Splits the policies of a report by policy domain, in the order of first mention.
std::vector<ReportUnit> units_of(std::vector<ReportPolicy> policies);

/// What the store keeps of a unit: the numbers whole, the policies as excerpt_of() cuts them.
struct ReportContents {
  ReportTally tally{};
  std::vector<ReportPolicy> policies{};

  bool operator==(const ReportContents&) const = default;
};

/// Counts a unit. Detail counts need not add up to the totals (RFC 8460 section 4): sessions come from the summaries,
/// failed sessions by type from the details. No number is above ten thousand million: see kMostSessions.
ReportTally tally_of(const ReportUnit& unit);

/// Says whether two units hold the same: SHA-256 over every field in order, so that another JSON spelling, compression
/// or mail around the same report makes no difference.
std::string digest_of(const ReportUnit& unit);

/// The policies as far as they are kept for people: at most 20, with 100 failures, 500 octets per text and 32 KiB of
/// text in all.
std::vector<ReportPolicy> excerpt_of(const ReportUnit& unit);

/// What is kept of one text, in octets.
constexpr std::size_t kMostTextBytes = 500;

/// At most so many octets, without half a UTF-8 character at the end.
std::string shortened(std::string_view text, std::size_t most = kMostTextBytes);

/// The sum, or the largest 63-bit number: what SQLite's integers hold.
std::uint64_t add_bounded(std::uint64_t a, std::uint64_t b);

}  // namespace mtasts
