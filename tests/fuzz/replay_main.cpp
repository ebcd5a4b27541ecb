// Feeds a fuzz target its seeds, so that every build runs it without a fuzzer: cases of tests/data each with its
// beginnings and with every octet changed once, files of the corpus as they are.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <iostream>
#include <string>

#include "tests/fuzz/seeds.h"

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

}  // namespace

int main(int argc, char** argv) {
  const auto seeds = mtasts::fuzz::read_seeds({argv + 1, argv + argc});
  run("");
  for (const mtasts::fuzz::Seed& seed : seeds) {
    if (seed.whole) {
      run(seed.input);
    } else {
      run_with_variants(seed.input);
    }
  }
  std::cout << seeds.size() << " seeds replayed\n";
  return seeds.empty() ? 1 : 0;
}
