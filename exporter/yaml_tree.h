// YAML text as a plain tree with line numbers, checked for what YAML leaves open: duplicate keys, aliases that explode.
// Next: config_value.h, which reads typed values from the tree.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mtasts {

/// One value; `key` is its name when it sits in a map. Lines count from 1.
struct YamlNode {
  enum class Kind { null, scalar, sequence, map };

  Kind kind{Kind::null};
  std::size_t line{};
  bool plain{};  // a scalar without quotes, which may be a number or a boolean
  std::string text{};
  std::string key{};
  std::size_t key_line{};
  std::vector<YamlNode> children{};
};

/// `key` is dotted, empty where none applies.
struct YamlProblem {
  std::size_t line{};
  std::string message{};
  std::string key{};
};

/// The one document of the text, or the first reason why there is none; `duplicates` are keys written twice, which
/// stop nothing here.
struct YamlResult {
  std::optional<YamlNode> root{};
  std::optional<YamlProblem> error{};
  std::vector<YamlProblem> duplicates{};
};

constexpr std::size_t kMaxYamlDepth = 32;
constexpr std::size_t kMaxYamlValues = 2'000'000;  // aliases written out

/// Input: any octets. Errors: in the result. Memory and stack are bounded by the two limits above.
YamlResult parse_yaml(std::string_view text);

}  // namespace mtasts
