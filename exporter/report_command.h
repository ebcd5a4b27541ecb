// The command `report`: what a TLS report says, as text for people or JSON for programs.
// Next: report_reader.h, which reads it; tests/data/tls_reports for examples.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "exporter/options.h"
#include "exporter/report_reader.h"

namespace mtasts {

/// Reads each file in turn and prints what is in it. Exit status: 0 all valid, 1 if any is not or cannot be read; the
/// others are read all the same. Source: RFC 8460 section 4, contract section 1.
int run_report(const ReportOptions& options, std::istream& in, std::ostream& out, std::ostream& err);

/// Is there something to read in it, and is all of it valid?
bool all_valid(const ReadReports& read);

/// Explains every report of one file: who, when, which policies, how many sessions, and each failure with its meaning,
/// what to do, and how to check it now. Nothing from the report reaches a terminal unescaped.
std::string render_reports_text(std::string_view file, const ReadReports& read);

/// One JSON object: of the whole file, with every report in it under "reports". Source: contract section 1.
std::string render_reports_json(std::string_view file, const ReadReports& read);

}  // namespace mtasts
