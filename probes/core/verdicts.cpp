// SPDX-License-Identifier: Apache-2.0
#include "probes/core/verdicts.h"

namespace mtasts {
namespace {

constexpr std::array<std::string_view, kResultTypeCount> kResultTypes{
    "starttls-not-supported", "certificate-host-mismatch",
    "certificate-expired",    "certificate-not-trusted",
    "validation-failure",     "tlsa-invalid",
    "dnssec-invalid",         "dane-required",
    "sts-policy-fetch-error", "sts-policy-invalid",
    "sts-webpki-invalid",
};
constexpr std::array<std::string_view, 4> kSeverities{"info", "warning", "high", "critical"};
constexpr std::array<std::string_view, 4> kDomainStates{"pending", "ok", "failing", "unknown"};
constexpr std::array<std::string_view, kDnsQueryCount> kDnsQueries{"mta_sts",     "tlsrpt",  "mx",
                                                                   "policy_host", "mx_host", "tlsa"};

}  // namespace

std::string_view to_string(ResultType type) { return kResultTypes[static_cast<std::size_t>(type)]; }
std::string_view to_string(Severity severity) { return kSeverities[static_cast<std::size_t>(severity)]; }
std::string_view to_string(DomainState state) { return kDomainStates[static_cast<std::size_t>(state)]; }
std::string_view to_string(DnsQuery query) { return kDnsQueries[static_cast<std::size_t>(query)]; }

bool is_policy_fault(const Fault& fault) {
  return fault.type == ResultType::sts_policy_fetch_error || fault.type == ResultType::sts_policy_invalid ||
         fault.type == ResultType::sts_webpki_invalid;
}

}  // namespace mtasts
