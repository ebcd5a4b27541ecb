// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "probes/core/classify.h"
#include "probes/core/classify_dane.h"
#include "probes/core/classify_dns.h"
#include "probes/core/classify_tls.h"
#include "probes/core/own_trouble.h"

namespace mtasts {
namespace {

bool greeted(const SmtpObservation& session) { return session.greeting_code == 220; }
bool starttls_accepted(const SmtpObservation& session) { return session.starttls_code == 220; }
/// Chain, validity and DNS-ID are good (RFC 8461 section 4.2).
bool verified(const SmtpObservation& session) { return session.tls && session.tls->problems.empty(); }
/// A sender that insists on a verified session would hand its mail over here.
bool takes_mail_securely(const SmtpObservation& session) { return verified(session) && session.hello_after_tls; }

/// Neither EHLO nor HELO is welcome: the server takes no mail from us, with or without TLS.
bool hello_refused(const SmtpObservation& session) { return session.hello_code && *session.hello_code != 250; }

/// Ended before the server could say whether it offers STARTTLS: no verdict on TLS (RFC 8460 section 4.3.4).
bool tls_undecided(const SmtpObservation& session) {
  const bool broken = session.failure && session.failure->stage == NetStage::hello;
  return !greeted(session) || broken || hello_refused(session);
}

std::string unreachable_reason(const SmtpObservation& session) {
  if (session.greeting_code) return *session.greeting_code >= 500 ? "greeting-5xx" : "greeting-4xx";
  if (!session.failure) return "closed";
  switch (session.failure->error) {
    case NetError::address_refused:
      return "address-refused";
    case NetError::refused:
      return "refused";
    case NetError::timeout:
      return "timeout";
    case NetError::reset:
      return "reset";
    case NetError::closed:
      return "closed";
    case NetError::unreachable:
      return "unreachable";
    case NetError::no_route:
    case NetError::local:
      return "local";
    default:
      return "protocol";
  }
}

/// RFC 8460 section 4.3.3: TLS that fails for a reason of no other type.
std::string_view handshake_reason(const NetFailure& failure) {
  switch (failure.error) {
    case NetError::timeout:
      return "handshake-timeout";
    case NetError::tls_alert:
      return "tls-alert";
    case NetError::tls_version:
      return "tls-version";
    default:
      return "tls-error";
  }
}

/// A server may finish a TLS 1.3 handshake and refuse afterwards, for instance because it wants a client certificate.
bool tls_failed(const SmtpObservation& session) {
  if (!session.failure) return false;
  if (session.failure->stage == NetStage::handshake) return true;
  const NetError error = session.failure->error;
  return session.failure->stage == NetStage::after_tls &&
         (error == NetError::tls_alert || error == NetError::tls_error);
}

std::string at(const SmtpObservation& session) { return " (" + to_string(session.address) + ")"; }

void add(std::vector<Fault>& faults, Fault fault) {
  const auto same = [&fault](const Fault& other) { return other.type == fault.type && other.reason == fault.reason; };
  if (std::none_of(faults.begin(), faults.end(), same)) faults.push_back(std::move(fault));
}

/// Names every TLS-RPT result type one session earns; none when it was clean or TLS was never reached.
/// Source: RFC 8460 sections 4.3.1, 4.3.3, 4.3.4.
void add_session_faults(const SmtpObservation& session, const std::string& host, const ClassifyOptions& options,
                        std::vector<Fault>& faults) {
  if (tls_undecided(session)) return;
  if (!session.starttls_offered) {
    add(faults, {ResultType::starttls_not_supported, host, "not-offered",
                 "the EHLO reply does not offer STARTTLS" + at(session)});
    return;
  }
  if (!starttls_accepted(session)) {
    const std::string answer =
        session.starttls_code ? "answered with " + std::to_string(*session.starttls_code) : std::string("not answered");
    add(faults, {ResultType::starttls_not_supported, host, "refused", "STARTTLS was " + answer + at(session)});
    return;
  }
  if (tls_failed(session)) {
    add(faults, {ResultType::validation_failure, host, std::string(handshake_reason(*session.failure)),
                 "TLS failed: " + session.failure->text + at(session)});
  }
  if (!session.tls) return;
  for (const NamedFault& found : mx_certificate_faults(*session.tls, options)) {
    add(faults, {found.type, host, std::string(found.reason), found.text + at(session)});
  }
}

void add_session_findings(const SmtpObservation& session, const std::string& host, const ClassifyOptions& options,
                          UnixTime now, std::vector<Finding>& findings) {
  if (hello_refused(session)) {
    findings.push_back({"hello-refused", host,
                        "EHLO and HELO are answered with " + std::to_string(*session.hello_code) + at(session)});
  }
  if (session.bytes_after_starttls) {
    findings.push_back({"pipelined-after-starttls", host, "clear text follows the 220 to STARTTLS" + at(session)});
  }
  if (!session.tls) return;
  if (!session.hello_after_tls && !tls_failed(session)) {
    findings.push_back({"hello-after-tls-failed", host, "EHLO inside TLS is not answered with 250" + at(session)});
  }
  for (Finding& finding : certificate_findings(*session.tls, host, options, now)) {
    if (std::find(findings.begin(), findings.end(), finding) == findings.end()) findings.push_back(std::move(finding));
  }
}

std::string unreachable_message(const SmtpObservation& session) {
  if (session.greeting_code) return "greets with " + std::to_string(*session.greeting_code) + at(session);
  return (session.failure ? session.failure->text : unreachable_reason(session)) + at(session);
}

using Sessions = std::vector<const SmtpObservation*>;

Sessions sessions_of(const MxHostObservation& seen, IpFamily family) {
  Sessions sessions;
  for (const SmtpObservation& session : seen.sessions) {
    if (session.address.family == family) sessions.push_back(&session);
  }
  return sessions;
}

/// A host counts as reachable over a family when one of its addresses is; the others may still cost senders time.
void add_unreachable(const MxHostObservation& seen, IpFamily family, std::vector<Finding>& findings) {
  const Sessions sessions = sessions_of(seen, family);
  const bool reachable =
      std::any_of(sessions.begin(), sessions.end(), [](const SmtpObservation* session) { return greeted(*session); });
  const std::string code = reachable ? "mx-address-unreachable" : "mx-unreachable";
  for (const SmtpObservation* session : sessions) {
    if (!greeted(*session))
      findings.push_back({code, seen.host, unreachable_message(*session), unreachable_reason(*session)});
  }
}

std::string_view security_of(const SmtpObservation& session) {
  if (!starttls_accepted(session)) return "no STARTTLS";
  return verified(session) ? "verified" : "not verified";
}

/// A sender takes one of the addresses, so that a fault of some of them comes and goes.
void add_disagreement(const MxHostObservation& seen, std::vector<Finding>& findings) {
  std::string text;
  std::set<std::string_view> kinds;
  for (const SmtpObservation& session : seen.sessions) {
    if (!greeted(session) || tls_undecided(session)) continue;
    kinds.insert(security_of(session));
    text += (text.empty() ? "" : ", ") + to_string(session.address) + ": " + std::string(security_of(session));
  }
  if (kinds.size() > 1) findings.push_back({"mx-addresses-disagree", seen.host, text});
}

/// Takes the TLS values of the reachable addresses: good only where every address is good, the earliest expiry of all.
void take_tls_values(const Sessions& sessions, UnixTime now, MxFamilyVerdict& verdict) {
  Sessions decided;
  std::copy_if(sessions.begin(), sessions.end(), std::back_inserter(decided),
               [](const SmtpObservation* session) { return !tls_undecided(*session); });
  if (decided.empty()) return;
  verdict.starttls = std::all_of(decided.begin(), decided.end(),
                                 [](const SmtpObservation* session) { return starttls_accepted(*session); });
  verdict.verified =
      std::all_of(decided.begin(), decided.end(), [](const SmtpObservation* session) { return verified(*session); });
  std::optional<UnixTime> earliest;
  for (const SmtpObservation* session : decided) {
    if (!session->tls) continue;
    verdict.tls_version = session->tls->version;
    verdict.cipher = session->tls->cipher;
    verdict.tls_observed = now;
    const auto not_after = session->tls->not_after;
    if (not_after && (!earliest || *not_after < *earliest)) earliest = not_after;
  }
  if (earliest) verdict.not_after = earliest;
}

std::optional<MxFamilyVerdict> family_verdict(const MxHostObservation& seen, IpFamily family,
                                              const std::optional<DnsLookup>& lookup, const MxFamilyVerdict* last,
                                              UnixTime now) {
  if (!lookup) return std::nullopt;  // not asked for, or no connectivity of that family here
  const bool unknown = lookup_failed(*lookup);
  const Sessions sessions = sessions_of(seen, family);
  if (sessions.empty()) return unknown && last != nullptr ? std::optional(*last) : std::nullopt;

  MxFamilyVerdict verdict = last != nullptr ? *last : MxFamilyVerdict{};
  verdict.reachable =
      std::any_of(sessions.begin(), sessions.end(), [](const SmtpObservation* session) { return greeted(*session); });
  verdict.unreachable_reason = verdict.reachable ? "" : unreachable_reason(*sessions.front());
  take_tls_values(sessions, now, verdict);
  return verdict;
}

void add_failed_lookups(const MxHostObservation& seen, std::vector<Finding>& findings) {
  const auto failed = [](const std::optional<DnsLookup>& lookup) { return lookup && lookup_failed(*lookup); };
  const bool ipv4 = failed(seen.lookup.ipv4);
  const bool ipv6 = failed(seen.lookup.ipv6);
  if (!ipv4 && !ipv6) return;
  const std::string_view type = ipv4 && ipv6 ? "A and AAAA" : ipv4 ? "A" : "AAAA";
  findings.push_back(failed_lookup(type, seen.host, seen.host, ipv4 ? *seen.lookup.ipv4 : *seen.lookup.ipv6));
}

}  // namespace

MxVerdict classify_mx_host(const MxHostObservation& seen, const MxVerdict* previous, const ClassifyOptions& options,
                           UnixTime now) {
  if (seen.spoiled) {
    MxVerdict kept = previous != nullptr ? *previous : MxVerdict{.host = seen.host};
    kept.known = false;
    kept.unknown_reason = *seen.spoiled;
    return kept;
  }
  const bool has_no_address = lookup_empty(seen.lookup);
  MxVerdict verdict{.host = seen.host, .known = true, .probed = seen.ended, .duration = seen.duration};
  verdict.lookup_success = !lookup_failed(seen.lookup);
  const auto* last4 = previous != nullptr ? previous->ipv4.get() : nullptr;
  const auto* last6 = previous != nullptr ? previous->ipv6.get() : nullptr;
  verdict.ipv4 = family_verdict(seen, IpFamily::ipv4, seen.lookup.ipv4, last4, now);
  verdict.ipv6 = family_verdict(seen, IpFamily::ipv6, seen.lookup.ipv6, last6, now);
  for (const SmtpObservation& session : seen.sessions) {
    add_session_faults(session, seen.host, options, verdict.faults);
    add_session_findings(session, seen.host, options, now, verdict.findings);
  }
  for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) add_unreachable(seen, family, verdict.findings);
  add_disagreement(seen, verdict.findings);
  if (!seen.sessions.empty() || has_no_address) {
    verdict.secure_delivery = std::any_of(seen.sessions.begin(), seen.sessions.end(),
                                          [](const SmtpObservation& session) { return takes_mail_securely(session); });
  } else if (previous != nullptr) {  // no address to look at, for no fault of the host: what was seen still stands
    verdict.secure_delivery = previous->secure_delivery;
    verdict.faults = previous->faults;
    verdict.findings = previous->findings;
    std::erase_if(verdict.findings, [](const Finding& finding) { return finding.code == "lookup-failed"; });
  }
  add_failed_lookups(seen, verdict.findings);
  judge_dane(seen, previous, verdict);
  if (has_no_address) {
    verdict.findings.push_back({"mx-no-address", seen.host, seen.host + " has neither an A nor an AAAA record"});
  }
  if (seen.addresses_skipped > 0) {
    verdict.findings.push_back({"too-many-addresses", seen.host,
                                std::to_string(seen.addresses_skipped) + " addresses of the host were not probed"});
  }
  return verdict;
}

}  // namespace mtasts
