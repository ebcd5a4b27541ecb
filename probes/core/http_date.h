// The Date of an HTTP response to a time.
// Next: clock_skew.h, which compares it with our own clock.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "probes/core/observations.h"

namespace mtasts {

/// Reads an IMF-fixdate such as "Sun, 06 Nov 1994 08:49:37 GMT"; the day of the week is not compared with the date.
/// Errors: nullopt for anything else, the two obsolete forms included. Source: RFC 9110 section 5.6.7.
std::optional<UnixTime> parse_http_date(std::string_view text);

}  // namespace mtasts
