// Domain names as people write them in configurations, on command lines and in URLs, in their own script too.
// Next: domain_name.h, what names are from there on; entered_domain.cpp, the only file that knows libidn2.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "probes/core/parse.h"

namespace mtasts {

/// As parse_domain_name; a name that is not ASCII becomes its A-labels first (IDNA 2008, mapped to lower case as UTS 46
/// has it, without its transitional exceptions: RFC 5891, RFC 5895). Input: UTF-8. Errors: those of parse_domain_name,
/// and domain-not-idna.
Parsed<std::string> parse_entered_domain_name(std::string_view text);

}  // namespace mtasts
