// From what came in (JSON, gzip or a whole mail message) to reports, and who vouches for each.
// Next: report_mail.h, the only door to GMime; probes/core/tls_report.h for the report itself.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "probes/core/tls_report.h"

namespace mtasts {

/// Who says so. RFC 8460 section 5.3: a report by mail counts when DKIM vouches for it.
struct Voucher {
  std::string domain{};  // authenticated submitter: a DKIM domain, lower case; "" when nobody vouches
  std::string doubt{};   // why nobody does, as a sentence; "" when somebody does
};

/// What was inside one input: one per report body found.
struct ReadReport {
  TlsReportResult result{};
  std::string sha256{};  // of the decompressed text, in hex
  std::size_t octets{};  // of the decompressed text
  Voucher voucher{};     // of the mail it came in; "" and a doubt for bare JSON or gzip
};

/// Everything found in one input. A mail may hold several reports, or none.
struct ReadReports {
  std::vector<ReadReport> reports{};
  std::vector<ParseError> errors{};  // why nothing could be taken from it: no report inside, gzip damaged, too large
};

/// Largest input that is read.
constexpr std::size_t kMaxInputBytes = std::size_t{32} * 1024 * 1024;

/// Whose Authentication-Results fields are believed; "" believes nobody's. The limits hold for all reports of one input
/// together.
struct ReaderOptions {
  std::string authserv_id{};
  ReportLimits limits{};
  std::size_t max_reports{100};
  std::size_t max_input_bytes{kMaxInputBytes};
};

/// Tells by content what the input is, unpacks it and parses every report in it. Memory stays within the limits,
/// whatever the input expands to. Errors: in the result, none thrown.
ReadReports read_reports(std::string_view input, const ReaderOptions& options);

}  // namespace mtasts
