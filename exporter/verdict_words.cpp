// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "exporter/check_report.h"
#include "exporter/domain_sections.h"

namespace mtasts {
namespace {

std::string hosts_that_take_mail(const DomainVerdict& verdict) {
  const auto taking = std::ranges::count_if(verdict.mx, [](const MxMembership& mx) { return mx.deliverable == true; });
  return std::to_string(taking) + " of " + counted(verdict.mx.size(), "MX host");
}

std::string faults_text(const DomainVerdict& verdict) {
  return verdict.faults.empty() ? "Something is wrong" : counted(verdict.faults.size(), "fault");
}

/// What a fault means for mail now, under the policy in force.
std::string harm_of(const DomainVerdict& verdict) {
  const auto mode = mode_in_force(verdict);
  if (verdict.deliverable == false && mode != StsMode::enforce)
    return ", and no MX host offers verified TLS, but no policy in mode enforce is in force: senders deliver all the "
           "same.";
  if (mode == StsMode::enforce)
    return ", but mail still arrives: senders that enforce the policy reach " + hosts_that_take_mail(verdict) + ".";
  if (mode == StsMode::testing)
    return ", and no mail is refused for it: the policy is in mode testing, which only reports.";
  return ", and no mail is refused for it: no policy that enforces is in force.";
}

bool is_reachable(const std::optional<MxFamilyVerdict>& family) { return family && family->reachable; }

/// Every MX host was tried, and none answers as a mail server.
bool none_reachable(const CheckResult& result) {
  const std::vector<MxMembership>& mx = result.verdict.mx;
  return !mx.empty() && std::ranges::all_of(mx, [&](const MxMembership& member) {
    const MxVerdict* host = find_host(result, member.host);
    return host != nullptr && (host->ipv4 || host->ipv6) && !is_reachable(host->ipv4) && !is_reachable(host->ipv6);
  });
}

std::string failing_sentence(const CheckResult& result) {
  const DomainVerdict& verdict = result.verdict;
  if (none_reachable(result))
    return std::string(verdict.mx.size() == 1 ? "The only MX host cannot be reached" : "No MX host can be reached") +
           " from here: if senders cannot either, no mail arrives, with MTA-STS or without.";
  if (refuses_mail(verdict))
    return "Mail is refused: the policy in force is in mode enforce, and senders that apply it deliver to " +
           std::string(verdict.mx.size() == 1 ? "no host: the only MX fails." : "none of the MX hosts.");
  return faults_text(verdict) + harm_of(verdict);
}

std::string ok_sentence(const DomainVerdict& verdict) {
  if (verdict.null_mx) return "The domain takes no mail (null MX).";
  if (!has_mta_sts(verdict)) return "No MTA-STS here: senders use TLS where it is offered, and verify nothing.";
  const auto mode = mode_in_force(verdict);
  if (!mode) return "Nothing is wrong, and no policy is in force yet.";
  const std::string hosts = hosts_that_take_mail(verdict) + " can be reached over verified TLS.";
  if (*mode == StsMode::none)
    return "The domain is leaving MTA-STS: mode none is in force, as if there were no policy.";
  return "All is well: the policy is in force in mode " + std::string(to_string(*mode)) + ", and " + hosts;
}

std::string with_host(const std::string& host, const std::string& text) {
  return host.empty() ? text : host + ": " + text;
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

std::string_view ok_class(const CheckResult& result) {
  return check_status(result) == CheckStatus::ok ? "ok" : "warning";
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
  if (verdict.state == DomainState::failing) return {"failing", failing_sentence(result), why_of(verdict)};
  return {std::string(ok_class(result)), ok_sentence(verdict), why_of(verdict)};
}

}  // namespace mtasts
