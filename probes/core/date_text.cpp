// SPDX-License-Identifier: Apache-2.0
#include "probes/core/date_text.h"

#include <array>
#include <cstdio>

namespace mtasts {

std::string date_text(UnixTime time) {
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(time)};
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text.data();
}

}  // namespace mtasts
