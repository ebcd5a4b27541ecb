// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "probes/core/date_text.h"
#include "probes/core/http_date.h"
#include "probes/core/report_date.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

namespace {

/// "2026-01-31 23:59:59 UTC" is one of the forms that senders of reports write.
void expect_time(UnixTime time) {
  const auto again = parse_report_date(time_text(time));
  expect(again && again->time == time && !again->exact);
  const auto day = parse_report_date(date_text(time));
  expect(day && day->time == std::chrono::floor<std::chrono::days>(time));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr UnixTime kYear0{std::chrono::sys_days{std::chrono::year{0} / 1 / 1}};
  constexpr UnixTime kYear10000{std::chrono::sys_days{std::chrono::year{10000} / 1 / 1}};
  if (const auto date = parse_http_date(text)) expect_time(*date);
  const auto date = parse_report_date(text);
  if (date && date->time >= kYear0 && date->time < kYear10000) expect_time(date->time);
  return 0;
}
