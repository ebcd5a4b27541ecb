// SPDX-License-Identifier: Apache-2.0
#include "probes/core/date_text.h"

#include <array>
#include <cstdio>
#include <utility>

namespace mtasts {

std::string date_text(UnixTime time) {
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(time)};
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text.data();
}

std::string time_text(UnixTime time) {
  const std::chrono::hh_mm_ss clock{time - std::chrono::floor<std::chrono::days>(time)};
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), " %02d:%02d:%02d UTC", static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
  return date_text(time) + text.data();
}

std::string duration_words(std::chrono::seconds duration) {
  constexpr std::array<std::pair<const char*, long long>, 4> kUnits{
      {{"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}}};
  long long left = duration.count() < 0 ? -duration.count() : duration.count();
  std::size_t largest = 0;
  while (largest + 1 < kUnits.size() && left < kUnits[largest].second) ++largest;
  std::string text;
  for (std::size_t i = largest; i < kUnits.size() && i < largest + 2; ++i) {
    const long long count = left / kUnits[i].second;
    left %= kUnits[i].second;
    if (count == 0 && !text.empty()) continue;
    text += (text.empty() ? "" : " ") + std::to_string(count) + " " + kUnits[i].first + (count == 1 ? "" : "s");
  }
  return text;
}

}  // namespace mtasts
