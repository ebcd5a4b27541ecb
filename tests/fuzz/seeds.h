// The inputs that a fuzz target starts from: cases of tests/data, and whole files.
// Next: replay_main.cpp, which runs them in every build; seeds_main.cpp, which hands them to libFuzzer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace mtasts::fuzz {

struct Seed {
  std::string input{};
  bool whole{};  // run as it is, without variants
};

/// Reads what the command line names, in its order:
/// --cases FILE...      a YAML table: of each case `input`, where a list stands for lines
/// --fields A,B FILE... the same, with these keys of each case, an empty line between two of them
/// --whole PATH...      a file, or all files of a folder, as they are
/// Errors: std::runtime_error or YAML::Exception for what cannot be read.
std::vector<Seed> read_seeds(const std::vector<std::string>& arguments);

}  // namespace mtasts::fuzz
