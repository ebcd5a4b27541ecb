// SPDX-License-Identifier: Apache-2.0
#include "probes/core/mail_fields.h"

#include <algorithm>
#include <utility>

#include "probes/core/domain_name.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

constexpr bool is_blank(char c) { return is_wsp(c) || c == '\r' || c == '\n'; }

/// Walks through a structured field: words, quoted strings, and comments to skip. Once something is never closed, the
/// scanner is broken and at its end.
class FieldScanner {
 public:
  explicit FieldScanner(std::string_view text) : left_(text) {}

  [[nodiscard]] bool broken() const { return broken_; }

  bool at_end() {
    skip_cfws();
    return left_.empty();
  }

  void skip_cfws() {
    while (!left_.empty() && (is_blank(left_.front()) || left_.front() == '(')) {
      if (left_.front() == '(') {
        skip_comment();
      } else {
        left_.remove_prefix(1);
      }
    }
  }

  bool next_is(char wanted) {
    skip_cfws();
    return !left_.empty() && left_.front() == wanted;
  }

  bool skip(char wanted) {
    if (!next_is(wanted)) return false;
    left_.remove_prefix(1);
    return true;
  }

  /// Quoted strings and other octets up to a blank, a comment, or one of `ends`. nullopt when there is nothing.
  std::optional<std::string> word(std::string_view ends) {
    skip_cfws();
    const std::size_t before = left_.size();
    std::string word;
    while (!left_.empty() && !is_blank(left_.front()) && left_.front() != '(' &&
           ends.find(left_.front()) == std::string_view::npos) {
      take_piece(word);
    }
    if (left_.size() == before || broken_) return std::nullopt;
    return word;
  }

 private:
  void take_piece(std::string& word) {
    if (left_.front() == '"') {
      take_quoted(word);
    } else if (is_control(left_.front())) {
      give_up();
    } else {
      word += left_.front();
      left_.remove_prefix(1);
    }
  }

  void take_quoted(std::string& word) {
    left_.remove_prefix(1);
    while (!left_.empty() && left_.front() != '"') {
      if (left_.front() == '\\') left_.remove_prefix(1);
      if (left_.empty()) break;
      if (left_.front() != '\r' && left_.front() != '\n') word += left_.front();
      left_.remove_prefix(1);
    }
    if (left_.empty()) return give_up();
    left_.remove_prefix(1);
  }

  void skip_comment() {
    std::size_t depth = 0;
    while (!left_.empty()) {
      const char c = left_.front();
      left_.remove_prefix(c == '\\' && left_.size() > 1 ? 2 : 1);
      if (c == '(') ++depth;
      if (c == ')' && --depth == 0) return;
    }
    give_up();
  }

  void give_up() {
    broken_ = true;
    left_ = {};
  }

  std::string_view left_;
  bool broken_{};
};

bool is_keyword(const std::optional<std::string>& word) {
  return word && !word->empty() && all_of(*word, [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}

/// `method [/ version] = result`. False when it is not that; `known` is false for a version that is not 1.
bool scan_method(FieldScanner& scanner, AuthResult& result, bool& known) {
  const auto method = scanner.word("/=;.");
  if (!is_keyword(method)) return false;
  known = true;
  if (scanner.skip('/')) {
    const auto version = scanner.word("=;");
    if (!version) return false;
    known = *version == "1";
  }
  if (!scanner.skip('=')) return false;
  const auto word = scanner.word(";=");
  if (!is_keyword(word)) return false;
  result.method = to_lower(*method);
  result.result = to_lower(*word);
  return true;
}

/// `reason = value` or `ptype . property = value`.
bool scan_property(FieldScanner& scanner, AuthResult& result) {
  const auto type = scanner.word(".=;");
  if (!is_keyword(type)) return false;
  if (to_lower(*type) == "reason" && scanner.skip('=')) return scanner.word(";").has_value();
  if (!scanner.skip('.')) return false;
  const auto name = scanner.word("=;");
  if (!is_keyword(name) || !scanner.skip('=')) return false;
  const auto value = scanner.word(";");
  if (!value) return false;
  const bool fresh = result.properties.emplace(to_lower(*type) + '.' + to_lower(*name), *value).second;
  result.ambiguous = result.ambiguous || !fresh;
  return true;
}

/// Everything between two `;`. "none" says that there is no result.
bool scan_result(FieldScanner& scanner, AuthenticationResults& field) {
  AuthResult result;
  bool known = false;
  if (!scan_method(scanner, result, known)) return false;
  while (!scanner.at_end() && !scanner.next_is(';')) {
    if (!scan_property(scanner, result)) return false;
  }
  if (known) field.results.push_back(std::move(result));
  return true;
}

bool scan_none(FieldScanner scanner) {
  const auto word = scanner.word("=;");
  return word && to_lower(*word) == "none" && scanner.at_end() && !scanner.broken();
}

/// The version behind the authserv-id: 1, or nothing.
bool scan_version(FieldScanner& scanner) {
  if (scanner.at_end() || scanner.next_is(';')) return true;
  return scanner.word(";") == "1";
}

std::string domain_of_address(const std::string& address) {
  const auto at = address.rfind('@');
  if (at == std::string::npos || at == 0) return "";
  const auto domain = parse_domain_name(std::string_view(address).substr(at + 1));
  return domain ? *domain : "";
}

std::string without_blanks(std::string_view text) {
  std::string out(text);
  std::erase_if(out, is_blank);
  return out;
}

}  // namespace

std::optional<AuthenticationResults> parse_authentication_results(std::string_view value) {
  FieldScanner scanner(value);
  const auto id = scanner.word(";");
  if (!id || !scan_version(scanner)) return std::nullopt;
  AuthenticationResults field{.authserv_id = *id};
  while (scanner.skip(';')) {
    if (scanner.at_end() || (field.results.empty() && scan_none(scanner))) break;
    if (!scan_result(scanner, field)) return std::nullopt;
  }
  if (scanner.broken()) return std::nullopt;
  return field;
}

std::string parse_received_by(std::string_view value) {
  FieldScanner scanner(value);
  while (const auto clause = scanner.word(";")) {  // each is a name and a value, so that a host called "by" is none
    const auto host = scanner.word(";");
    if (!host) return "";
    if (to_lower(*clause) == "by") return normalize_host(*host);
  }
  return "";
}

std::string parse_from_domain(std::string_view value) {
  constexpr std::string_view kEnds = "<>,:;";
  FieldScanner scanner(value);
  std::vector<std::string> words;
  while (auto word = scanner.word(kEnds)) words.push_back(std::move(*word));
  if (!scanner.skip('<')) return words.size() == 1 && scanner.at_end() ? domain_of_address(words[0]) : "";
  const auto address = scanner.word(kEnds);
  return address && scanner.skip('>') && scanner.at_end() && !scanner.broken() ? domain_of_address(*address) : "";
}

std::optional<std::map<std::string, std::string>> parse_dkim_tags(std::string_view value) {
  std::map<std::string, std::string> tags;
  while (!value.empty()) {
    const std::size_t end = std::min(value.find(';'), value.size());
    const std::string tag = without_blanks(value.substr(0, end));
    value.remove_prefix(std::min(end + 1, value.size()));
    if (tag.empty() && value.empty()) break;  // a `;` at the end is allowed
    const std::size_t equals = tag.find('=');
    if (equals == std::string::npos || equals == 0) return std::nullopt;
    if (!tags.emplace(tag.substr(0, equals), tag.substr(equals + 1)).second) return std::nullopt;
  }
  return tags;
}

}  // namespace mtasts
