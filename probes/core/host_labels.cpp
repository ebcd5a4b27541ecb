// SPDX-License-Identifier: Apache-2.0
#include "probes/core/host_labels.h"

#include <algorithm>

#include "probes/core/ip_address.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

bool is_host_label(std::string_view label, Underscore underscore) {
  if (label.empty() || label.size() > kMaxLabelOctets) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  return all_of(label,
                [=](char c) { return is_alnum(c) || c == '-' || (c == '_' && underscore == Underscore::allowed); });
}

/// Four numbers, in range or not: 999.1.1.1 was meant as an address too.
bool is_dotted_quad(std::string_view text) {
  return std::count(text.begin(), text.end(), '.') == 3 && all_of(text, [](char c) { return is_digit(c) || c == '.'; });
}

}  // namespace

bool are_host_labels(std::string_view name, Underscore underscore) {
  for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
    if (!is_host_label(name.substr(0, dot), underscore)) return false;
    name.remove_prefix(dot + 1);
  }
  return is_host_label(name, underscore);
}

bool looks_like_ip_address(std::string_view text) {
  if (text.starts_with('[')) return true;  // RFC 5321 section 4.1.3: an address literal, no name begins so
  return is_dotted_quad(text) || parse_ip_address(text).has_value();
}

}  // namespace mtasts
