// SPDX-License-Identifier: Apache-2.0
#include "exporter/gzip_stream.h"

#include <gtest/gtest.h>

#include <random>

#include "exporter/gunzip.h"

using namespace mtasts;

namespace {

constexpr std::size_t kPlenty = std::size_t{8} << 20;

/// Input: octets of a piece; 0 is a piece that has nothing to say.
std::string in_pieces(std::string_view text, std::size_t size) {
  GzipStream stream;
  std::string out;
  for (; text.size() > size; text.remove_prefix(size)) stream.add(text.substr(0, size), false, out);
  stream.add("", false, out);
  stream.add(text, false, out);
  stream.add("", true, out);
  return out;
}

std::string exposition(std::size_t lines) {
  std::string text;
  for (std::size_t line = 0; line < lines; ++line)
    text += "mtasts_domain_ok{domain=\"d" + std::to_string(line) + ".example.org\"} 1\n";
  return text;
}

std::string noise(std::size_t octets) {
  std::mt19937 random{1};
  std::string text(octets, '\0');
  for (char& octet : text) octet = static_cast<char>(random());
  return text;
}

TEST(GzipStream, ReadsBackHoweverItWasCut) {
  for (const std::string& text : {std::string{}, std::string{"x"}, exposition(20'000), noise(300'000)}) {
    for (const std::size_t size : {std::size_t{7}, std::size_t{1024}, std::size_t{16384}, std::size_t{1} << 20}) {
      const Gunzipped back = gunzip(in_pieces(text, size), kPlenty);
      EXPECT_TRUE(back.content == text) << text.size() << " octets in pieces of " << size;
    }
  }
}

TEST(GzipStream, AScrapeShrinksToATenth) {
  const std::string text = exposition(20'000);
  EXPECT_LT(gzip(text).size(), text.size() / 10);
}

TEST(GzipStream, NoiseHardlyGrows) {
  const std::string text = noise(300'000);
  EXPECT_LT(gzip(text).size(), text.size() + text.size() / 100);
}

TEST(GzipStream, GoesOnAfterAMove) {
  GzipStream first;
  std::string out;
  first.add("one ", false, out);
  GzipStream second{std::move(first)};
  second.add("two", true, out);
  EXPECT_EQ(gunzip(out, kPlenty).content, "one two");
}

}  // namespace
