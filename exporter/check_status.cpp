// SPDX-License-Identifier: Apache-2.0
#include "exporter/check_status.h"

#include <algorithm>
#include <array>

#include "probes/core/classify_dane.h"

namespace mtasts {
namespace {

bool wants_mta_sts(const DomainVerdict& verdict) {
  return verdict.expected_mode && *verdict.expected_mode != StsMode::none;
}

bool is_broken(const DomainVerdict& verdict) {
  if (!has_mta_sts(verdict)) return false;
  // A policy that no record announces yet is how one begins (RFC 8461 section 8.1).
  const bool record_missed = verdict.record == RecordStatus::none && (verdict.in_force || wants_mta_sts(verdict));
  return record_missed || verdict.record == RecordStatus::invalid || verdict.record == RecordStatus::multiple ||
         has_fault(verdict, ResultType::sts_policy_fetch_error) || has_fault(verdict, ResultType::sts_policy_invalid) ||
         has_fault(verdict, ResultType::sts_webpki_invalid);
}

/// Our side failed, or DNS did not say what we need to know.
bool is_unknown(const CheckResult& result) {
  const DomainVerdict& verdict = result.verdict;
  const auto dns_failed = [&](DnsQuery query) { return verdict.dns_success[static_cast<std::size_t>(query)] == false; };
  const bool no_host_known = dns_failed(DnsQuery::mx_host) && verdict.deliverable != true;
  return verdict.state == DomainState::unknown || verdict.state == DomainState::pending ||
         dns_failed(DnsQuery::mta_sts) || dns_failed(DnsQuery::mx) || no_host_known || is_nonexistent(result);
}

/// Senders with DANE pass the host over; dane-required concerns those alone that demand it.
bool stops_dane(const Fault& fault) {
  return fault.type == ResultType::tlsa_invalid || fault.type == ResultType::dnssec_invalid;
}

/// One without TLSA records would take the mail of senders with DANE, too.
bool fails_dane_everywhere(const DomainVerdict& verdict) {
  return !verdict.mx.empty() && std::all_of(verdict.mx.begin(), verdict.mx.end(), [&](const MxMembership& mx) {
    return std::any_of(verdict.faults.begin(), verdict.faults.end(),
                       [&](const Fault& fault) { return stops_dane(fault) && fault.host == mx.host; });
  });
}

Severity severity_in(const FindCode& find, CodeKind kind, std::string_view code) {
  const CatalogueEntry* entry = find(kind, code);
  return entry != nullptr ? entry->severity : Severity::warning;
}

}  // namespace

std::string_view to_string(CheckStatus status) {
  constexpr std::array<std::string_view, 4> kWords{"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  return kWords[static_cast<std::size_t>(status)];
}

std::optional<StsMode> mode_in_force(const DomainVerdict& verdict) {
  return verdict.in_force ? std::optional(verdict.in_force->policy.mode) : std::nullopt;
}

bool fails_dane(const DomainVerdict& verdict) {
  return std::any_of(verdict.faults.begin(), verdict.faults.end(), stops_dane);
}

bool refuses_mail(const DomainVerdict& verdict) {
  return (fails_dane_everywhere(verdict) || mode_in_force(verdict) == StsMode::enforce) && verdict.deliverable == false;
}

bool takes_no_mail(const DomainVerdict& verdict) {
  return verdict.deliverable == false && std::all_of(verdict.faults.begin(), verdict.faults.end(), is_policy_fault);
}

bool has_mta_sts(const DomainVerdict& verdict) {
  const bool announced = verdict.record && *verdict.record != RecordStatus::none;
  return announced || wants_mta_sts(verdict) || verdict.in_force || verdict.fetch_success.value_or(false);
}

bool has_fault(const DomainVerdict& verdict, ResultType type) {
  return std::any_of(verdict.faults.begin(), verdict.faults.end(),
                     [=](const Fault& fault) { return fault.type == type; });
}

bool is_nonexistent(const CheckResult& result) { return result.seen.mx.lookup.status == DnsStatus::nxdomain; }

Severity severity_of(const Fault& fault, const DomainVerdict& verdict, const FindCode& find) {
  if (refuses_mail(verdict)) return Severity::critical;
  if (!is_dane_fault(fault) && !has_mta_sts(verdict)) return Severity::warning;
  // Mail still arrives, if only through another host: a fault is not yet harm.
  return std::min(Severity::high, severity_in(find, CodeKind::result_type, to_string(fault.type)));
}

Severity severity_of(const Finding& finding, const FindCode& find) {
  return severity_in(find, CodeKind::finding, finding.code);
}

Severity severity_of(const Finding& finding, const DomainVerdict& verdict, const FindCode& find) {
  const bool stops_mail =
      finding.code == "mx-unreachable" || finding.code == "hello-refused" || finding.code == "mx-no-address";
  if (!stops_mail || !takes_no_mail(verdict)) return severity_of(finding, find);
  return refuses_mail(verdict) ? Severity::critical : Severity::high;
}

const CatalogueEntry* entry_of(const Fault& fault, const FindCode& find) {
  const std::string of_type = std::string(to_string(fault.type)) + "/" + fault.reason;
  if (const CatalogueEntry* entry = find(CodeKind::reason, of_type)) return entry;
  for (const CodeKind kind : {CodeKind::reason, CodeKind::policy_error})
    if (const CatalogueEntry* entry = find(kind, fault.reason)) return entry;
  return find(CodeKind::result_type, to_string(fault.type));
}

CheckStatus check_status(const CheckResult& result, const FindCode& find) {
  const DomainVerdict& verdict = result.verdict;
  if (refuses_mail(verdict) || is_broken(verdict)) return CheckStatus::critical;
  if (is_unknown(result)) return CheckStatus::unknown;
  const bool noteworthy = std::any_of(verdict.findings.begin(), verdict.findings.end(), [&](const Finding& finding) {
    return severity_of(finding, find) != Severity::info;
  });
  const bool mx_faulty =
      std::any_of(result.hosts.begin(), result.hosts.end(), [](const MxVerdict& host) { return !host.faults.empty(); });
  const bool by_dane = std::any_of(verdict.faults.begin(), verdict.faults.end(), is_dane_fault);
  const bool harmless = verdict.faults.empty() || (!has_mta_sts(verdict) && !by_dane);
  return noteworthy || !harmless || mx_faulty ? CheckStatus::warning : CheckStatus::ok;
}

int check_exit_status(std::span<const CheckResult> results, const FindCode& find) {
  for (const CheckStatus worst : {CheckStatus::critical, CheckStatus::unknown, CheckStatus::warning, CheckStatus::ok})
    if (std::any_of(results.begin(), results.end(),
                    [&](const CheckResult& result) { return check_status(result, find) == worst; }))
      return static_cast<int>(worst);
  return static_cast<int>(CheckStatus::unknown);
}

}  // namespace mtasts
