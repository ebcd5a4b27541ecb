// What `check DOMAIN...` prints: the three fundamentals, the MX table, what is wrong and what to do about it.
// Next: check_status.h for how bad it is, probes/core/catalogue.h for the words.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "exporter/check_commands.h"
#include "exporter/check_status.h"

namespace mtasts {

struct CheckReportOptions {
  UnixTime now{};
  bool color{};
  CheckPlaces places{};
  FindCode find{find_code};
};

/// For people: 100 columns where names allow it; control characters and other octets from outside are escaped.
std::string render_check_text(std::span<const CheckResult> results, const CheckReportOptions& options);

/// The same for programs: an array with one object a domain, with all that was seen at each address.
std::string render_check_json(std::span<const CheckResult> results, const CheckReportOptions& options);

/// "valid"; or `bad` with the reasons, and at how many of the policy host's addresses.
std::string certificate_validity(const CheckResult& result, std::string_view bad);

/// Why no policy was fetched, in words.
std::string no_policy_text(const DomainVerdict& verdict);

/// Whole days until then, or since then as a negative number; begun days do not count.
long long days_left(UnixTime not_after, UnixTime now);

/// The verdict on one of the domain's MX hosts, nullptr when it was not probed.
const MxVerdict* find_host(const CheckResult& result, std::string_view host);

}  // namespace mtasts
