// SPDX-License-Identifier: Apache-2.0
#include "probes/core/report_date.h"

#include "probes/core/octets.h"

namespace mtasts {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// Takes a date apart from its left, and notes where it is not as the RFC wants it.
class DateScanner {
 public:
  explicit DateScanner(std::string_view text) : left_(text) {}

  std::optional<ReportDate> scan() {
    const auto day = scan_day();
    if (!day) return std::nullopt;
    if (left_.empty()) return ReportDate{*day, false};
    if (!skip("Tt")) exact_ = !skip(" ");  // neither: scan_time refuses what follows
    const auto time = scan_time();
    if (!time) return std::nullopt;
    const auto offset = scan_zone();
    if (!offset || !left_.empty()) return std::nullopt;
    return ReportDate{*day + *time - *offset, exact_};
  }

 private:
  bool skip(std::string_view any_of) {
    if (left_.empty() || any_of.find(left_.front()) == std::string_view::npos) return false;
    left_.remove_prefix(1);
    return true;
  }

  std::optional<int> number(std::size_t digits) {
    if (left_.size() < digits || !all_of(left_.substr(0, digits), is_digit)) return std::nullopt;
    int value = 0;
    for (const char c : left_.substr(0, digits)) value = value * 10 + (c - '0');
    left_.remove_prefix(digits);
    return value;
  }

  std::optional<std::chrono::sys_days> scan_day() {
    const auto year = number(4);
    if (!year || !skip("-")) return std::nullopt;
    const auto month = number(2);
    if (!month || !skip("-")) return std::nullopt;
    const auto day = number(2);
    if (!day) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days{date};
  }

  std::optional<seconds> scan_time() {
    const auto hour = number(2);
    if (!hour || !skip(":")) return std::nullopt;
    const auto minute = number(2);
    if (!minute || *hour > 23 || *minute > 59) return std::nullopt;
    const auto second = scan_second();
    if (!second) return std::nullopt;
    return hours{*hour} + minutes{*minute} + *second;
  }

  std::optional<seconds> scan_second() {
    if (!skip(":")) {
      exact_ = false;
      return seconds{};
    }
    const auto second = number(2);
    if (!second || *second > 60) return std::nullopt;  // 60 is a leap second
    if (!skip(".")) return seconds{*second};
    if (!number(1)) return std::nullopt;
    while (number(1)) continue;
    return seconds{*second};
  }

  /// How far the local time is ahead of UTC.
  std::optional<seconds> scan_zone() {
    if (left_ == "Z" || left_ == "z") {
      left_ = {};
      return seconds{};
    }
    if (left_.empty() || left_ == "UTC" || left_ == " UTC" || left_ == " Z") {
      left_ = {};
      exact_ = false;
      return seconds{};
    }
    return scan_offset();
  }

  std::optional<seconds> scan_offset() {
    if (skip(" ")) exact_ = false;
    const bool west = left_.starts_with('-');
    if (!skip("+-")) return std::nullopt;
    const auto hour = number(2);
    if (!hour || *hour > 23) return std::nullopt;
    const bool colon = skip(":");
    const auto minute = left_.empty() && !colon ? std::optional<int>(0) : number(2);
    if (!minute || *minute > 59) return std::nullopt;
    exact_ = exact_ && colon;
    const seconds offset = hours{*hour} + minutes{*minute};
    return west ? -offset : offset;
  }

  std::string_view left_;
  bool exact_{true};
};

}  // namespace

std::optional<ReportDate> parse_report_date(std::string_view text) { return DateScanner(text).scan(); }

}  // namespace mtasts
