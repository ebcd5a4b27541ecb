// Host and domain names as the rest of the program wants them: checked A-labels, lower case, no final dot.
// Next: sts_policy.h, which matches them against patterns.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "probes/core/parse.h"

namespace mtasts {

/// Returns the name in lower case without its final dot when it is a host name: labels of letters, digits and inner
/// hyphens (underscores are let pass inside labels, as real MX records have them), 1 to 63 octets each, at least two
/// labels, 253 octets in all, not an IP address.
/// Errors: domain-empty, domain-too-long, domain-label, domain-not-ascii, domain-ip-address, domain-single-label.
/// Source: RFC 5321 section 4.1.2, RFC 1035 section 2.3.4.
Parsed<std::string> parse_domain_name(std::string_view text);

/// ASCII lower case, whatever the locale.
std::string to_lower(std::string_view text);

/// The name in lower case and without one final dot; no other check.
std::string normalize_host(std::string_view text);

}  // namespace mtasts
