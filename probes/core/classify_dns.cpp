// SPDX-License-Identifier: Apache-2.0
#include "probes/core/classify_dns.h"

namespace mtasts {

std::string in_brackets(const std::string& explanation) { return explanation.empty() ? "" : " (" + explanation + ")"; }

Finding failed_lookup(std::string_view type, const std::string& name, const std::string& owner,
                      const DnsLookup& lookup) {
  const bool silence = lookup.status == DnsStatus::timeout;
  const bool bogus = lookup.security == DnsSecurity::bogus;
  const std::string ending = bogus     ? "DNSSEC validation fails"
                             : silence ? "no answer in time"
                                       : "the answer is an error, such as SERVFAIL";
  return {.code = "lookup-failed",
          .host = owner,
          .message = std::string(type) + " " + name + ": " + ending + in_brackets(lookup.explanation),
          .reason = bogus     ? "dnssec-bogus"
                    : silence ? "dns-timeout"
                              : "dns-servfail"};
}

}  // namespace mtasts
