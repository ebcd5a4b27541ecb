// SPDX-License-Identifier: Apache-2.0
#include "probes/core/smtp_dialogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace mtasts {
namespace {

using Status = SmtpReplyReader::Status;
using testing::ElementsAre;

TEST(SmtpReplyReader, ReadsSeveralLinesInAnySplit) {
  const std::string wire = "250-mx.example.com\r\n250-SIZE 100\r\n250 STARTTLS\r\n";
  for (std::size_t cut = 1; cut < wire.size(); ++cut) {
    SCOPED_TRACE(cut);
    SmtpReplyReader reader;
    ASSERT_EQ(reader.feed(wire.substr(0, cut)), Status::incomplete);
    ASSERT_EQ(reader.feed(wire.substr(cut)), Status::complete);
    const SmtpReply reply = reader.take();
    EXPECT_EQ(reply.code, 250);
    EXPECT_THAT(reply.lines, ElementsAre("mx.example.com", "SIZE 100", "STARTTLS"));
    EXPECT_EQ(reader.left_over(), 0U);
  }
}

TEST(SmtpReplyReader, ReadsOctetByOctet) {
  const std::string wire = "220-a\n220 b\n";
  SmtpReplyReader reader;
  for (std::size_t i = 0; i + 1 < wire.size(); ++i) ASSERT_EQ(reader.feed(wire.substr(i, 1)), Status::incomplete);
  EXPECT_EQ(reader.feed("\n"), Status::complete);
}

TEST(SmtpReplyReader, ACodeAloneIsAReply) {
  SmtpReplyReader reader;
  ASSERT_EQ(reader.feed("220\r\n"), Status::complete);
  EXPECT_THAT(reader.take().lines, ElementsAre(""));
}

TEST(SmtpReplyReader, KeepsWhatFollowsForTheNextReply) {
  SmtpReplyReader reader;
  ASSERT_EQ(reader.feed("220 go\r\n250 injected\r\n"), Status::complete);
  EXPECT_EQ(reader.take().code, 220);
  EXPECT_EQ(reader.left_over(), 14U);
  ASSERT_EQ(reader.feed(""), Status::complete);
  EXPECT_EQ(reader.take().code, 250);
}

TEST(SmtpReplyReader, ForgetsWhatIsDiscarded) {
  SmtpReplyReader reader;
  ASSERT_EQ(reader.feed("220 go\r\n250 injected\r\n"), Status::complete);
  reader.take();
  reader.discard_left_over();
  EXPECT_EQ(reader.left_over(), 0U);
  EXPECT_EQ(reader.feed(""), Status::incomplete);
}

TEST(SmtpReplyReader, RefusesWhatIsNoReply) {
  for (const char* line : {"\r\n", "22\r\n", "2x0 a\r\n", "220_a\r\n", "HTTP/1.1 400\r\n", "250-a\r\n220 b\r\n"}) {
    EXPECT_EQ(SmtpReplyReader{}.feed(line), Status::broken) << line;
  }
}

TEST(SmtpReplyReader, LimitsALine) {
  const std::string longest = "220 " + std::string(kMaxReplyLine - 4, 'x');
  EXPECT_EQ(SmtpReplyReader{}.feed(longest + "\n"), Status::complete);
  EXPECT_EQ(SmtpReplyReader{}.feed(longest), Status::incomplete);
  EXPECT_EQ(SmtpReplyReader{}.feed(longest + "x\n"), Status::broken);
  EXPECT_EQ(SmtpReplyReader{}.feed(longest + "x"), Status::broken);
}

TEST(SmtpReplyReader, LimitsTheNumberOfLines) {
  SmtpReplyReader reader;
  for (std::size_t i = 0; i < kMaxReplyLines; ++i) ASSERT_EQ(reader.feed("250-x\r\n"), Status::incomplete);
  EXPECT_EQ(reader.feed("250 x\r\n"), Status::broken);
}

class Dialogue : public testing::Test {
 protected:
  void expect_line(const SmtpAction& action, const std::string& line, NetStage stage) {
    EXPECT_EQ(action.kind, SmtpActionKind::send_then_read);
    EXPECT_EQ(action.line, line);
    EXPECT_EQ(action.stage, stage);
  }
  void expect_quit(const SmtpAction& action) {
    EXPECT_EQ(action.kind, SmtpActionKind::send_and_finish);
    EXPECT_EQ(action.line, "QUIT\r\n");
  }
  SmtpAction greet() {
    dialogue_.start();
    return dialogue_.on_reply({220, {"mx ESMTP"}});
  }

