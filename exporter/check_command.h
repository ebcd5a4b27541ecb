// `check DOMAIN...`: probe now, explain like a troubleshooting guide.
// Next: live_probe.h, which probes; check_report.h, which explains.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

#include "exporter/options.h"

namespace mtasts {

/// Probes the domains side by side and prints the report. Returns the exit status of contract section 1: 0 OK,
/// 1 WARNING, 2 CRITICAL, 3 UNKNOWN or usage. Input: the domains as typed. Errors: in words on `err`.
int run_check(const CheckOptions& options, std::ostream& out, std::ostream& err);

}  // namespace mtasts
