// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "probes/core/imap_dialogue.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

namespace {

constexpr std::size_t kMaxMessage = 100;

ImapReceipt receipt_for(std::uint32_t uid) { return uid % 2 == 0 ? ImapReceipt::taken : ImapReceipt::refused; }

/// A command is one line, whatever the server said before.
void expect_command(const ImapAction& action) {
  expect(action.octets.ends_with("\r\n"));
  expect(action.octets.find_first_of("\r\n") == action.octets.size() - 2);
}

}  // namespace

/// The input is what a server sends after the login, answers to all commands in a row.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ImapReader reader(kMaxMessage + 1);
  ImapDialogue dialogue({.done_folder = "Done", .refused_folder = "Refused", .max_message_bytes = kMaxMessage});
  ImapAction action = dialogue.start();
  auto status = reader.feed({reinterpret_cast<const char*>(data), size});
  while (status == ImapReader::Status::complete && action.kind != ImapActionKind::finish) {
    ImapResponse response = reader.take();
    expect(response.text.size() <= kMaxImapLine && response.literals.size() <= kMaxImapLiterals);
    parse_imap_fetch(response);
    action = dialogue.on_response(std::move(response));
    if (action.kind == ImapActionKind::deliver) {
      expect(action.octets.size() <= kMaxMessage + 1 || action.octets.size() <= kMaxImapLine);  // a literal, or quoted
      action = dialogue.on_receipt(receipt_for(action.uid));
    }
    if (action.kind != ImapActionKind::read) expect_command(action);
    status = reader.feed({});
  }
  for (const char c : to_string(dialogue.outcome().trouble)) expect(c >= ' ' && c < 127);
  return 0;
}
