// `export`: what was reported, by the day it concerns, as OpenMetrics text with timestamps. A scrape can only show a
// count when the report comes; this draws yesterday's failures on yesterday.
// Next: report_store.h, whose rows it reads.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/options.h"
#include "exporter/report_store.h"
#include "exporter/series.h"

namespace mtasts {

/// The samples of one family of MetricGroup::history: by labels as written in braces, then by day.
using DailySamples = std::map<std::string, std::map<std::chrono::sys_days, std::uint64_t>>;

/// The day that a report is about: that of the middle of its range (RFC 8460 section 4.1: a UTC day).
std::chrono::sys_days day_of(const FiledReport& report);

/// Adds what a counted report says to the samples of the family.
void add_report(DailySamples& samples, Metric family, const FiledReport& report);

/// Is it about a few days of our time? Others count, but belong to no day that could be drawn.
bool tells_of_days(const FiledReport& report);

/// The lines of one family, each sample at noon of its day, but never in the future, in order of series and time.
std::string render_samples(Metric family, const DailySamples& samples, UnixTime now);

/// Writes the history of every domain. Returns the exit status: 0, or 1 with an error in words on `err`.
int run_export(const ExportOptions& options, std::ostream& out, std::ostream& err);

}  // namespace mtasts
