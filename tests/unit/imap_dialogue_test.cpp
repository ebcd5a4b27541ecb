// SPDX-License-Identifier: Apache-2.0
#include "probes/core/imap_dialogue.h"

#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

constexpr std::size_t kMaxMessage = 100;

/// What comes before SELECT is answered, for cases that are about what comes then.
std::vector<std::string> opening(const std::string& capability) {
  return {"C: m1 CAPABILITY", "S: * CAPABILITY IMAP4rev1 " + capability, "S: m1 OK", "C: m2 STATUS \"Done\" (UIDNEXT)",
          "S: m2 OK",         "C: m3 STATUS \"Refused\" (UIDNEXT)",      "S: m3 OK", "C: m4 SELECT \"INBOX\""};
}

/// Plays a session's lines against a dialogue.
class Play {
 public:
  explicit Play(const ImapPlan& plan) : dialogue_(plan), action_(dialogue_.start()) {}

  void line(const std::string& line) {
    SCOPED_TRACE(line);
    if (line.starts_with("C: ")) return expect_said(line.substr(3));
    if (line.starts_with("S: ")) return hear(line.substr(3) + "\r\n");
    expect_delivered(line.substr(3));
  }

  void expect_end() const {
    ASSERT_EQ(action_.kind, ImapActionKind::finish);
    EXPECT_TRUE(action_.octets.ends_with(" LOGOUT\r\n")) << action_.octets;
  }
  const ImapOutcome& outcome() const { return dialogue_.outcome(); }

 private:
  void expect_said(const std::string& command) {
    ASSERT_EQ(action_.kind, ImapActionKind::send);
    ASSERT_EQ(action_.octets, command + "\r\n");
    action_ = {.kind = ImapActionKind::read};
  }

  void hear(const std::string& octets) {
    ASSERT_EQ(action_.kind, ImapActionKind::read) << action_.octets;
    const ImapReader::Status status = reader_.feed(octets);
    ASSERT_NE(status, ImapReader::Status::incomplete);
    action_ = status == ImapReader::Status::complete ? dialogue_.on_response(reader_.take()) : dialogue_.on_broken();
  }

  void expect_delivered(const std::string& words) {
    ASSERT_EQ(action_.kind, ImapActionKind::deliver);
    const std::string receipt = words.substr(words.find(' ') + 1, words.rfind(' ') - words.find(' ') - 1);
    ASSERT_EQ(std::to_string(action_.uid) + " " + receipt + " " + action_.octets, words);
    action_ = dialogue_.on_receipt(receipt == "taken"     ? ImapReceipt::taken
                                   : receipt == "refused" ? ImapReceipt::refused
                                                          : ImapReceipt::not_stored);
  }

  ImapDialogue dialogue_;
  ImapReader reader_{kMaxMessage + 1};
  ImapAction action_;
};

class ImapDialogues : public testing::TestWithParam<Case> {};

TEST_P(ImapDialogues, GoAsTheRfcsSay) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const YAML::Node& node = expected.node;
  Play play({.done_folder = node["done"].as<std::string>("Done"),
             .refused_folder = node["refused"].as<std::string>("Refused"),
             .max_message_bytes = kMaxMessage});
  if (node["start"]) {
    for (const std::string& line : opening(node["start"].as<std::string>())) play.line(line);
  }
  for (const std::string& line : list_of(expected, "talk")) {
    play.line(line);
    if (HasFatalFailure()) return;
  }
  play.expect_end();
  const ImapOutcome& outcome = play.outcome();
  EXPECT_EQ(to_string(outcome.trouble), node["problem"].as<std::string>(""));
  EXPECT_EQ(outcome.taken, node["taken"].as<std::size_t>(0));
  EXPECT_EQ(outcome.refused, node["refused_count"].as<std::size_t>(0));
  EXPECT_EQ(outcome.unreadable, node["unreadable"].as<std::size_t>(0));
  EXPECT_EQ(outcome.not_stored, node["not_stored"].as<bool>(false));
  EXPECT_EQ(outcome.cannot_move, node["cannot_move"].as<bool>(false));
}
INSTANTIATE_TEST_SUITE_P(Data, ImapDialogues, testing::ValuesIn(load_cases("imap_dialogues.yaml")), case_name);

TEST(ImapDialogue, EndlessAnswersEnd) {
  ImapDialogue dialogue({.max_message_bytes = kMaxMessage});
  ImapAction action = dialogue.start();
  const std::string line = "* OK " + std::string(60'000, 'x');
  std::size_t lines = 0;
  for (action.kind = ImapActionKind::read; action.kind == ImapActionKind::read; ++lines) {
    ASSERT_LT(lines, 1000U);
    action = dialogue.on_response({.text = line});
  }
  EXPECT_EQ(action.kind, ImapActionKind::finish);
  EXPECT_EQ(dialogue.outcome().trouble.problem, "the server's answer breaks the protocol");
}

/// Of 1,200 messages that stay, 500 are listed at once, and each is fetched once.
TEST(ImapDialogue, GoesThroughALargeFolderInWindows) {
  ImapDialogue dialogue({.max_message_bytes = kMaxMessage});
  std::vector<std::string> windows;
  std::size_t delivered = 0;
  ImapAction action = dialogue.start();
  while (action.kind != ImapActionKind::finish) {
    if (action.kind == ImapActionKind::deliver) {
      EXPECT_EQ(action.uid, ++delivered * 10);
      action = dialogue.on_receipt(ImapReceipt::taken);
      continue;
    }
    const std::string tag = action.octets.substr(0, action.octets.find(' '));
    const std::string command = action.octets.substr(tag.size() + 1);
    if (command.starts_with("SELECT")) dialogue.on_response({.text = "* 1200 EXISTS"});
    if (command.starts_with("FETCH ")) {
      windows.push_back(command.substr(6, command.find(' ', 6) - 6));
      for (std::size_t n = std::stoul(windows.back());
           n <= std::stoul(windows.back().substr(windows.back().find(':') + 1)); ++n) {
        dialogue.on_response(
            {.text = "* " + std::to_string(n) + " FETCH (UID " + std::to_string(n * 10) + " FLAGS ())"});
      }
    }
    if (command.starts_with("UID FETCH ")) {
      const std::string uid = command.substr(10, command.find(' ', 10) - 10);
      dialogue.on_response({.text = "* 1 FETCH (UID " + uid + " BODY[]<0> \"x\")"});
    }
    action = dialogue.on_response({.text = tag + " OK"});
  }
  EXPECT_EQ(delivered, 1200U);
  EXPECT_EQ(windows, (std::vector<std::string>{"1:500", "501:1000", "1001:1200"}));
}

}  // namespace
}  // namespace mtasts::test
