// SPDX-License-Identifier: Apache-2.0
#include "probes/core/entered_domain.h"

#include <idn2.h>

#include <algorithm>
#include <memory>

#include "probes/core/domain_name.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

// No name that DNS can carry is longer in UTF-8: every octet of an A-label stands for one character at most.
constexpr std::size_t kMostOctets = 1024;

ParseError not_idna(std::string_view text, std::string_view why) {
  return {.code = "domain-not-idna",
          .detail = in_quotes(text) + " is no internationalized domain name: " + std::string(why)};
}

}  // namespace

Parsed<std::string> parse_entered_domain_name(std::string_view text) {
  if (all_of(text, is_ascii)) return parse_domain_name(text);
  if (text.size() > kMostOctets) return not_idna(text.substr(0, kMostOctets), "it is too long");
  if (text.find('\0') != std::string_view::npos) return not_idna(text, "it holds a NUL");
  char* converted = nullptr;
  const int status = idn2_to_ascii_8z(std::string(text).c_str(), &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, decltype(&idn2_free)> owner(converted, &idn2_free);
  if (status != IDN2_OK) return not_idna(text, idn2_strerror(status));
  return parse_domain_name(converted);
}

}  // namespace mtasts
