// SPDX-License-Identifier: Apache-2.0
#include "exporter/gzip_stream.h"

#include <gtest/gtest.h>

#include <random>

#include "exporter/gunzip.h"

using namespace mtasts;

namespace {

constexpr std::size_t kPlenty = std::size_t{8} << 20;

/// Input: octets of a piece; every `nth_ready` piece is deflated beforehand, none with 0.
std::string in_pieces(std::string_view text, std::size_t size, std::size_t nth_ready) {
  GzipStream stream;
  std::string out;
  for (std::size_t piece = 1; !text.empty(); ++piece) {
    const std::string_view next = text.substr(0, size);
    if (nth_ready != 0 && piece % nth_ready == 0) {
      stream.add(deflated(next));
    } else {
      stream.add(next);
    }
    stream.add("");
    stream.add(deflated(""));
    out += stream.take();
    text.remove_prefix(next.size());
  }
  stream.finish();
  return out + stream.take();
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
    for (const std::size_t size : {std::size_t{700}, std::size_t{16384}, std::size_t{1} << 20}) {
      for (const std::size_t nth_ready : {0, 1, 3}) {
        const Gunzipped back = gunzip(in_pieces(text, size, nth_ready), kPlenty);
        EXPECT_TRUE(back.content == text && back.fault == GunzipFault::none)
            << text.size() << " octets in pieces of " << size << ", one ready of " << nth_ready;
      }
    }
  }
}

/// Where the room for output is just full, and where text is just gathered.
TEST(GzipStream, ReadsBackAtTheEdgesOfItsBuffers) {
  const std::string text = noise(262'200);
  const auto expect_back = [&text](std::size_t size) {
    const std::string_view part = std::string_view{text}.substr(0, size);
    EXPECT_TRUE(gunzip(gzip(part), kPlenty).content == part) << size << " octets";
  };
  for (std::size_t size = 16'300; size < 16'400; ++size) expect_back(size);
  for (std::size_t size = 32'680; size < 32'780; ++size) expect_back(size);
  for (std::size_t size = 262'140; size < 262'150; ++size) expect_back(size);
}

TEST(GzipStream, IsOneMember) {
  const std::string out = in_pieces(exposition(3000), 16384, 2);
  const std::string once = gzip(exposition(3000));
  EXPECT_EQ(out.substr(out.size() - 8), once.substr(once.size() - 8)) << "CRC and length are those of all the text";
}

TEST(GzipStream, APartFitsAnywhereAndManyTimes) {
  const Deflated part = deflated(exposition(100));
  GzipStream stream;
  std::string expected;
  for (const std::string_view before : {"one", "", "two"}) {
    stream.add(before);
    stream.add(part);
    expected.append(before).append(exposition(100));
  }
  EXPECT_EQ(stream.text_octets(), expected.size());
  stream.finish();
  EXPECT_EQ(gunzip(stream.take(), kPlenty).content, expected);
}

TEST(GzipStream, GathersWhatIsShort) {
  GzipStream short_pieces;
  const std::string text = exposition(1000);
  for (std::size_t at = 0; at < text.size(); at += 50) short_pieces.add(std::string_view{text}.substr(at, 50));
  short_pieces.finish();
  EXPECT_EQ(short_pieces.take(), gzip(text));
}

TEST(GzipStream, AScrapeShrinksToATenth) {
  const std::string text = exposition(20'000);
  EXPECT_LT(gzip(text).size(), text.size() / 10);
}

TEST(GzipStream, NoiseHardlyGrows) {
  const std::string text = noise(300'000);
  EXPECT_LT(gzip(text).size(), text.size() + text.size() / 100);
}

}  // namespace
