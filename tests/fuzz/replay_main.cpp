// Feeds the inputs of tests/data to a fuzz target, each with its beginnings and with every octet changed once, so that
// every build runs it without a fuzzer.
// SPDX-License-Identifier: Apache-2.0
#include <yaml-cpp/yaml.h>

#include <array>
#include <cstdint>
#include <iostream>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// Octets that end things in one grammar or another.
constexpr std::array<char, 12> kDelimiters{'\n', '\r', ' ', ';', ':', '=', ',', '*', '"', '(', '\0', '\xff'};

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

void run_with_variants(const std::string& seed) {
  run(seed);
  for (std::size_t at = 0; at < seed.size(); ++at) {
    run(seed.substr(0, at));
    std::string changed = seed;
    for (const char delimiter : kDelimiters) {
      changed[at] = delimiter;
      run(changed);
    }
  }
}

/// A case's input: a text, or a list of records, which the targets take as one per line.
std::string seed_of(const YAML::Node& input) {
  if (!input.IsSequence()) return input.as<std::string>();
  std::string lines;
  for (const YAML::Node& line : input) lines += line.as<std::string>() + '\n';
  if (!lines.empty()) lines.pop_back();
  return lines;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t seeds = 0;
  for (int i = 1; i < argc; ++i) {
    for (const YAML::Node& entry : YAML::LoadFile(argv[i])) {
      if (!entry.IsMap() || !entry["input"] || entry["input"].IsMap()) continue;
      run_with_variants(seed_of(entry["input"]));
      ++seeds;
    }
  }
  std::cout << seeds << " seeds replayed\n";
  return seeds == 0 ? 1 : 0;
}
