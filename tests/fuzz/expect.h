// What a fuzz target promises: a broken promise ends the program where the fuzzer can see it.
// Next: policy_fuzz.cpp, the first user.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/catalogue.h"
#include "probes/core/octets.h"

namespace mtasts::fuzz {

inline void expect(bool promise, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (promise) return;
  std::fprintf(stderr, "%s:%d: a promise is broken\n", file, line);
  std::abort();
}

/// Printable ASCII: fit for a terminal, a log and a page.
inline void expect_printable(std::string_view text) {
  expect(all_of(text, [](char c) { return is_ascii(c) && !is_control(c); }));
}

/// One line of UTF-8 for a person, and not without end.
inline void expect_one_line(std::string_view text, std::size_t most_octets) {
  expect(text.size() <= most_octets);
  expect(find_not_utf8(text) == std::string_view::npos);
  expect(std::none_of(text.begin(), text.end(), is_control));
}

/// Every problem has a code of the catalogue, lies inside the input and is told in printable words.
inline void expect_problems(const std::vector<ParseError>& problems, CodeKind kind, std::size_t input_size) {
  constexpr std::size_t kMostDetail = 1000;
  for (const ParseError& problem : problems) {
    expect(find_code(kind, problem.code) != nullptr);
    expect(problem.offset <= input_size);
    expect(!problem.detail.empty());
    expect_one_line(problem.detail, kMostDetail);
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
