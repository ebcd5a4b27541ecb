// What every reader of a configuration promises of its problems.
// Next: config_fuzz.cpp.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/config_value.h"
#include "tests/fuzz/expect.h"

namespace mtasts::fuzz {

inline std::size_t lines_of(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
}

/// Each is one line that leads to its place in the file.
inline void expect_config_problems(const std::vector<ConfigProblem>& problems, const std::string& file,
                                   std::string_view text) {
  constexpr std::size_t kMostOctets = 5000;
  expect(problems.size() <= kMaxConfigProblems + 1);
  for (const ConfigProblem& problem : problems) {
    expect(problem.file == file && !problem.message.empty());
    expect(problem.line <= lines_of(text));
    expect_one_line(to_string(problem), kMostOctets);
  }
  expect(std::is_sorted(problems.begin(), problems.end(),
                        [](const ConfigProblem& a, const ConfigProblem& b) { return a.line < b.line; }));
}

/// Aliases that multiply what is written are bounded, but far above what a fuzzer has the time for.
inline bool has_few_aliases(std::string_view text) {
  constexpr std::ptrdiff_t kFew = 12;
  return std::count(text.begin(), text.end(), '*') <= kFew;
}

}  // namespace mtasts::fuzz
