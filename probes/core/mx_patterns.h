// The `mx` patterns of a policy beside the MX hosts that they are meant for: mistakes, and patterns that would be
// right. Next: sts_policy.h for the match itself; classify.cpp, which shows the findings.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/sts_policy.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// What looks like a mistake in the patterns of a policy, as findings about `policy_host`:
/// pattern-wide, a wildcard over a public suffix (RFC 8461 section 10.4);
/// pattern-label-count, a wildcard that misses a host by more than one label (section 4.1: it stands for exactly one);
/// pattern-without-wildcard, a name of which a host is a subdomain, so that `*.` was forgotten;
/// pattern-matches-no-mx, a pattern that no host matches and none of the above explains.
/// Input: host names as DNS gave them, in any order; without any there is nothing to compare with. Errors: none.
std::vector<Finding> find_pattern_mistakes(const StsPolicy& policy, std::span<const std::string> mx_hosts,
                                           const std::string& policy_host);

/// Patterns that permit each of these hosts and as little else as is practical: the names themselves; but a wildcard
/// for three or more that differ in their first label only, and for one that patterns cannot name (an underscore).
/// Never a wildcard over a public suffix. Sorted, each once. Input: host names, in any order. Errors: a host that no
/// pattern can permit, such as an IP address, is left out; policy_permits tells.
std::vector<std::string> propose_patterns(std::span<const std::string> mx_hosts);

/// The wildcard that stands for the host's first label. Errors: nullopt where there is none that could be published,
/// or where it would be one over a public suffix.
std::optional<std::string> wildcard_over(std::string_view host);

}  // namespace mtasts
