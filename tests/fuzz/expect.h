// What a fuzz target promises: a broken promise ends the program where the fuzzer can see it.
// Next: policy_fuzz.cpp, the first user.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/catalogue.h"

namespace mtasts::fuzz {

inline void expect(bool promise) {
  if (!promise) std::abort();
}

/// Every problem has a code of the catalogue, lies inside the input and is told in printable words.
inline void expect_problems(const std::vector<ParseError>& problems, CodeKind kind, std::size_t input_size) {
  for (const ParseError& problem : problems) {
    expect(find_code(kind, problem.code) != nullptr);
    expect(problem.offset <= input_size);
    expect(!problem.detail.empty());
    for (const char c : problem.detail) expect(static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
  }
}

/// The input as a TXT set: one record per line.
inline std::vector<std::string> records_of(std::string_view input) {
  std::vector<std::string> records;
  while (!input.empty()) {
    const auto end = std::min(input.find('\n'), input.size());
    records.emplace_back(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  return records;
}

}  // namespace mtasts::fuzz
