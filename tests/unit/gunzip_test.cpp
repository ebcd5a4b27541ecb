// SPDX-License-Identifier: Apache-2.0
#include "exporter/gunzip.h"

#include <gtest/gtest.h>

#include "exporter/gzip_stream.h"

namespace mtasts::test {
namespace {

constexpr std::size_t kPlenty = 1'000'000;

TEST(Gunzip, UnpacksOneMember) {
  const Gunzipped result = gunzip(gzip("hello"), kPlenty);
  EXPECT_EQ(result.content, "hello");
  EXPECT_EQ(result.fault, GunzipFault::none);
  EXPECT_FALSE(result.trailing);
}

TEST(Gunzip, UnpacksAllMembers) {
  EXPECT_EQ(gunzip(gzip("one ") + gzip("") + gzip("two"), kPlenty).content, "one two");
}

TEST(Gunzip, UnpacksMoreThanOnePiece) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i);
  EXPECT_EQ(gunzip(gzip(text), kPlenty).content, text);
}

TEST(Gunzip, TheLimitIsExact) {
  const std::string data = gzip(std::string(100'000, 'x'));
  EXPECT_EQ(gunzip(data, 100'000).content.size(), 100'000U);
  const Gunzipped refused = gunzip(data, 99'999);
  EXPECT_EQ(refused.fault, GunzipFault::too_large);
  EXPECT_EQ(refused.content, "");
  EXPECT_EQ(gunzip(gzip("ab") + gzip("cd"), 3).fault, GunzipFault::too_large);
}

TEST(Gunzip, EveryBeginningIsDamaged) {
  const std::string data = gzip("hello, hello, hello");
  for (std::size_t size = 0; size < data.size(); ++size)
    EXPECT_EQ(gunzip(data.substr(0, size), kPlenty).fault, GunzipFault::damaged) << size;
  const std::string two = data + data;
  for (std::size_t size = data.size() + 2; size < two.size(); ++size)
    EXPECT_EQ(gunzip(two.substr(0, size), kPlenty).fault, GunzipFault::damaged) << size;
}

TEST(Gunzip, AChangedChecksumIsDamage) {
  std::string data = gzip("hello");
  data[data.size() - 8] = static_cast<char>(data[data.size() - 8] ^ 1);
  EXPECT_EQ(gunzip(data, kPlenty).fault, GunzipFault::damaged);
}

TEST(Gunzip, SomethingBehindItIsNotRead) {
  for (const std::string& rest : {std::string("x"), std::string(512, '\0'), std::string("\r\n")}) {
    const Gunzipped result = gunzip(gzip("hello") + rest, kPlenty);
    EXPECT_EQ(result.content, "hello");
    EXPECT_TRUE(result.trailing);
  }
}

TEST(Gunzip, IsToldByItsFirstOctets) {
  EXPECT_TRUE(looks_like_gzip(gzip("")));
  EXPECT_FALSE(looks_like_gzip("\x1f"));
  EXPECT_FALSE(looks_like_gzip("{"));
  EXPECT_EQ(gunzip("not gzip at all", kPlenty).fault, GunzipFault::damaged);
}

}  // namespace
}  // namespace mtasts::test
