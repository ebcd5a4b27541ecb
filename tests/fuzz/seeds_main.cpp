// Writes a target's seeds into a folder, a file each, where libFuzzer finds them.
// Usage: fuzz_seeds FOLDER, then as for read_seeds
// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/fuzz/seeds.h"

int main(int argc, char** argv) {
  if (argc < 2) return 1;
  const std::filesystem::path folder = argv[1];
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::size_t number = 0;
  for (const mtasts::fuzz::Seed& seed : mtasts::fuzz::read_seeds({argv + 2, argv + argc})) {
    std::ofstream(folder / std::to_string(++number), std::ios::binary) << seed.input;
  }
  return 0;
}
