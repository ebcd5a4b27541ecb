// What an IMAP server says: octets to responses within bounds, responses to values (RFC 9051, RFC 3501).
// Next: imap_dialogue.h, which decides what to answer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mtasts {

/// One response. `text` is its line without the literals: "{N}" stays where each of them stood.
struct ImapResponse {
  std::string text{};
  std::vector<std::string> literals{};  // in that order
};

/// Limits on what a server may send. RFC 7162 section 4 asks servers to take 8,192 octets a line; answers are longer.
constexpr std::size_t kMaxImapLine = std::size_t{64} * 1024;
constexpr std::size_t kMaxImapLiterals = 64;  // in one response

/// Puts octets together to responses. Memory: what came, never what was announced.
class ImapReader {
 public:
  enum class Status { incomplete, complete, broken };

  /// Input: how many octets the literals of one response may have together.
  explicit ImapReader(std::size_t max_literals_bytes) : max_literals_bytes_(max_literals_bytes) {}

  /// Takes octets as they come. Errors: broken once a limit is passed.
  Status feed(std::string_view octets);
  /// The response, after complete; the next one starts empty. Octets behind it stay for the next feed.
  ImapResponse take();

 private:
  bool fill_literal();
  std::optional<std::string_view> next_line();
  Status take_line(std::string_view line);
  Status open_literal(std::string_view digits);

  std::size_t max_literals_bytes_;
  std::string buffer_{};
  std::size_t at_{};  // what lies before it in buffer_ has been read
  ImapResponse response_{};
  std::size_t literals_bytes_{};  // announced in this response
  std::size_t missing_{};         // of the last literal
};

enum class ImapStatus { ok, no, bad, bye, preauth };

/// A status response. Source: RFC 9051 section 7.1.
struct ImapStatusLine {
  std::string tag{};  // "*" when untagged
  ImapStatus status{ImapStatus::bad};
  std::string code{};  // of "[CODE ARGUMENTS]" all between the brackets, "" without
  std::string text{};  // for people
};
std::optional<ImapStatusLine> parse_imap_status(std::string_view line);

/// "* 23 EXISTS": `word` in upper case. Errors: nullopt for any other line, a number beyond 32 bits too.
struct ImapCount {
  std::uint32_t number{};
  std::string word{};
};
std::optional<ImapCount> parse_imap_count(std::string_view line);

/// The words of "* CAPABILITY ...", in upper case. Errors: nullopt for any other line. Source: RFC 9051 section 7.2.2.
std::optional<std::vector<std::string>> parse_imap_capability(std::string_view line);

/// What of "* N FETCH (...)" matters here. Source: RFC 9051 section 7.5.2.
struct ImapFetch {
  std::uint32_t sequence{};
  std::optional<std::uint32_t> uid{};
  std::vector<std::string> flags{};   // in lower case
  std::optional<std::string> body{};  // of BODY[] or BODY[]<0>
};
/// Errors: nullopt for any other response and for what breaks the grammar. The body is moved, not copied.
std::optional<ImapFetch> parse_imap_fetch(ImapResponse response);

/// The words of "(a b c)" at the end of `text`, in lower case; none when there is no such list.
std::vector<std::string> parse_imap_flag_list(std::string_view text);

/// A quoted string. Input: no control characters, ASCII. Source: RFC 9051 section 9, `quoted`.
std::string render_imap_quoted(std::string_view text);

}  // namespace mtasts
