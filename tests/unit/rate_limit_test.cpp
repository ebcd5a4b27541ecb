// SPDX-License-Identifier: Apache-2.0
#include "exporter/rate_limit.h"

#include <gtest/gtest.h>

namespace mtasts {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr RateLimit::Clock::time_point kStart{seconds{1000}};

int admitted(RateLimit& limit, const std::string& source, RateLimit::Clock::time_point now, int attempts) {
  int count = 0;
  for (int i = 0; i < attempts; ++i) count += limit.admits(source, now) ? 1 : 0;
  return count;
}

TEST(RateLimit, ABurstThenASteadyRate) {
  RateLimit limit{{.burst = 3, .per_second = 2, .sources = 10}};
  EXPECT_EQ(admitted(limit, "a", kStart, 5), 3);
  EXPECT_EQ(admitted(limit, "a", kStart + milliseconds{499}, 5), 0);
  EXPECT_EQ(admitted(limit, "a", kStart + milliseconds{500}, 5), 1);
  EXPECT_EQ(admitted(limit, "a", kStart + seconds{3600}, 5), 3) << "silence saves up no more than one burst";
}

TEST(RateLimit, SourcesAreApart) {
  RateLimit limit{{.burst = 1, .per_second = 1, .sources = 10}};
  EXPECT_TRUE(limit.admits("a", kStart));
  EXPECT_FALSE(limit.admits("a", kStart));
  EXPECT_TRUE(limit.admits("b", kStart));
}

TEST(RateLimit, TheTableForgetsWhoWasSilentLongest) {
  RateLimit limit{{.burst = 1, .per_second = 0.001, .sources = 2}};
  EXPECT_TRUE(limit.admits("a", kStart));
  EXPECT_TRUE(limit.admits("b", kStart));
  EXPECT_FALSE(limit.admits("a", kStart));
  EXPECT_TRUE(limit.admits("c", kStart));
  EXPECT_EQ(limit.sources(), 2u);
  EXPECT_FALSE(limit.admits("a", kStart));
  EXPECT_TRUE(limit.admits("b", kStart)) << "forgotten, so new";
}

}  // namespace
}  // namespace mtasts