  SmtpDialogue dialogue_{IpAddress{}, "probe.example"};
};

TEST_F(Dialogue, GoesThroughEveryTurn) {
  const SmtpAction first = dialogue_.start();
  EXPECT_EQ(first.kind, SmtpActionKind::read_reply);
  EXPECT_EQ(first.stage, NetStage::greeting);
  expect_line(dialogue_.on_reply({220, {"mx ESMTP"}}), "EHLO probe.example\r\n", NetStage::hello);
  expect_line(dialogue_.on_reply({250, {"mx", "STARTTLS"}}), "STARTTLS\r\n", NetStage::starttls);
  const SmtpAction tls = dialogue_.on_reply({220, {"go"}});
  EXPECT_EQ(tls.kind, SmtpActionKind::start_tls);
  EXPECT_EQ(tls.stage, NetStage::handshake);
  expect_line(dialogue_.on_tls({}), "EHLO probe.example\r\n", NetStage::after_tls);
  expect_quit(dialogue_.on_reply({250, {"mx"}}));
  const SmtpObservation& seen = dialogue_.observation();
  EXPECT_TRUE(seen.connected);
  EXPECT_EQ(seen.greeting_code, 220);
  EXPECT_TRUE(seen.starttls_offered);
  EXPECT_EQ(seen.starttls_code, 220);
  EXPECT_TRUE(seen.tls);
  EXPECT_TRUE(seen.hello_after_tls);
  EXPECT_FALSE(seen.bytes_after_starttls);
  EXPECT_THAT(seen.transcript,
              ElementsAre("S: 220 mx ESMTP", "C: EHLO probe.example", "S: 250-mx", "S: 250 STARTTLS", "C: STARTTLS",
                          "S: 220 go", "-: TLS handshake completed", "C: EHLO probe.example", "S: 250 mx", "C: QUIT"));
}

TEST_F(Dialogue, TakesTheKeywordInAnyCaseAndPlace) {
  for (const char* keyword : {"starttls", "StartTLS", "STARTTLS ignored"}) {
    SmtpDialogue dialogue{IpAddress{}, "probe.example"};
    dialogue.start();
    dialogue.on_reply({220, {""}});
    expect_line(dialogue.on_reply({250, {"mx", "SIZE", keyword, "HELP"}}), "STARTTLS\r\n", NetStage::starttls);
  }
}

TEST_F(Dialogue, TheHostNameAndLongerWordsAreNoKeyword) {
  greet();
  expect_quit(dialogue_.on_reply({250, {"STARTTLS", "XSTARTTLS", "STARTTLSX"}}));
  EXPECT_FALSE(dialogue_.observation().starttls_offered);
}

TEST_F(Dialogue, QuitsAfterARefusingGreeting) {
  dialogue_.start();
  expect_quit(dialogue_.on_reply({554, {"no"}}));
  EXPECT_EQ(dialogue_.observation().greeting_code, 554);
}

TEST_F(Dialogue, FallsBackToHelo) {
  greet();
  expect_line(dialogue_.on_reply({502, {"what"}}), "HELO probe.example\r\n", NetStage::hello);
  expect_quit(dialogue_.on_reply({250, {"mx", "STARTTLS"}}));
  EXPECT_FALSE(dialogue_.observation().starttls_offered);
}

TEST_F(Dialogue, QuitsWhenStarttlsIsRefused) {
  greet();
  dialogue_.on_reply({250, {"mx", "STARTTLS"}});
  expect_quit(dialogue_.on_reply({454, {"later"}}));
  EXPECT_TRUE(dialogue_.observation().starttls_offered);
  EXPECT_EQ(dialogue_.observation().starttls_code, 454);
  EXPECT_FALSE(dialogue_.observation().tls);
}

TEST_F(Dialogue, NotesClearTextAfterStarttlsAndFailures) {
  dialogue_.on_clear_text_after_starttls();
  dialogue_.on_failure({NetStage::hello, NetError::reset, "reset"});
  EXPECT_TRUE(dialogue_.observation().bytes_after_starttls);
  ASSERT_TRUE(dialogue_.observation().failure);
  EXPECT_EQ(dialogue_.observation().failure->error, NetError::reset);
  EXPECT_THAT(dialogue_.observation().transcript, ElementsAre("-: reset"));
}

TEST_F(Dialogue, KeepsABoundedPrintableTranscript) {
  greet();
  dialogue_.on_reply({250, std::vector<std::string>(200, std::string(1000, '\x1b'))});
  const auto& transcript = dialogue_.observation().transcript;
  EXPECT_EQ(transcript.size(), 48U);
  for (const std::string& line : transcript) {
    EXPECT_LE(line.size(), 163U);
    EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < 127; }));
  }
}

}  // namespace
}  // namespace mtasts
