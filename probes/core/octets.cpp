// SPDX-License-Identifier: Apache-2.0
#include "probes/core/octets.h"

#include <array>

namespace mtasts {
namespace {

constexpr std::size_t kQuotedOctets = 60;
constexpr std::size_t kExtensionNameOctets = 32;

/// The octets that may follow a UTF-8 lead octet: how many, and the range of the first of them.
struct Utf8Form {
  unsigned char lead_first;
  unsigned char lead_last;
  std::size_t followers;
  unsigned char second_first;
  unsigned char second_last;
};

constexpr auto kUtf8Forms = std::to_array<Utf8Form>({
    // the table of RFC 3629 section 4
    {0x00, 0x7f, 0, 0x00, 0x00},
    {0xc2, 0xdf, 1, 0x80, 0xbf},
    {0xe0, 0xe0, 2, 0xa0, 0xbf},
    {0xe1, 0xec, 2, 0x80, 0xbf},
    {0xed, 0xed, 2, 0x80, 0x9f},
    {0xee, 0xef, 2, 0x80, 0xbf},
    {0xf0, 0xf0, 3, 0x90, 0xbf},
    {0xf1, 0xf3, 3, 0x80, 0xbf},
    {0xf4, 0xf4, 3, 0x80, 0x8f},
});

bool between(char c, unsigned char first, unsigned char last) {
  const auto octet = static_cast<unsigned char>(c);
  return octet >= first && octet <= last;
}

/// Length of the character that starts the text, 0 when it is not UTF-8. Input: not empty.
std::size_t utf8_length(std::string_view text) {
  for (const Utf8Form& form : kUtf8Forms) {
    if (!between(text[0], form.lead_first, form.lead_last)) continue;
    if (form.followers == 0) return 1;
    if (text.size() <= form.followers || !between(text[1], form.second_first, form.second_last)) return 0;
    const auto tail = text.substr(2, form.followers - 1);
    return all_of(tail, [](char c) { return between(c, 0x80, 0xbf); }) ? form.followers + 1 : 0;
  }
  return 0;
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto octet = static_cast<unsigned char>(c);
  out += {'\\', 'x', kHex[octet >> 4U], kHex[octet & 15U]};
}

}  // namespace

std::size_t skip_wsp(std::string_view text) { return std::min(text.find_first_not_of(" \t"), text.size()); }

std::string_view trim_wsp_right(std::string_view text) {
  const auto last = text.find_last_not_of(" \t");
  return last == std::string_view::npos ? std::string_view{} : text.substr(0, last + 1);
}

std::size_t find_not_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  out += escape_unprintable(text.substr(0, kQuotedOctets));
  out += text.size() > kQuotedOctets ? "…\"" : "\"";
  return out;
}

std::string escape_unprintable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_ascii(c) && !is_control(c)) {
      out += c;
    } else {
      append_escaped(out, c);
    }
  }
  return out;
}

bool is_extension_name(std::string_view name) {
  if (name.empty() || name.size() > kExtensionNameOctets || !is_alnum(name[0])) return false;
  return all_of(name, [](char c) { return is_alnum(c) || c == '_' || c == '-' || c == '.'; });
}

}  // namespace mtasts
