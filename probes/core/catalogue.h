// Every code the program utters, with its meaning: one table for classification, metrics, commands, pages and rules.
// Next: catalogue_faults.cpp and its like for the words; verdicts.h for the structs that carry the codes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "probes/core/verdicts.h"

namespace mtasts {

/// result_type: RFC 8460; reason: why a host fails; policy_error, record_error: rules of the texts, which are also
/// reasons of sts-policy-invalid; report_error: what is wrong or odd in a TLS report or around it; name_error: why
/// something is no domain name; finding: lint; severity: what it asks of people; outcome: how a probe of ours ended.
enum class CodeKind {
  result_type,
  reason,
  policy_error,
  record_error,
  report_error,
  name_error,
  finding,
  severity,
  outcome
};
std::string_view to_string(CodeKind kind);

/// Where a person looks to see it: which command shows it. "Host" is that of the fault or finding.
enum class Look {
  none,              // for a reason: where its result type says
  record,            // the TXT records at _mta-sts
  tlsrpt_record,     // the TXT records at _smtp._tls
  host_txt,          // the host's TXT records
  mx_records,        // the domain's MX records
  host_mx_records,   // the host's MX records
  host_addresses,    // the host's address records
  host_lookup,       // the host's records of the type that the message names
  policy,            // the policy host's answer over HTTPS
  policy_octets,     // the policy with what the eye does not see
  policy_over_http,  // its answer in clear text
  smtp,              // the MX host's dialogue up to STARTTLS
  policy_tls,        // handshake and certificates of the policy host
  mx_tls,            // of the MX host
  host_tls,          // of the host, whichever of both it is
  host_tls_names,    // the names in its certificate
  report_host_tls,   // handshake and certificates of a host that reports are posted to
  tlsa,              // the MX host's TLSA records
  tlsa_unchecked     // the same, even if DNSSEC calls them bogus
};
inline constexpr std::size_t kLookCount = 19;

/// The command in general, with the placeholders {domain}, {host}, {port} and {type}; what stands in brackets is for MX
/// hosts. "" for none. exporter/check_commands.h makes it for one domain, with the addresses and ports of the probe.
std::string_view command_template(Look look);

/// One code. `severity` is that of an alert for a result type and of the metric for a finding; a severity's own; info
/// elsewhere.
struct CatalogueEntry {
  CodeKind kind{CodeKind::reason};
  std::string_view code{};
  Severity severity{Severity::info};
  std::string_view meaning{};
  std::string_view remedy{};
  std::string_view source{};  // RFC and section, "" where none applies
  std::string_view cause{};   // the usual ones in practice, "" where the meaning says it all
  Look look{Look::none};
  std::string_view runbook{};  // its file in docs/runbooks without .md, "" where none is about it
};

/// The whole catalogue, ordered by kind.
std::span<const CatalogueEntry> catalogue();

/// The entry of a code; the codes of a kind are unique. Errors: nullptr for a code that is not there.
const CatalogueEntry* find_code(CodeKind kind, std::string_view code);

/// Where to read it; "" without a runbook. Alerts lead to the same place.
std::string runbook_url(std::string_view runbook);

}  // namespace mtasts
