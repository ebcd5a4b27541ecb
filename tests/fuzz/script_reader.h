// A fuzzer's octets as a script: numbers and texts one after another, whatever the octets are.
// Next: server_fuzz.cpp, whose script plays a whole server.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace mtasts::fuzz {

/// Behind the end there are zeros and empty texts, so that the beginning of a script is a script.
class ScriptReader {
 public:
  ScriptReader(const std::uint8_t* octets, std::size_t size) : rest_(reinterpret_cast<const char*>(octets), size) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  std::uint8_t octet() {
    if (rest_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return first;
  }

  /// 0 to `below` - 1. Input: `below` is 1 to 256.
  std::size_t number(std::size_t below) { return octet() % below; }

  /// An octet with its length, then the text; one that is longer than what is left is all of it.
  std::string text() { return take(octet()); }

  /// The same with two octets for the length, the higher first.
  std::string long_text() {
    const std::size_t high = octet();
    return take(high * 256 + octet());
  }

  std::string_view rest() { return std::exchange(rest_, {}); }

 private:
  std::string take(std::size_t size) {
    const std::string taken(rest_.substr(0, size));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_;
};

}  // namespace mtasts::fuzz
