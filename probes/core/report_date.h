// The dates of TLS reports, as the RFC wants them and as senders write them.
// Next: tls_report.cpp, whose date-range holds two of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "probes/core/observations.h"

namespace mtasts {

/// `exact` is false when it is not RFC 3339 but can be understood.
struct ReportDate {
  UnixTime time{};
  bool exact{};

  bool operator==(const ReportDate&) const = default;
};

/// Reads "2026-01-31T00:00:00Z". Understood too: no zone (taken as UTC), a zone such as "+0100", "+01" or "UTC", a
/// blank for the T, no seconds, no time at all (the day's beginning). Fractions of a second are dropped. Errors:
/// nullopt. Source: RFC 3339 section 5.6.
std::optional<ReportDate> parse_report_date(std::string_view text);

}  // namespace mtasts
