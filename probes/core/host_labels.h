// What a host name's labels may look like: the checks that domain names and `mx` patterns share.
// Next: domain_name.h and sts_policy.h, which promise the results to the rest of the program.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace mtasts {

/// 255 octets on the wire leave 253 characters (RFC 1035 section 2.3.4).
constexpr std::size_t kMaxNameOctets = 253;
/// RFC 1035 section 2.3.4.
constexpr std::size_t kMaxLabelOctets = 63;

/// RFC 5321 section 4.1.2 knows no underscore, real MX records do.
enum class Underscore { allowed, refused };

/// Is every label letters, digits and inner hyphens, 1 to 63 octets? Source: RFC 5321 section 4.1.2.
bool are_host_labels(std::string_view name, Underscore underscore);

/// An IPv4 or IPv6 address, with or without brackets, or four numbers with dots between them.
bool looks_like_ip_address(std::string_view text);

}  // namespace mtasts
