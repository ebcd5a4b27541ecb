// SPDX-License-Identifier: Apache-2.0
#include "probes/core/imap_response.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "probes/core/domain_name.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

constexpr std::size_t kMaxFlags = 256;  // of one message

std::string to_upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return upper;
}

/// All of `text` as a number. Errors: nullopt for anything but digits, and beyond Number.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || !is_digit(text.front()) || error != std::errc{} || end != text.data() + text.size()) return {};
  return number;
}

/// Cuts the first word off, and the one blank behind it.
std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

std::optional<ImapStatus> parse_status_word(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, ImapStatus>, 5> kWords{{{"OK", ImapStatus::ok},
                                                                           {"NO", ImapStatus::no},
                                                                           {"BAD", ImapStatus::bad},
                                                                           {"BYE", ImapStatus::bye},
                                                                           {"PREAUTH", ImapStatus::preauth}}};
  const std::string upper = to_upper(word.substr(0, 8));
  for (const auto& [name, status] : kWords) {
    if (name == upper) return status;
  }
  return std::nullopt;
}

/// Text for people may end in what looks like a literal; only data has literals.
bool may_have_literals(std::string_view line) {
  if (line.starts_with('+')) return false;
  take_word(line);
  return !parse_status_word(take_word(line));
}

/// The digits of "{N}" or "{N+}" at the end of a line. Errors: nullopt when there is no literal.
std::optional<std::string_view> literal_digits(std::string_view line) {
  if (!line.ends_with('}')) return std::nullopt;
  const std::size_t open = line.rfind('{');
  if (open == std::string_view::npos) return std::nullopt;
  std::string_view digits = line.substr(open + 1, line.size() - open - 2);
  if (digits.ends_with('+')) digits.remove_suffix(1);
  if (digits.empty() || !all_of(digits, is_digit)) return std::nullopt;
  return digits;
}

/// Walks through the value of a FETCH response. Nothing recurses: depth is a counter.
class FetchScanner {
 public:
  FetchScanner(std::string_view text, std::vector<std::string>& literals) : rest_(text), literals_(literals) {}

