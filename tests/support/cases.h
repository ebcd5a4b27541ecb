// Test cases from tests/data/*.yaml: a list of maps with `name`, `rfc`, an input and what is expected of it.
// Next: tests/unit/sts_record_test.cpp, a short user of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <cctype>
#include <ostream>
#include <string>
#include <vector>

#include "probes/core/parse.h"

namespace mtasts::test {

/// One entry of a data file. `where` is FILE:LINE, for the message of a test that fails.
struct Case {
  std::string name{};
  std::string rfc{};
  std::string where{};
  YAML::Node node{};
};

inline void PrintTo(const Case& entry, std::ostream* out) { *out << entry.where << ", RFC " << entry.rfc; }

/// Loads tests/data/FILE. Input: a YAML list. Errors: a YAML::Exception ends the test program, naming the place.
inline std::vector<Case> load_cases(const std::string& file) {
  std::vector<Case> cases;
  for (const YAML::Node& node : YAML::LoadFile(std::string(MTASTS_TEST_DATA) + "/" + file)) {
    cases.push_back({node["name"].as<std::string>(), node["rfc"].as<std::string>(""),
                     file + ":" + std::to_string(node.Mark().line + 1), node});
  }
  return cases;
}

/// A case's name as GoogleTest takes it: letters, digits and underscores.
inline std::string case_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.name;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

/// "4869" to "Hi".
inline std::string octets_of_hex(const std::string& hex) {
  std::string octets;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    octets += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
  }
  return octets;
}

/// The text under `key`, or under `KEY_hex` for octets that YAML cannot hold.
inline std::string text_of(const Case& entry, const std::string& key = "input") {
  const YAML::Node hex = entry.node[key + "_hex"];
  return hex ? octets_of_hex(hex.as<std::string>()) : entry.node[key].as<std::string>();
}

/// The list of strings under `key`, empty when it is missing.
inline std::vector<std::string> list_of(const Case& entry, const std::string& key) {
  return entry.node[key].as<std::vector<std::string>>(std::vector<std::string>{});
}

/// The codes of errors or warnings, in order.
inline std::vector<std::string> codes_of(const std::vector<ParseError>& errors) {
  std::vector<std::string> codes;
  for (const ParseError& error : errors) codes.emplace_back(error.code);
  return codes;
}

/// "CODE@LINE" of errors or warnings, in order.
inline std::vector<std::string> codes_at_lines(const std::vector<ParseError>& errors) {
  std::vector<std::string> codes;
  for (const ParseError& error : errors) codes.push_back(std::string(error.code) + "@" + std::to_string(error.line));
  return codes;
}

}  // namespace mtasts::test
