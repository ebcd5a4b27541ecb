// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "exporter/check_report.h"
#include "exporter/domain_sections.h"
#include "probes/core/classify_dane.h"

namespace mtasts {
namespace {

std::string hosts_that_take_mail(const DomainVerdict& verdict) {
  const auto taking = std::ranges::count_if(verdict.mx, [](const MxMembership& mx) { return mx.deliverable == true; });
  return std::to_string(taking) + " of " + counted(verdict.mx.size(), "MX host");
}

std::string faults_text(const DomainVerdict& verdict) {
  return verdict.faults.empty() ? "Something is wrong" : counted(verdict.faults.size(), "fault");
}

bool has_finding(const DomainVerdict& verdict, std::string_view code) {
  return std::ranges::any_of(verdict.findings, [code](const Finding& finding) { return finding.code == code; });
}

/// Would the MX hosts be good enough for a sender that knows MTA-STS alone?
bool only_dane_fails(const DomainVerdict& verdict) {
  return fails_dane(verdict) && std::ranges::all_of(verdict.faults, [](const Fault& fault) {
           return is_policy_fault(fault) || is_dane_fault(fault);
         });
}

/// What a fault means for mail while nobody can fetch a policy; we may not have seen the one that senders hold.
std::string harm_without_policy(const DomainVerdict& verdict) {
  if (!verdict.record) return ". Which policy is in force is not known.";
  if (verdict.record != RecordStatus::valid) return ", and no mail is refused for it: no record announces a policy.";
  return ". New senders deliver as if there were no MTA-STS; senders that still hold a policy go on applying it" +
         std::string(verdict.deliverable == false ? ", and refuse the mail if it is in mode enforce." : ".");
}

/// What a fault means for mail now, under the policy in force.
std::string harm_of(const DomainVerdict& verdict) {
  const auto mode = mode_in_force(verdict);
  if (fails_dane(verdict) && mode != StsMode::enforce)
    return ", and senders with DANE pass the failing host over, whatever the policy says.";
  if (!mode) return harm_without_policy(verdict);
  if (mode == StsMode::enforce && !verdict.deliverable)
    return ". Whether mail arrives is not known: DNS does not name the MX hosts or their addresses.";
  if (mode == StsMode::enforce)
    return ", but mail still arrives: senders that enforce the policy reach " + hosts_that_take_mail(verdict) +
           (has_finding(verdict, "mx-addresses-disagree") ? ", though not at every address." : ".");
  const std::string passing = verdict.deliverable == false ? ", and no MX host would pass under enforce" : "";
  return passing + ", but no mail is refused for it: the policy is in mode " + std::string(to_string(*mode)) +
         (mode == StsMode::testing ? ", which only reports." : ".");
}

std::string failing_sentence(const DomainVerdict& verdict) {
  if (takes_no_mail(verdict))
    return std::string(verdict.mx.size() == 1 ? "The only MX host takes no mail" : "No MX host takes mail") +
           " from here: if senders fare the same, no mail arrives, with MTA-STS or without.";
  if (refuses_mail(verdict) && (mode_in_force(verdict) != StsMode::enforce || only_dane_fails(verdict)))
    return "Senders with DANE hold the mail back, whatever the policy says: no MX host passes.";
  if (refuses_mail(verdict))
    return "Mail is refused: the policy in force is in mode enforce, and senders that apply it deliver to " +
           std::string(verdict.mx.size() == 1 ? "no host: the only MX fails." : "none of the MX hosts.");
  return faults_text(verdict) + harm_of(verdict);
}

std::string ok_sentence(const DomainVerdict& verdict, bool well) {
  if (verdict.null_mx) return "The domain takes no mail (null MX).";
  const bool by_dane = std::ranges::any_of(verdict.mx, [](const MxMembership& mx) { return mx.dane_verified == true; });
  if (!has_mta_sts(verdict) && by_dane)
    return "No MTA-STS here: senders with DANE verify the MX hosts by their TLSA records, the others verify nothing.";
  if (!has_mta_sts(verdict)) return "No MTA-STS here: senders use TLS where it is offered, and verify nothing.";
  const auto mode = mode_in_force(verdict);
  if (!mode && has_finding(verdict, "policy-without-record"))
    return "A policy is served, but no record announces it: no sender uses it.";
  if (!mode) return "Nothing is wrong, and no policy is in force yet.";
  const std::string hosts = hosts_that_take_mail(verdict) + " can be reached over verified TLS.";
  if (*mode == StsMode::none)
    return "The domain is leaving MTA-STS: mode none is in force, as if there were no policy.";
  return std::string(well ? "All is well" : "Mail arrives, but something needs attention") +
         ": the policy is in force in mode " + std::string(to_string(*mode)) + ", and " + hosts;
}

std::string with_host(const std::string& host, const std::string& text) {
  return host.empty() || text.find(host) != std::string::npos ? text : host + ": " + text;
}

/// What the operator expects or DNS says, where no fault tells of it.
std::string other_cause(const DomainVerdict& verdict) {
  const auto dns_failed = std::ranges::find(verdict.dns_success, std::optional(false));
  if (verdict.record && *verdict.record != RecordStatus::valid && has_mta_sts(verdict))
    return "The record at _mta-sts." + verdict.domain + " does not count: " + std::string(to_string(*verdict.record)) +
           ".";
  if (verdict.expected_mode && verdict.policy && verdict.policy->mode != *verdict.expected_mode)
    return "The policy is in mode " + std::string(to_string(verdict.policy->mode)) + ", expected is " +
           std::string(to_string(*verdict.expected_mode)) + ".";
  if (dns_failed != verdict.dns_success.end()) return "The name servers do not answer all questions.";
  return verdict.deliverable == false ? "No MX host takes mail over verified TLS." : "";
}

std::string why_of(const DomainVerdict& verdict) {
  if (!verdict.faults.empty()) {
    const Fault& fault = verdict.faults.front();
    return with_host(fault.host, fault.message.empty() ? std::string(to_string(fault.type)) : fault.message);
  }
  for (const Finding& finding : verdict.findings) {
    const bool matters = verdict.state == DomainState::failing || severity_of(finding, find_code) != Severity::info;
    if (matters && !finding.message.empty()) return with_host(finding.host, finding.message);
  }
  return verdict.state == DomainState::failing ? other_cause(verdict) : "";
}

}  // namespace

VerdictWords verdict_words(const CheckResult& result, bool judged) {
  const DomainVerdict& verdict = result.verdict;
  if (!judged || verdict.state == DomainState::pending)
    return {"pending", "No probe has ended yet: nothing is known.", ""};
  if (verdict.state == DomainState::unknown)
    return {"unknown", "Not judged: the trouble is on the exporter's side. What is shown is the last that was known.",
            verdict.unknown_reason};
  if (is_nonexistent(result)) return {"failing", "The domain does not exist (NXDOMAIN).", ""};
  if (verdict.state == DomainState::failing) return {"failing", failing_sentence(verdict), why_of(verdict)};
  const bool well = check_status(result) == CheckStatus::ok;
  return {well ? "ok" : "warning", ok_sentence(verdict, well), why_of(verdict)};
}

}  // namespace mtasts
