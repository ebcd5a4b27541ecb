// YAML tables in which nothing can be misspelt: whatever is not understood is refused with FILE:LINE.
// Next: observation_reader.h, which reads observations this way.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <initializer_list>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace mtasts::test {

/// A word of a table and what it stands for.
template <class Value>
using Word = std::pair<std::string_view, Value>;

/// The value under `key`, undefined where `map` is no map or lacks the key.
inline YAML::Node child(const YAML::Node& map, std::string_view key) {
  if (!map.IsDefined() || !map.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
  return map[std::string(key)];
}

/// Reads one file's nodes. Errors: std::runtime_error that begins with FILE:LINE.
class StrictYaml {
 public:
  explicit StrictYaml(std::string file) : file_(std::move(file)) {}

  [[noreturn]] void refuse(const YAML::Node& at, const std::string& what) const {
    throw std::runtime_error(file_ + ":" + std::to_string(at.Mark().line + 1) + ": " + what);
  }

  /// A misspelt or repeated key would silently leave a default in place.
  void check_keys(const YAML::Node& map, std::initializer_list<std::string_view> known) const {
    if (!map.IsDefined()) return;
    if (!map.IsMap()) refuse(map, "a map is wanted here");
    std::set<std::string> seen;
    for (const auto& entry : map) {
      const auto key = entry.first.as<std::string>();
      if (std::find(known.begin(), known.end(), key) == known.end()) refuse(entry.first, "unknown key '" + key + "'");
      if (!seen.insert(key).second) refuse(entry.first, "the key '" + key + "' is there twice");
    }
  }

  /// The value of a scalar, or `otherwise` where there is none.
  template <class T>
  [[nodiscard]] T value(const YAML::Node& node, T otherwise) const {
    if (!node.IsDefined()) return otherwise;
    try {
      return node.as<T>();
    } catch (const YAML::Exception&) {
      refuse(node, "a value of this kind does not belong here");
    }
  }

  template <class Value, std::size_t kCount>
  [[nodiscard]] Value word(const YAML::Node& node, const std::array<Word<Value>, kCount>& words) const {
    const auto text = value<std::string>(node, "");
    for (const auto& [known, meaning] : words) {
      if (known == text) return meaning;
    }
    refuse(node, "unknown word '" + text + "'");
  }

  /// "1d12h", "-15m", "0s"; `otherwise` where there is none.
  [[nodiscard]] std::chrono::seconds duration(const YAML::Node& node, std::chrono::seconds otherwise) const {
    if (!node.IsDefined()) return otherwise;
    const auto text = value<std::string>(node, "");
    const bool negative = text.starts_with('-');
    std::chrono::seconds total{};
    std::chrono::seconds number{};
    bool digits = false;
    for (const char c : text.substr(negative ? 1 : 0)) {
      const bool is_digit = c >= '0' && c <= '9';
      if (!is_digit && (!digits || std::string_view("dhms").find(c) == std::string_view::npos)) {
        refuse(node, "'" + text + "' is no duration such as 1d12h");
      }
      if (is_digit) number = number * 10 + std::chrono::seconds(c - '0');
      if (!is_digit) total += number * seconds_of(c);
      if (!is_digit) number = {};
      digits = is_digit;
    }
    if (digits || text.empty()) refuse(node, "the duration '" + text + "' lacks its unit");
    return negative ? -total : total;
  }

 private:
  static int seconds_of(char unit) {
    if (unit == 'd') return 86400;
    if (unit == 'h') return 3600;
    return unit == 'm' ? 60 : 1;
  }

  std::string file_;
};

/// The form that StrictYaml::duration reads, largest units first.
inline std::string duration_text(std::chrono::seconds duration) {
  auto left = duration.count() < 0 ? -duration.count() : duration.count();
  std::string text = duration.count() < 0 ? "-" : "";
  if (left == 0) return "0s";
  for (const auto& [unit, size] :
       {std::pair('d', 86400), std::pair('h', 3600), std::pair('m', 60), std::pair('s', 1)}) {
    if (left >= size) text += std::to_string(left / size) + unit;
    left %= size;
  }
  return text;
}

}  // namespace mtasts::test
