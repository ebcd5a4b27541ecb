// SPDX-License-Identifier: Apache-2.0
#include "probes/core/http_date.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace mtasts {
namespace {

constexpr std::string_view kForm = "ddd, 00 mmm 0000 00:00:00 GMT";
constexpr std::array<std::string_view, 7> kDays{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Digits where the form has digits, its own signs where it has signs; words are looked up later.
bool has_form(std::string_view text) {
  return text.size() == kForm.size() && std::equal(text.begin(), text.end(), kForm.begin(), [](char c, char form) {
           if (form == '0') return c >= '0' && c <= '9';
           return form == 'd' || form == 'm' || c == form;
         });
}

int number_at(std::string_view text, std::size_t at, std::size_t size) {
  int number = 0;
  std::from_chars(text.data() + at, text.data() + at + size, number);
  return number;
}

}  // namespace

std::optional<UnixTime> parse_http_date(std::string_view text) {
  if (!has_form(text) || std::ranges::find(kDays, text.substr(0, 3)) == kDays.end()) return std::nullopt;
  const auto month = std::ranges::find(kMonths, text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{number_at(text, 12, 4)},
                                         std::chrono::month{static_cast<unsigned>(month - kMonths.begin()) + 1},
                                         std::chrono::day{static_cast<unsigned>(number_at(text, 5, 2))}};
  const int hour = number_at(text, 17, 2);
  const int minute = number_at(text, 20, 2);
  const int second = number_at(text, 23, 2);  // 60 is a leap second
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
         std::chrono::seconds{second};
}

}  // namespace mtasts
