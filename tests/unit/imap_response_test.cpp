// SPDX-License-Identifier: Apache-2.0
#include "probes/core/imap_response.h"

#include <numeric>

#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

using Status = ImapReader::Status;

std::string joined(const std::vector<std::string>& words, const std::string& separator) {
  return std::accumulate(words.begin(), words.end(), std::string{}, [&](std::string text, const std::string& word) {
    return text.empty() ? word : std::move(text) + separator + word;
  });
}

std::string describe(const ImapStatusLine& line) {
  constexpr std::array<const char*, 5> kNames{"ok", "no", "bad", "bye", "preauth"};
  return "status " + line.tag + " " + kNames.at(static_cast<std::size_t>(line.status)) + " [" + line.code + "] " +
         line.text;
}

/// Line ends in the body as "|".
std::string describe(const ImapFetch& fetch) {
  std::string text = "fetch " + std::to_string(fetch.sequence);
  if (fetch.uid) text += " uid=" + std::to_string(*fetch.uid);
  text += " flags=" + joined(fetch.flags, ",");
  if (!fetch.body) return text;
  std::string body = *fetch.body;
  for (std::size_t at = 0; (at = body.find("\r\n")) != std::string::npos;) body.replace(at, 2, "|");
  return text + " body=" + body;
}

std::string describe(const ImapResponse& response) {
  if (const auto status = parse_imap_status(response.text)) {
    if (!response.text.starts_with('+')) return describe(*status);
  }
  if (const auto words = parse_imap_capability(response.text)) return "capability " + joined(*words, " ");
  if (const auto fetch = parse_imap_fetch(response)) return describe(*fetch);
  const auto count = parse_imap_count(response.text);
  if (count && count->word != "FETCH") return "count " + std::to_string(count->number) + " " + count->word;
  return "other";
}

/// Feeds the octets in pieces of this size.
std::string read(std::string_view octets, std::size_t piece) {
  ImapReader reader(100);
  Status status = Status::incomplete;
  while (!octets.empty() && status == Status::incomplete) {
    status = reader.feed(octets.substr(0, piece));
    octets.remove_prefix(std::min(piece, octets.size()));
  }
  if (status == Status::broken) return "broken";
  return status == Status::complete ? describe(reader.take()) : "incomplete";
}

class ImapResponses : public testing::TestWithParam<Case> {};

TEST_P(ImapResponses, MeanTheSameInAnyPieces) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const std::string input = text_of(expected);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{4096}}) {
    EXPECT_EQ(read(input, piece), text_of(expected, "want")) << piece;
  }
}
INSTANTIATE_TEST_SUITE_P(Data, ImapResponses, testing::ValuesIn(load_cases("imap_responses.yaml")), case_name);

TEST(ImapReader, KeepsWhatFollowsForTheNextResponse) {
  ImapReader reader(100);
  ASSERT_EQ(reader.feed("* 1 FETCH (BODY[] {1}\r\na)\r\n* 2 EXISTS\r\nm"), Status::complete);
  EXPECT_EQ(reader.take().literals, std::vector<std::string>{"a"});
  ASSERT_EQ(reader.feed(""), Status::complete);
  EXPECT_EQ(reader.take().text, "* 2 EXISTS");
  ASSERT_EQ(reader.feed("1 OK\r\n"), Status::complete);
  EXPECT_EQ(reader.take().text, "m1 OK");
}

TEST(ImapReader, BoundsALine) {
  const std::string longest(kMaxImapLine, 'x');
  EXPECT_EQ(ImapReader(0).feed(longest + "\n"), Status::complete);
  EXPECT_EQ(ImapReader(0).feed(longest + "x\n"), Status::broken);
  EXPECT_EQ(ImapReader(0).feed(longest), Status::incomplete);
  EXPECT_EQ(ImapReader(0).feed(longest + "x"), Status::broken);
}

TEST(ImapReader, BoundsALineThatLiteralsInterrupt) {
  ImapReader reader(100);
  const std::string half(kMaxImapLine / 2, 'x');
  ASSERT_EQ(reader.feed("* " + half + " {0}\r\n"), Status::incomplete);
  EXPECT_EQ(reader.feed(half), Status::broken);
}

TEST(ImapReader, BoundsTheNumberOfLiterals) {
  ImapReader reader(100);
  ASSERT_EQ(reader.feed("* X"), Status::incomplete);
  for (std::size_t i = 0; i < kMaxImapLiterals; ++i) ASSERT_EQ(reader.feed(" {0}\r\n"), Status::incomplete);
  EXPECT_EQ(reader.feed(" {0}\r\n"), Status::broken);
}

TEST(ImapReader, LimitsStartAnewWithEachResponse) {
  ImapReader reader(3);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(reader.feed("* X {3}\r\nabc\r\n"), Status::complete);
    reader.take();
  }
}

TEST(ImapQuoted, EscapesWhatWouldEndIt) { EXPECT_EQ(render_imap_quoted("a\"b\\c"), "\"a\\\"b\\\\c\""); }

TEST(ImapFlags, AreReadFromAList) {
  EXPECT_EQ(parse_imap_flag_list("PERMANENTFLAGS (\\Seen \\*)"), (std::vector<std::string>{"\\seen", "\\*"}));
  EXPECT_EQ(parse_imap_flag_list("PERMANENTFLAGS (\\Seen"), std::vector<std::string>{});
  EXPECT_EQ(parse_imap_flag_list("PERMANENTFLAGS"), std::vector<std::string>{});
}

}  // namespace
}  // namespace mtasts::test
