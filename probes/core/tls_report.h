// A TLS report as its sender wrote it: RFC 8460 section 4.4 as a struct, and what is odd or wrong about it.
// Next: tls_report.cpp for the reading, tests/data/tls_reports for real senders' habits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/observations.h"
#include "probes/core/parse.h"

namespace mtasts {

/// One element of `failure-details`. Texts are as written, "" where missing or null.
struct ReportFailure {
  std::string result_type{};
  std::string sending_mta_ip{};
  std::string receiving_mx_hostname{};
  std::string receiving_mx_helo{};
  std::string receiving_ip{};
  std::uint64_t failed_sessions{};
  std::string additional_information{};
  std::string failure_reason_code{};

  bool operator==(const ReportFailure&) const = default;
};

/// One element of `policies`.
struct ReportPolicy {
  std::string type{};    // "sts", "tlsa", "no-policy-found", or what was written instead
  std::string domain{};  // policy-domain, lower case without a final dot; "" when missing
  std::vector<std::string> policy_strings{};
  std::vector<std::string> mx_hosts{};
  std::uint64_t successful{};  // total-successful-session-count
  std::uint64_t failed{};      // total-failure-session-count
  std::vector<ReportFailure> failures{};

  bool operator==(const ReportPolicy&) const = default;
};

/// One report. Times are Unix seconds, UTC; a date without a zone is taken as UTC.
struct TlsReport {
  std::string organization{};
  std::string report_id{};
  std::string contact_info{};
  UnixTime start{};
  UnixTime end{};
  std::vector<ReportPolicy> policies{};

  bool operator==(const TlsReport&) const = default;
};

/// What a report may be at most. Anything beyond it is refused, never cut off.
struct ReportLimits {
  std::size_t max_bytes{std::size_t{64} * 1024 * 1024};  // decompressed
  std::size_t max_depth{16};
  std::size_t max_policies{10'000};
  std::size_t max_failures{100'000};  // of all policies together
  std::size_t max_strings{200'000};   // in policy-string and mx-host, of all policies together
  std::size_t max_text{4096};         // of one string that is read; longer ones are an error
};

/// `report` is there exactly when `errors` is empty. Codes are of the catalogue's kind report_error.
struct TlsReportResult {
  std::optional<TlsReport> report{};
  std::vector<ParseError> errors{};    // the first of each code, with `offset` into the text where it is known
  std::vector<ParseError> warnings{};  // at most 100, one for each oddity
};

/// Reads a report. Valid are organization-name, report-id, date-range and policies, each policy with a summary of two
/// non-negative integers that fit 63 bits (not 3.0, 1e3 or "3"); everything else may be missing, null or odd, with a
/// warning. Not UTF-8, not JSON, duplicate members, depth or size beyond the limits: refused. Input: decompressed text,
/// with or without a BOM.
/// Source: RFC 8460 section 4.4, contract section 1. Errors: in the result, none thrown.
TlsReportResult parse_tls_report(std::string_view text, const ReportLimits& limits = {});

}  // namespace mtasts
