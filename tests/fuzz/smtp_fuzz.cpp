// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>

#include "probes/core/smtp_dialogue.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

namespace {

using Status = SmtpReplyReader::Status;

/// The next octets that make a reply complete, or all of them.
Status feed(SmtpReplyReader& reader, std::string_view& octets, std::size_t piece) {
  Status status = reader.feed({});
  while (status == Status::incomplete && !octets.empty()) {
    const std::string_view part = octets.substr(0, piece);
    octets.remove_prefix(part.size());
    status = reader.feed(part);
  }
  return status;
}

SmtpObservation converse(std::string_view octets, std::size_t piece) {
  constexpr int kMostTurns = 6;
  SmtpReplyReader reader;
  SmtpDialogue dialogue{IpAddress{}, "probe.example"};
  SmtpAction action = dialogue.start();
  for (int turns = 0; action.kind != SmtpActionKind::send_and_finish; ++turns) {
    if (feed(reader, octets, piece) != Status::complete) break;
    expect(turns < kMostTurns);
    const SmtpReply reply = reader.take();
    expect(reply.code >= 0 && reply.code <= 999 && !reply.lines.empty() && reply.lines.size() <= kMaxReplyLines);
    action = dialogue.on_reply(reply);
    if (action.kind == SmtpActionKind::start_tls) action = dialogue.on_tls({});
  }
  return dialogue.observation();
}

}  // namespace

/// The input is what a server sends; the dialogue ends after a handful of turns whatever that is, and however TCP cuts
/// it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const SmtpObservation whole = converse(octets, std::max<std::size_t>(size, 1));
  for (const std::string& line : whole.transcript) fuzz::expect_printable(line);
  const SmtpObservation cut = converse(octets, 1);
  expect(cut.transcript == whole.transcript && cut.starttls_offered == whole.starttls_offered);
  expect(cut.greeting_code == whole.greeting_code && cut.hello_code == whole.hello_code);
  expect(cut.starttls_code == whole.starttls_code && cut.hello_after_tls == whole.hello_after_tls);
  return 0;
}
