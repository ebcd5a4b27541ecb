// The optionals that keep verdicts small.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "probes/core/boxed.h"
#include "probes/core/optional_time.h"
#include "probes/core/verdicts.h"

namespace mtasts {
namespace {

// A fleet holds one for every domain, in an allocation with std::shared_ptr's two counters; 512 octets is the
// allocator's step below 640.
static_assert(sizeof(DomainVerdict) + 16 <= 512);
static_assert(sizeof(Boxed<MxFamilyVerdict>) == sizeof(void*));
static_assert(sizeof(OptionalTime) == sizeof(UnixTime));

TEST(Boxed, IsAValue) {
  Boxed<std::string> one(std::string("one"));
  Boxed<std::string> other = one;
  *other = "two";
  EXPECT_EQ(*one, "one");
  EXPECT_NE(one, other);
  other = one;
  EXPECT_EQ(one, other);
  one = std::nullopt;
  EXPECT_FALSE(one);
  EXPECT_NE(one, other);
  EXPECT_EQ(one, Boxed<std::string>());
  other = one;
  EXPECT_EQ(other.get(), nullptr);
  EXPECT_EQ(Boxed<std::string>(std::optional<std::string>("three"))->size(), 5U);
}

TEST(OptionalTime, TellsTheEpochFromNone) {
  OptionalTime time;
  EXPECT_FALSE(time);
  EXPECT_EQ(std::optional<UnixTime>(time), std::nullopt);
  time = UnixTime{};
  ASSERT_TRUE(time);
  EXPECT_EQ(*time, UnixTime{});
  EXPECT_NE(time, OptionalTime());
  time = std::optional<UnixTime>{};
  EXPECT_EQ(time, OptionalTime());
  EXPECT_EQ(time.value_or(UnixTime{std::chrono::seconds{5}}), UnixTime{std::chrono::seconds{5}});
  time.emplace() += std::chrono::seconds{7};
  EXPECT_EQ(time, UnixTime{std::chrono::seconds{7}});
}

}  // namespace
}  // namespace mtasts
