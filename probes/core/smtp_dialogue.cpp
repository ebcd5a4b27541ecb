// SPDX-License-Identifier: Apache-2.0
#include "probes/core/smtp_dialogue.h"

#include <algorithm>
#include <utility>

#include "probes/core/domain_name.h"

namespace mtasts {
namespace {

constexpr std::size_t kMaxTranscriptLines = 48;
constexpr std::size_t kMaxTranscriptLine = 160;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "250-text", "250 text" or "250" alone.
bool is_reply_line(std::string_view line) {
  if (line.size() < 3 || !std::all_of(line.begin(), line.begin() + 3, is_digit)) return false;
  return line.size() == 3 || line[3] == ' ' || line[3] == '-';
}

/// EHLO keywords know no case (RFC 5321 section 2.4).
bool offers_starttls(const SmtpReply& reply) {
  return std::any_of(reply.lines.begin() + 1, reply.lines.end(), [](const std::string& line) {
    return to_lower(std::string_view(line).substr(0, line.find(' '))) == "starttls";
  });
}

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text.substr(0, kMaxTranscriptLine)) safe += (c >= ' ' && c < 127) ? c : '?';
  return safe;
}

}  // namespace

SmtpReplyReader::Status SmtpReplyReader::take_line(std::string_view line) {
  if (!is_reply_line(line) || reply_.lines.size() >= kMaxReplyLines) return Status::broken;
  const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  if (!reply_.lines.empty() && code != reply_.code) return Status::broken;
  reply_.code = code;
  reply_.lines.emplace_back(line.size() > 4 ? line.substr(4) : std::string_view{});
  return line.size() > 3 && line[3] == '-' ? Status::incomplete : Status::complete;
}

SmtpReplyReader::Status SmtpReplyReader::feed(std::string_view bytes) {
  buffer_ += bytes;
  while (true) {
    const std::size_t end = buffer_.find('\n');
    if (std::min(end, buffer_.size()) > kMaxReplyLine) return Status::broken;
    if (end == std::string::npos) return Status::incomplete;
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    if (line.ends_with('\r')) line.pop_back();
    const Status status = take_line(line);
    if (status != Status::incomplete) return status;
  }
}

SmtpReply SmtpReplyReader::take() { return std::exchange(reply_, {}); }

SmtpDialogue::SmtpDialogue(IpAddress address, std::string hello_name) : hello_name_(std::move(hello_name)) {
  seen_.address = address;
}

void SmtpDialogue::note(char side, std::string_view text) {
  if (seen_.transcript.size() >= kMaxTranscriptLines) return;
  seen_.transcript.push_back(std::string{side, ':', ' '} + escaped(text));
}

SmtpAction SmtpDialogue::start() {
  seen_.connected = true;
  return {.kind = SmtpActionKind::read_reply, .stage = NetStage::greeting};
}

SmtpAction SmtpDialogue::say(State next, NetStage stage, std::string line) {
  state_ = next;
  note('C', line);
  return {.kind = SmtpActionKind::send_then_read, .line = line + "\r\n", .stage = stage};
}

SmtpAction SmtpDialogue::quit() {
  state_ = State::done;
  note('C', "QUIT");
  return {.kind = SmtpActionKind::send_and_finish, .line = "QUIT\r\n", .stage = NetStage::after_tls};
}

SmtpAction SmtpDialogue::on_reply(const SmtpReply& reply) {
  for (std::size_t i = 0; i < reply.lines.size(); ++i) {
    note('S', std::to_string(reply.code) + (i + 1 < reply.lines.size() ? "-" : " ") + reply.lines[i]);
  }
  switch (state_) {
    case State::greeting:
      seen_.greeting_code = reply.code;
      return reply.code == 220 ? say(State::ehlo, NetStage::hello, "EHLO " + hello_name_) : quit();
    case State::ehlo:
      seen_.hello_code = reply.code;
      if (reply.code != 250) return say(State::helo, NetStage::hello, "HELO " + hello_name_);
      seen_.starttls_offered = offers_starttls(reply);
      return seen_.starttls_offered ? say(State::starttls, NetStage::starttls, "STARTTLS") : quit();
    case State::starttls:
      seen_.starttls_code = reply.code;
      if (reply.code != 220) return quit();
      return {.kind = SmtpActionKind::start_tls, .stage = NetStage::handshake};
    case State::ehlo_in_tls:
      seen_.hello_after_tls = reply.code == 250;
      return quit();
    case State::helo:
      seen_.hello_code = reply.code;
      return quit();
    case State::done:
      break;
  }
  return quit();
}

SmtpAction SmtpDialogue::on_tls(TlsObservation tls) {
  seen_.tls = std::move(tls);
  note('-', "TLS handshake completed");
  return say(State::ehlo_in_tls, NetStage::after_tls, "EHLO " + hello_name_);
}

void SmtpDialogue::on_failure(NetFailure failure) {
  note('-', failure.text);
  seen_.failure = std::move(failure);
}

}  // namespace mtasts
