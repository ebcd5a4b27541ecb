// A day for people.
// Next: probes/net/certificate_check.cpp and exporter/check_report.cpp, which tell when certificates end.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "probes/core/observations.h"

namespace mtasts {

/// "2026-01-31", in UTC.
std::string date_text(UnixTime time);

}  // namespace mtasts
