// SMTP up to STARTTLS and one step beyond, as "event in, action out": no sockets, so every turn can be tested.
// Next: probes/net/smtp_probe.h, which performs the actions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/observations.h"

namespace mtasts {

/// A complete reply. `lines` holds the text behind the code and its separator, one element per line.
struct SmtpReply {
  int code{};
  std::vector<std::string> lines{};
};

/// Limits on what a server may send: RFC 5321 section 4.5.3.1.5 says 512 octets a line, real servers send more.
constexpr std::size_t kMaxReplyLine = 2048;
constexpr std::size_t kMaxReplyLines = 256;

/// Puts bytes together to replies.
class SmtpReplyReader {
 public:
  enum class Status { incomplete, complete, broken };

  /// Takes bytes as they come. Errors: broken once they cannot be a reply or pass a limit.
  Status feed(std::string_view bytes);
  /// The reply, after complete; the next one starts empty. Bytes behind it stay for the next feed.
  SmtpReply take();
  /// Bytes that came behind the last complete reply.
  [[nodiscard]] std::size_t left_over() const { return buffer_.size(); }
  void discard_left_over() { buffer_.clear(); }

 private:
  Status take_line(std::string_view line);

  std::string buffer_;
  SmtpReply reply_;
};

enum class SmtpActionKind { read_reply, send_then_read, start_tls, send_and_finish, finish };

struct SmtpAction {
  SmtpActionKind kind{SmtpActionKind::finish};
  std::string line{};                  // to send, with CRLF
  NetStage stage{NetStage::greeting};  // what a failure of this action belongs to
};

/// Decides what to say next and records what was heard. Source: RFC 5321 section 4.1.1.1, RFC 3207 section 4.
class SmtpDialogue {
 public:
  /// Input: the name to give in EHLO.
  SmtpDialogue(IpAddress address, std::string hello_name);

  SmtpAction start();
  SmtpAction on_reply(const SmtpReply& reply);
  /// Bytes that lay in clear text behind the 220 to STARTTLS: a hole that lets a man in the middle inject commands.
  void on_clear_text_after_starttls() { seen_.bytes_after_starttls = true; }
  SmtpAction on_tls(TlsObservation tls);
  void on_failure(NetFailure failure);

  [[nodiscard]] SmtpObservation& observation() { return seen_; }

 private:
  enum class State { greeting, ehlo, helo, starttls, ehlo_in_tls, done };

  SmtpAction say(State next, NetStage stage, std::string line);
  SmtpAction quit();
  void note(char side, std::string_view text);

  SmtpObservation seen_;
  std::string hello_name_;
  State state_{State::greeting};
};

}  // namespace mtasts
