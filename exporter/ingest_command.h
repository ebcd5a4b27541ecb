// `ingest FILE|DIR|-...`: files reports by hand, beside a running daemon.
// Next: report_intake.h, which does the work.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

#include "exporter/options.h"

namespace mtasts {

/// Files every report of the inputs, directories in sorted order with all below them, and prints a line per report:
/// `FILE: OUTCOME: message`. Links inside a directory are not followed. Returns the exit status of contract section 1:
/// 0, or 1 if any was refused or an input cannot be read. Errors: in words on `err`.
int run_ingest(const IngestOptions& options, std::istream& in, std::ostream& out, std::ostream& err);

}  // namespace mtasts
