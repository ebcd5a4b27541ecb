// Octets as the grammars name them (ALPHA, DIGIT, WSP, UTF-8), whatever the locale; and how to show them to people.
// Next: record_fields.h and sts_policy.cpp, which read their grammars with these.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace mtasts {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_alnum(char c) { return is_digit(c) || is_alpha(c); }
constexpr bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
constexpr bool is_wsp(char c) { return c == ' ' || c == '\t'; }
constexpr bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }
/// CTL of RFC 5234: 0 to 31, and 127.
constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

template <class Predicate>
constexpr bool all_of(std::string_view text, Predicate predicate) {
  return std::all_of(text.begin(), text.end(), predicate);
}

/// The position of the first octet that is not a blank or tab, text.size() when there is none.
std::size_t skip_wsp(std::string_view text);

/// Without the blanks and tabs at its end.
std::string_view trim_wsp_right(std::string_view text);

/// The offset of the first octet that is not part of well-formed UTF-8, npos when all is well.
/// Source: RFC 3629 section 4 (no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t find_not_utf8(std::string_view text);

/// The text in double quotes for a message: at most 60 octets, everything outside printable ASCII as \xHH.
std::string in_quotes(std::string_view text);

/// The whole text with everything outside printable ASCII as \xHH: fit for a terminal and for JSON.
std::string escape_unprintable(std::string_view text);

/// Does the name follow the rule that both records and the policy file share for names of extension fields?
/// Source: RFC 8461 sections 3.1 and 3.2, RFC 8460 section 3: (ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / ".").
bool is_extension_name(std::string_view name);

}  // namespace mtasts
