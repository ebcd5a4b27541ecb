// SPDX-License-Identifier: Apache-2.0
#include "probes/core/classify_report_target.h"

#include <algorithm>

#include "probes/core/own_trouble.h"
#include "probes/core/tlsrpt_record.h"

namespace mtasts {
namespace {

bool exists(const MxSetObservation& mx) { return mx.lookup.status != DnsStatus::nxdomain; }

/// Does an MX record name a host? That of a null MX does not.
bool names_host(const MxSetObservation& mx) {
  return std::any_of(mx.records.begin(), mx.records.end(), [](const MxRecord& record) { return !record.host.empty(); });
}

/// Without MX records mail goes to the domain's own addresses (RFC 5321 section 5.1), which are asked for apart.
bool needs_addresses(const MxSetObservation& mx) {
  return !lookup_failed(mx.lookup) && exists(mx) && mx.records.empty();
}

bool takes_no_mail(const MxSetObservation& mx) {
  return !lookup_failed(mx.lookup) && (!exists(mx) || (!mx.records.empty() && !names_host(mx)));
}

bool is_own_mailbox(const ReportTarget& target, const DomainObservation& seen) {
  return target.kind == ReportTargetKind::mailbox && target.host == seen.domain;
}

const ReportTargetObservation* observation_of(const ReportTarget& target, const DomainObservation& seen) {
  const auto found = std::find_if(seen.report_targets.begin(), seen.report_targets.end(),
                                  [&target](const auto& one) { return one->target == target; });
  return found == seen.report_targets.end() ? nullptr : found->get();
}

ReportTargetVerdict no_mail(const std::string& domain, std::string_view why) {
  return {.takes_reports = false, .message = "no report can be mailed to " + domain + ": it " + std::string(why)};
}

ReportTargetVerdict no_https(const std::string& host, const std::string& why) {
  return {.takes_reports = false, .message = "no report can be posted to " + host + ": " + why};
}

ReportTargetVerdict implicit_mx_verdict(const std::string& domain, const AddressObservation& lookup) {
  if (!lookup.addresses.empty()) return {.takes_reports = true};
  if (lookup_failed(lookup)) return {};
  return no_mail(domain, "has neither an MX record nor an address");
}

ReportTargetVerdict mailbox_verdict(const std::string& domain, const MxSetObservation& mx,
                                    const AddressObservation& addresses) {
  if (lookup_failed(mx.lookup)) return {};
  if (!exists(mx)) return no_mail(domain, "does not exist (NXDOMAIN)");
  if (needs_addresses(mx)) return implicit_mx_verdict(domain, addresses);
  return names_host(mx) ? ReportTargetVerdict{.takes_reports = true} : no_mail(domain, "takes no mail (null MX)");
}

bool good(const HandshakeAttempt& attempt) { return !attempt.failure && attempt.tls && attempt.tls->problems.empty(); }

std::string what_went_wrong(const HandshakeAttempt& attempt) {
  std::string text = attempt.failure ? attempt.failure->text : "";
  if (!attempt.failure && attempt.tls) {
    for (const CertificateProblem& problem : attempt.tls->problems) text += (text.empty() ? "" : "; ") + problem.text;
  }
  return text + " (" + to_string(attempt.address) + ")";
}

ReportTargetVerdict https_verdict(const ReportTargetObservation& seen) {
  const std::string& host = seen.target.host;
  if (std::any_of(seen.attempts.begin(), seen.attempts.end(), good)) return {.takes_reports = true};
  if (seen.spoiled) return {};
  if (!seen.attempts.empty()) return no_https(host, what_went_wrong(seen.attempts.front()));
  return lookup_failed(seen.lookup) ? ReportTargetVerdict{} : no_https(host, "it has no address");
}

}  // namespace

std::vector<ReportTarget> targets_to_observe(const DomainObservation& seen) {
  if (seen.spoiled || lookup_failed(seen.tlsrpt.lookup) || takes_no_mail(seen.mx)) return {};
  const TlsrptRecordSet record = parse_tlsrpt_records(seen.tlsrpt.records);
  if (record.status != RecordStatus::valid) return {};
  std::vector<ReportTarget> targets = report_targets_of(record.rua);
  std::erase_if(targets, [&seen](const ReportTarget& target) {
    return is_own_mailbox(target, seen) && !needs_addresses(seen.mx);
  });
  return targets;
}

std::string_view report_target_code(ReportTargetKind kind) {
  return kind == ReportTargetKind::mailbox ? "rua-mailto-no-mx" : "rua-https-unreachable";
}

ReportTargetVerdict classify_report_target(const ReportTarget& target, const DomainObservation& seen) {
  if (takes_no_mail(seen.mx)) return {};
  if (is_own_mailbox(target, seen) && !needs_addresses(seen.mx)) return mailbox_verdict(target.host, seen.mx, {});
  const ReportTargetObservation* observed = observation_of(target, seen);
  if (observed == nullptr) return {};
  return target.kind == ReportTargetKind::mailbox ? mailbox_verdict(target.host, observed->mx, observed->lookup)
                                                  : https_verdict(*observed);
}

std::vector<ReportPlace> report_places(const DomainObservation& seen) {
  const TlsrptRecordSet record = parse_tlsrpt_records(seen.tlsrpt.records);
  const std::vector<ReportTarget> looked_at =
      record.status == RecordStatus::valid ? report_targets_of(record.rua) : std::vector<ReportTarget>{};
  std::vector<ReportPlace> places;
  for (const std::string& uri : record.rua) {
    ReportPlace place{.uri = uri, .target = parse_report_target(uri)};
    const bool known = place.target && std::find(looked_at.begin(), looked_at.end(), *place.target) != looked_at.end();
    if (known) place.verdict = classify_report_target(*place.target, seen);
    if (!known) place.target.reset();
    places.push_back(std::move(place));
  }
  return places;
}

}  // namespace mtasts
