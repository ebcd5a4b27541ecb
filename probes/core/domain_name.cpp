// SPDX-License-Identifier: Apache-2.0
#include "probes/core/domain_name.h"

#include <algorithm>

#include "probes/core/host_labels.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

ParseError name_error(std::string_view code, std::string_view text, std::string_view why) {
  return {.code = code, .detail = in_quotes(text) + ' ' + std::string(why)};
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return lower;
}

std::string normalize_host(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  return to_lower(text);
}

Parsed<std::string> parse_domain_name(std::string_view text) {
  std::string name = normalize_host(text);
  if (name.empty()) return ParseError{.code = "domain-empty", .detail = "there is no name"};
  if (!all_of(name, is_ascii)) {
    return name_error("domain-not-ascii", text, "is not ASCII: write an internationalized name as xn-- labels");
  }
  if (looks_like_ip_address(name)) return name_error("domain-ip-address", text, "is an IP address, not a name");
  if (name.size() > kMaxNameOctets) return name_error("domain-too-long", text, "is longer than 253 octets");
  if (name.find('.') == std::string::npos) return name_error("domain-single-label", text, "has only one label");
  if (!are_host_labels(name, Underscore::allowed)) {
    return name_error("domain-label", text,
                      "has a label that is not 1 to 63 letters, digits and inner hyphens, or is empty");
  }
  return {boost::system::in_place_value, std::move(name)};
}

}  // namespace mtasts
