// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "probes/core/smtp_dialogue.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

/// The input is what a server sends; the dialogue ends after a handful of turns whatever that is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kMostTurns = 6;
  SmtpReplyReader reader;
  SmtpDialogue dialogue{IpAddress{}, "probe.example"};
  SmtpAction action = dialogue.start();
  auto status = reader.feed({reinterpret_cast<const char*>(data), size});
  int turns = 0;
  while (status == SmtpReplyReader::Status::complete && action.kind != SmtpActionKind::send_and_finish) {
    expect(++turns <= kMostTurns);
    const SmtpReply reply = reader.take();
    expect(reply.code >= 0 && reply.code <= 999 && !reply.lines.empty() && reply.lines.size() <= kMaxReplyLines);
    action = dialogue.on_reply(reply);
    if (action.kind == SmtpActionKind::start_tls) action = dialogue.on_tls({});
    status = reader.feed({});
  }
  for (const std::string& line : dialogue.observation().transcript) {
    for (const char c : line) expect(c >= ' ' && c < 127);
  }
  return 0;
}
