// Days, times and durations for people.
// Next: probes/net/certificate_check.cpp and exporter/check_report.cpp, which tell when certificates end; rollout.cpp.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "probes/core/observations.h"

namespace mtasts {

/// "2026-01-31", in UTC.
std::string date_text(UnixTime time);

/// "2026-01-31 23:59:59 UTC".
std::string time_text(UnixTime time);

/// The two largest units: "13 days 4 hours", "1 day", "5 minutes", "0 seconds". Input: a negative one loses its sign.
std::string duration_words(std::chrono::seconds duration);

}  // namespace mtasts
