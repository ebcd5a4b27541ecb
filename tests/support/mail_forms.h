// Mail messages as tables of tests/data write them: marks such as {GZIP64} stand for a report.
// Next: tests/unit/report_reader_test.cpp, and tests/fuzz/mail_fuzz.cpp.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "exporter/gzip_stream.h"

namespace mtasts::test {

inline std::string base64(std::string_view octets) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < octets.size(); at += 3) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8U | (at + i < octets.size() ? static_cast<unsigned char>(octets[at + i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) out += at + i > octets.size() ? '=' : kDigits[bits >> (18 - 6 * i) & 63U];
    if (at % 57 == 54) out += "\r\n";
  }
  return out;
}

inline std::string quoted_printable(std::string_view octets) {
  std::string out;
  for (std::size_t at = 0; at < octets.size(); ++at) {
    if (octets[at] == '=') {
      out += "=3D";
    } else {
      out += octets[at];
    }
    if (at % 60 == 59) out += "=\r\n";
  }
  return out;
}

/// The message with its marks replaced: {JSON} by the report, {GZIP}, {JSON64}, {GZIP64} and {JSONQP} by its forms,
/// {CUT64} by one that is cut off.
inline std::string message_of(const std::string& form, const std::string& json) {
  const std::pair<std::string, std::string> texts[] = {{"{JSON}", json},
                                                       {"{GZIP}", gzip(json)},
                                                       {"{JSON64}", base64(json)},
                                                       {"{GZIP64}", base64(gzip(json))},
                                                       {"{JSONQP}", quoted_printable(json)},
                                                       {"{CUT64}", base64(gzip(json).substr(0, 100))}};
  std::string message = form;
  for (const auto& [mark, text] : texts) {
    for (auto at = message.find(mark); at != std::string::npos; at = message.find(mark, at + text.size()))
      message.replace(at, mark.size(), text);
  }
  return message;
}

}  // namespace mtasts::test
