// SPDX-License-Identifier: Apache-2.0
#include "probes/core/shard.h"

#include <cstdint>

namespace mtasts {
namespace {

/// FNV-1a.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash;
}

/// The finalizer of SplitMix64: every bit of the input changes about half of the output's.
std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31);
}

/// How much a shard wants a domain.
std::uint64_t score(std::uint64_t domain, std::size_t shard) {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15U;  // 2^64 divided by the golden ratio: no two shards are alike
  return mixed(domain ^ mixed((shard + 1) * kOdd));
}

}  // namespace

std::size_t shard_of(std::string_view domain, std::size_t count) {
  const std::uint64_t hash = hash_of(domain);
  std::size_t best = 0;
  for (std::size_t shard = 1; shard < count; ++shard) {
    if (score(hash, shard) > score(hash, best)) best = shard;
  }
  return best;
}

}  // namespace mtasts
