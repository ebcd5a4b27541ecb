// SPDX-License-Identifier: Apache-2.0
#include "probes/core/shard.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mtasts {
namespace {

constexpr std::size_t kDomains = 20'000;

std::string domain(std::size_t number) { return "domain-" + std::to_string(number) + ".example"; }

std::vector<std::size_t> sizes_of(std::size_t count) {
  std::vector<std::size_t> sizes(count);
  for (std::size_t i = 0; i < kDomains; ++i) ++sizes.at(shard_of(domain(i), count));
  return sizes;
}

TEST(Shard, OneTakesAll) {
  EXPECT_EQ(shard_of("example.org", 1), 0U);
  EXPECT_EQ(shard_of("", 1), 0U);
}

/// A new version that put domains elsewhere would probe some twice and some never while a fleet is upgraded.
TEST(Shard, StaysWhereItWasInEveryVersion) {
  EXPECT_EQ(shard_of("example.org", 3), 0U);
  EXPECT_EQ(shard_of("example.net", 3), 0U);
  EXPECT_EQ(shard_of("example.com", 3), 1U);
  EXPECT_EQ(shard_of("xn--mgbaal8b0b9b2b.example", 1024), 445U);
}

TEST(Shard, SharesAreEqualWithinAFewPercent) {
  for (const std::size_t count : {2U, 3U, 7U, 16U}) {
    const double fair = static_cast<double>(kDomains) / static_cast<double>(count);
    for (const std::size_t size : sizes_of(count)) EXPECT_NEAR(static_cast<double>(size), fair, fair * 0.12) << count;
  }
}

TEST(Shard, OneMoreTakesItsShareAndMovesNoOther) {
  for (const std::size_t count : {1U, 2U, 5U, 11U}) {
    std::size_t moved = 0;
    for (std::size_t i = 0; i < kDomains; ++i) {
      const std::size_t before = shard_of(domain(i), count);
      const std::size_t after = shard_of(domain(i), count + 1);
      if (before == after) continue;
      ++moved;
      ASSERT_EQ(after, count) << domain(i);
    }
    const double fair = static_cast<double>(kDomains) / static_cast<double>(count + 1);
    EXPECT_NEAR(static_cast<double>(moved), fair, fair * 0.12) << count;
  }
}

}  // namespace
}  // namespace mtasts
