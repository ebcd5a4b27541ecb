// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <cstdint>

#include "exporter/log.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;
namespace json = boost::json;

namespace {

constexpr std::size_t kMostGrowth = 6;  // \u0000
constexpr std::size_t kMostOwn = 200;   // octets of the time, the level and the keys

/// A field of JSON is what was logged, or U+FFFD stands where that was no UTF-8.
void expect_json(const std::string& line, std::string_view value) {
  const json::value event = json::parse(line);
  const json::string& logged = event.at("value").as_string();
  expect(event.as_object().size() == 5 && event.at("last").as_int64() == 1);
  if (find_not_utf8(value) == std::string_view::npos) expect(std::string_view(logged.data(), logged.size()) == value);
}

/// Nothing in the value begins another field.
void expect_logfmt(const std::string& line) {
  expect(line.ends_with(" last=1"));
  bool quoted = false;
  std::size_t fields = 1;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (quoted && line[at] == '\\')
      ++at;
    else if (line[at] == '"')
      quoted = !quoted;
    else if (line[at] == ' ' && !quoted)
      ++fields;
  }
  expect(!quoted && fields == 5);
}

}  // namespace

/// The input is a value that comes from somebody else.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  for (const LogFormat format : {LogFormat::json, LogFormat::logfmt}) {
    const std::string line =
        render_log_line(format, LogTime{}, LogLevel::info, "event", {{"value", value}, {"last", 1}});
    fuzz::expect_one_line(line, kMostGrowth * size + kMostOwn);
    if (format == LogFormat::json) expect_json(line, value);
    if (format == LogFormat::logfmt) expect_logfmt(line);
  }
  return 0;
}