  bool at(char c) const { return rest_.starts_with(c); }
  bool done() const { return rest_.empty(); }
  bool skip(char c) {
    if (!at(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  /// A word up to a blank or a parenthesis; what stands in brackets belongs to it.
  std::string_view word() {
    std::size_t end = 0;
    bool bracketed = false;
    while (end < rest_.size() && (bracketed || (rest_[end] != ' ' && rest_[end] != '(' && rest_[end] != ')'))) {
      bracketed = rest_[end] == '[' || (bracketed && rest_[end] != ']');
      ++end;
    }
    return cut(end);
  }

  /// A string in quotes or as a literal, or NIL. Errors: nullopt.
  std::optional<std::string> string() {
    if (at('"')) return quoted();
    const std::string_view token = word();
    if (to_upper(token.substr(0, 4)) == "NIL") return std::string{};
    if (!literal_digits(token) || next_literal_ >= literals_.size()) return std::nullopt;
    return std::move(literals_[next_literal_++]);
  }

  /// "(a b)". Errors: nullopt when it is no list of words.
  std::optional<std::vector<std::string>> words() {
    std::vector<std::string> list;
    if (!skip('(')) return std::nullopt;
    while (!skip(')')) {
      const std::string_view next = word();
      if (next.empty() || list.size() >= kMaxFlags) return std::nullopt;
      list.push_back(to_lower(next));
      skip(' ');
    }
    return list;
  }

  /// Any value, lists within lists too. Errors: false.
  bool skip_value() {
    std::size_t depth = 0;
    do {
      if (skip('(')) {
        ++depth;
      } else if (at(')')) {
        if (depth == 0) return false;
        skip(')');
        --depth;
      } else if (!skip_plain()) {
        return false;
      }
      while (depth > 0 && skip(' ')) {
      }
    } while (depth > 0);
    return true;
  }

 private:
  std::string_view cut(std::size_t size) {
    const std::string_view piece = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return piece;
  }

  std::optional<std::string> quoted() {
    std::string text;
    for (skip('"'); !rest_.empty(); rest_.remove_prefix(1)) {
      if (skip('"')) return text;
      if (at('\\')) rest_.remove_prefix(1);
      if (!rest_.empty()) text += rest_.front();
      if (rest_.empty()) break;
    }
    return std::nullopt;
  }

  bool skip_plain() {
    if (at('"')) return quoted().has_value();
    const std::string_view token = word();
    if (literal_digits(token)) ++next_literal_;
    return !token.empty();
  }

  std::string_view rest_;
  std::vector<std::string>& literals_;
  std::size_t next_literal_{};
};

/// One item of a FETCH response and its value. Errors: false.
bool read_item(ImapFetch& fetch, FetchScanner& scanner) {
  const std::string name = to_upper(scanner.word());
  if (name.empty() || !scanner.skip(' ')) return false;
  if (name == "UID") {
    fetch.uid = parse_number<std::uint32_t>(scanner.word());
    return fetch.uid.has_value();
  }
  if (name == "FLAGS") {
    auto flags = scanner.words();
    if (flags) fetch.flags = std::move(*flags);
    return flags.has_value();
  }
  if (name == "BODY[]" || name == "BODY[]<0>") {
    fetch.body = scanner.string();
    return fetch.body.has_value();
  }
  return scanner.skip_value();
}

bool read_items(ImapFetch& fetch, FetchScanner& scanner) {
  if (!scanner.skip('(')) return false;
  while (!scanner.skip(')')) {
    if (scanner.done() || !read_item(fetch, scanner)) return false;
    scanner.skip(' ');
  }
  return scanner.done();
}

}  // namespace

ImapResponse ImapReader::take() {
  literals_bytes_ = 0;
  return std::exchange(response_, {});
}

ImapReader::Status ImapReader::feed(std::string_view octets) {
  buffer_.erase(0, std::exchange(at_, 0));
  buffer_ += octets;
  while (fill_literal()) {
    const std::optional<std::string_view> line = next_line();
    const std::size_t pending = line ? line->size() : buffer_.size() - at_;
    if (response_.text.size() + pending > kMaxImapLine) return Status::broken;
    if (!line) return Status::incomplete;
    const Status status = take_line(*line);
    if (status != Status::incomplete) return status;
  }
  return Status::incomplete;
}

/// Returns true once nothing is missing.
bool ImapReader::fill_literal() {
  if (missing_ == 0) return true;
  const std::size_t here = std::min(missing_, buffer_.size() - at_);
  response_.literals.back().append(buffer_, at_, here);
  at_ += here;
  missing_ -= here;
  return missing_ == 0;
}

/// The next line without its end, which is CRLF, or LF as some servers have it.
std::optional<std::string_view> ImapReader::next_line() {
  const std::size_t end = buffer_.find('\n', at_);
  if (end == std::string::npos) return std::nullopt;
  std::string_view line = std::string_view(buffer_).substr(at_, end - at_);
  if (line.ends_with('\r')) line.remove_suffix(1);
  at_ = end + 1;
  return line;
}

ImapReader::Status ImapReader::take_line(std::string_view line) {
  response_.text += line;
  const auto digits = literal_digits(line);
  if (!digits || !may_have_literals(response_.text)) return Status::complete;
  return open_literal(*digits);
}

ImapReader::Status ImapReader::open_literal(std::string_view digits) {
  const auto size = parse_number<std::uint64_t>(digits);
  if (!size || *size > max_literals_bytes_ - literals_bytes_) return Status::broken;
  if (response_.literals.size() >= kMaxImapLiterals) return Status::broken;
  literals_bytes_ += static_cast<std::size_t>(*size);
  missing_ = static_cast<std::size_t>(*size);
  response_.literals.emplace_back();
  return Status::incomplete;
}

std::optional<ImapStatusLine> parse_imap_status(std::string_view line) {
  ImapStatusLine parsed{.tag = std::string(take_word(line))};
  const auto status = parse_status_word(take_word(line));
  if (parsed.tag.empty() || !status) return std::nullopt;
  parsed.status = *status;
  const std::size_t end = line.starts_with('[') ? line.find(']') : std::string_view::npos;
  if (end != std::string_view::npos) {
    parsed.code = line.substr(1, end - 1);
    line.remove_prefix(end + 1);
    line.remove_prefix(skip_wsp(line));
  }
  parsed.text = line;
  return parsed;
}

std::optional<ImapCount> parse_imap_count(std::string_view line) {
  if (take_word(line) != "*") return std::nullopt;
  const auto number = parse_number<std::uint32_t>(take_word(line));
  if (!number) return std::nullopt;
  return ImapCount{*number, to_upper(take_word(line))};
}

std::optional<std::vector<std::string>> parse_imap_capability(std::string_view line) {
  if (take_word(line) != "*" || to_upper(take_word(line)) != "CAPABILITY") return std::nullopt;
  std::vector<std::string> words;
  while (!line.empty()) words.push_back(to_upper(take_word(line)));
  return words;
}

std::optional<ImapFetch> parse_imap_fetch(ImapResponse response) {
  std::string_view line = response.text;
  const auto count = parse_imap_count(line);
  if (!count || count->word != "FETCH") return std::nullopt;
  for (int words = 0; words < 3; ++words) take_word(line);
  ImapFetch fetch{.sequence = count->number};
  FetchScanner scanner(line, response.literals);
  if (!read_items(fetch, scanner)) return std::nullopt;
  return fetch;
}

std::vector<std::string> parse_imap_flag_list(std::string_view text) {
  const std::size_t open = text.find('(');
  if (open == std::string_view::npos) return {};
  std::vector<std::string> none;
  return FetchScanner(text.substr(open), none).words().value_or(std::vector<std::string>{});
}

std::string render_imap_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace mtasts
