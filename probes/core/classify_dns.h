// What a lookup that failed is called, for domains and MX hosts alike.
// Next: classify.h, which uses it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "probes/core/observations.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// What whoever validates said of a failure, to append to a message: " (signature expired)"; "" when it said nothing.
std::string in_brackets(const std::string& explanation);

/// Names a question that the name servers did not answer, while they answer others. Input: a failed lookup; `type` as
/// in a zone file, which begins the message, `owner` the domain or MX host that has the finding.
Finding failed_lookup(std::string_view type, const std::string& name, const std::string& owner,
                      const DnsLookup& lookup);

}  // namespace mtasts
