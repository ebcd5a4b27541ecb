// SPDX-License-Identifier: Apache-2.0
#include "probes/core/classify.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <set>

#include "probes/core/classify_dane.h"
#include "probes/core/classify_dns.h"
#include "probes/core/classify_report_target.h"
#include "probes/core/classify_tls.h"
#include "probes/core/date_text.h"
#include "probes/core/domain_name.h"
#include "probes/core/mx_patterns.h"
#include "probes/core/own_trouble.h"
#include "probes/core/tlsrpt_record.h"

namespace mtasts {
namespace {

bool is_null_mx(const std::vector<MxRecord>& records) { return records.size() == 1 && records.front().host.empty(); }

/// The media type without its parameters, which senders ignore (RFC 8461 section 3.2).
std::string media_type(std::string_view content_type) {
  std::string type = to_lower(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  return type;
}

/// Is there a media type parameter other than charset?
bool has_other_parameters(std::string_view content_type) {
  std::size_t start = content_type.find(';');
  while (start != std::string_view::npos) {
    const std::string_view rest = content_type.substr(start + 1);
    const std::size_t name = rest.find_first_not_of(" \t");
    if (name != std::string_view::npos && !to_lower(rest.substr(name)).starts_with("charset=")) return true;
    start = content_type.find(';', start + 1);
  }
  return false;
}

std::string_view connect_reason(NetError error) {
  switch (error) {
    case NetError::address_refused:
      return "address-refused";
    case NetError::refused:
      return "connect-refused";
    case NetError::timeout:
      return "connect-timeout";
    default:
      return "connect-error";
  }
}

std::string_view fetch_reason(const NetFailure& failure) {
  if (failure.stage == NetStage::connect) return connect_reason(failure.error);
  switch (failure.error) {
    case NetError::timeout:
      return "timeout";
    case NetError::tls_alert:
      return "tls-alert";
    case NetError::tls_version:
      return "tls-version";
    case NetError::too_large:
      return "too-large";
    default:
      return failure.stage == NetStage::handshake ? "tls-error" : "http-protocol";
  }
}

bool certificate_good(const PolicyFetchAttempt& attempt) { return attempt.tls && attempt.tls->problems.empty(); }

/// Why an attempt brought no policy; "" when it did. Only a verified server's answer counts (RFC 8461 section 3.3).
std::string_view attempt_reason(const PolicyFetchAttempt& attempt) {
  if (attempt.http_status >= 300 && attempt.http_status < 400) return "http-redirect";
  if (attempt.http_status != 0 && attempt.http_status != 200) return "http-status";
  if (attempt.failure) return fetch_reason(*attempt.failure);
  return media_type(attempt.content_type) == "text/plain" ? "" : "media-type";
}

bool attempt_succeeded(const PolicyFetchAttempt& attempt) {
  return certificate_good(attempt) && attempt_reason(attempt).empty();
}

std::string attempt_message(const PolicyFetchAttempt& attempt, std::string_view reason) {
  const std::string where = " (" + to_string(attempt.address) + ")";
  if (reason == "http-redirect")
    return "status " + std::to_string(attempt.http_status) + ", redirected to " + attempt.location + where;
  if (reason == "http-status") return "status " + std::to_string(attempt.http_status) + " instead of 200" + where;
  if (reason == "media-type") return "media type \"" + attempt.content_type + "\" instead of text/plain" + where;
  return (attempt.failure ? attempt.failure->text : std::string(reason)) + where;
}

/// Where the last CNAME leads, "" without one.
std::string alias_of(const AddressObservation& lookup) {
  for (const auto& family : {lookup.ipv4, lookup.ipv6})
    if (family && !family->aliases.empty()) return family->aliases.back();
  return "";
}

std::string lookup_reason(const AddressObservation& lookup) {
  bool nxdomain = false;
  for (const auto& family : {lookup.ipv4, lookup.ipv6}) {
    if (!family) continue;
    if (family->status == DnsStatus::servfail) return "dns-servfail";
    if (family->status == DnsStatus::timeout) return "dns-timeout";
    nxdomain = nxdomain || family->status == DnsStatus::nxdomain;
  }
  return nxdomain ? "dns-nxdomain" : "dns-nodata";
}

/// Do senders that hold one of them do the same as those that hold the other?
bool same_policy(StsPolicy a, StsPolicy b) {
  std::sort(a.mx.begin(), a.mx.end());
  std::sort(b.mx.begin(), b.mx.end());
  return a == b;
}

bool is_lower(const IpAddress& a, const IpAddress& b) {
  if (a.family != b.family) return a.family < b.family;
  return std::lexicographical_compare(a.octets.begin(), a.octets.end(), b.octets.begin(), b.octets.end());
}

/// That of the lowest address: DNS turns their order round and round.
const PolicyFetchAttempt* successful_attempt(const PolicyObservation& seen) {
  const PolicyFetchAttempt* found = nullptr;
  for (const PolicyFetchAttempt& attempt : seen.attempts) {
    if (attempt_succeeded(attempt) && (found == nullptr || is_lower(attempt.address, found->address))) found = &attempt;
  }
  return found;
}

void add(std::vector<Fault>& faults, Fault fault) {
  const auto same = [&fault](const Fault& other) {
    return other.type == fault.type && other.host == fault.host && other.reason == fault.reason;
  };
  if (std::none_of(faults.begin(), faults.end(), same)) faults.push_back(std::move(fault));
}

constexpr std::string_view kNoSuchDomain = "no-such-domain";
// An id and a policy that change within this time were meant as one change.
constexpr std::chrono::days kSameChange{1};
// It harms nobody, and is shown for as long as somebody may wonder where the new policy is.
constexpr std::chrono::days kIdChangeShown{7};
// As many warnings about one text as a person reads; a peer can make the text long.
constexpr std::size_t kMostWarnings = 20;

/// A mistake in the mx patterns of the policy.
bool is_pattern_finding(const Finding& finding) { return finding.code.starts_with("pattern-"); }

/// Findings about the policy host that judge_mode(), judge_drift() and judge_patterns() make anew for every verdict,
/// fetched or not.
bool is_made_anew(const Finding& finding) {
  constexpr std::array<std::string_view, 8> kCodes{
      "policy-without-record", "policy-cached-only",        "testing",          "testing-for-long",
      "mode-unexpected",       "policy-changed-without-id", "id-before-policy", "id-changed-without-policy"};
  return is_pattern_finding(finding) || std::find(kCodes.begin(), kCodes.end(), finding.code) != kCodes.end();
}

/// The policy that a memory says a sender applies at `now`: seen live by the last probe that saw anything, or still
/// cached. What probes since could not see need not be live any more, and ends with the caches.
std::optional<PolicyInForce> policy_in_force(const DomainInputs& in, UnixTime now) {
  const DomainMemory& memory = in.memory;
  if (!memory.policy) return std::nullopt;
  PolicyInForce force{.policy = *memory.policy,
                      .id = memory.policy_id,
                      .until = memory.policy_seen + memory.policy->max_age,
                      .live = memory.policy_seen == in.seen.ended};
  const bool served = force.live && !in.outdated;
  if (!served && now >= force.until) return std::nullopt;
  return force;
}

/// Builds one verdict step by step; each step reads the observation and the steps before it.
class DomainJudge {
 public:
  DomainJudge(const DomainInputs& in, const ClassifyOptions& options, UnixTime now)
      : in_(in), options_(options), now_(now), host_("mta-sts." + in.seen.domain) {
    verdict_.domain = in.seen.domain;
    verdict_.expected_mode = in.expected_mode;
  }

  DomainVerdict judge() {
    take_times();
    judge_dns();
    judge_records();
    judge_policy();
    verdict_.in_force = policy_in_force(in_, now_);
    judge_mx_set();
    judge_hosts();
    judge_dane_of_hosts();
    judge_coverage();
    judge_patterns();
    drop_faults_no_sender_sees();
    judge_backup();
    judge_mode();
    judge_drift();
    judge_state();
    return std::move(verdict_);
  }

 private:
  void take_times() {
    verdict_.probed = in_.seen.ended;
    verdict_.dns_duration = in_.seen.dns_duration;
    verdict_.policy_duration = in_.seen.policy_duration;
    verdict_.policy_last_change = in_.memory.policy_last_change;
    verdict_.enforced_until = in_.memory.enforced_until;
    verdict_.mx_set_last_change = in_.memory.mx_set_last_change;
    verdict_.watched_since = in_.memory.watched_since;
    verdict_.last_fault = in_.memory.last_fault;
  }

  void set_dns(DnsQuery query, bool success) { verdict_.dns_success[static_cast<std::size_t>(query)] = success; }

  void judge_lookup(DnsQuery query, std::string_view type, const std::string& name, const DnsLookup& lookup) {
    set_dns(query, !lookup_failed(lookup));
    if (!lookup_failed(lookup)) return;
    const Finding failed = failed_lookup(type, name, name, lookup);
    find(failed.code, failed.host, failed.message);
  }

  void judge_dns() {
    judge_lookup(DnsQuery::mta_sts, "TXT", "_mta-sts." + verdict_.domain, in_.seen.sts.lookup);
    judge_lookup(DnsQuery::tlsrpt, "TXT", "_smtp._tls." + verdict_.domain, in_.seen.tlsrpt.lookup);
    judge_lookup(DnsQuery::mx, "MX", verdict_.domain, in_.seen.mx.lookup);
    if (in_.seen.policy) {
      set_dns(DnsQuery::policy_host, !lookup_failed(in_.seen.policy->lookup));
    } else if (in_.previous != nullptr) {
      const auto query = static_cast<std::size_t>(DnsQuery::policy_host);
      verdict_.dns_success[query] = in_.previous->dns_success[query];
    }
  }

  /// A lookup that failed says nothing about the record: the last known value stays.
  void judge_records() {
    if (in_.previous != nullptr) {
      verdict_.record = in_.previous->record;
      verdict_.record_id = in_.previous->record_id;
      verdict_.tlsrpt = in_.previous->tlsrpt;
    }
    const std::string sts = "_mta-sts." + verdict_.domain;
    const std::string tlsrpt = "_smtp._tls." + verdict_.domain;
    lookup_failed(in_.seen.sts.lookup) ? keep_findings({"mta-sts-record-invalid", "record-warning"}, sts)
                                       : judge_sts_record(sts);
    lookup_failed(in_.seen.tlsrpt.lookup) ? keep_tlsrpt_findings(tlsrpt) : judge_tlsrpt_record(tlsrpt);
  }

  /// What was found before stays where this probe could not look. Input: `host` is "" where the codes say enough.
  void keep_findings(std::initializer_list<std::string_view> codes, std::string_view host) {
    keep_findings_if([&](const Finding& finding) {
      const bool meant = std::find(codes.begin(), codes.end(), finding.code) != codes.end();
      return meant && (host.empty() || finding.host == host);
    });
  }

  template <class Meant>
  void keep_findings_if(Meant meant) {
    if (in_.previous == nullptr) return;
    for (const Finding& finding : in_.previous->findings) {
      if (meant(finding)) find(finding);
    }
  }

  void judge_sts_record(const std::string& name) {
    const StsRecordSet records = parse_sts_records(in_.seen.sts.records);
    verdict_.record = records.status;
    verdict_.record_id = records.status == RecordStatus::valid ? records.id.value_or("") : "";
    if (records.status == RecordStatus::invalid || records.status == RecordStatus::multiple) {
      find_record_error("mta-sts-record-invalid", name, records.errors);
    }
    find_warnings("record-warning", name, records.warnings);
  }

  void judge_tlsrpt_record(const std::string& name) {
    const TlsrptRecordSet records = parse_tlsrpt_records(in_.seen.tlsrpt.records);
    verdict_.tlsrpt = records.status;
    if (no_such_domain()) return;
    if (records.status == RecordStatus::none) {
      find("tlsrpt-record-missing", name, "no TLS-RPT record: nobody reports what fails");
    } else if (records.status != RecordStatus::valid) {
      find_record_error("tlsrpt-record-invalid", name, records.errors);
    }
    find_warnings("record-warning", name, records.warnings);
    const bool reported_about = !is_null_mx(in_.seen.mx.records);
    if (records.status == RecordStatus::valid && reported_about) judge_report_targets(records.rua);
  }

  void keep_tlsrpt_findings(const std::string& name) {
    keep_findings({"tlsrpt-record-missing", "tlsrpt-record-invalid", "record-warning"}, name);
    for (const ReportTargetKind kind : {ReportTargetKind::mailbox, ReportTargetKind::https}) {
      keep_findings({report_target_code(kind)}, "");
    }
  }

  /// A target is somebody else's machine: what is not known of it changes nothing.
  void judge_report_targets(const std::vector<std::string>& rua) {
    for (const ReportTarget& target : report_targets_of(rua)) {
      const std::string_view code = report_target_code(target.kind);
      const ReportTargetVerdict found = classify_report_target(target, in_.seen);
      if (!found.takes_reports) keep_findings({code}, target.host);
      if (found.takes_reports == false) find(code, target.host, found.message);
    }
  }

  void judge_policy() {
    if (!in_.seen.policy) return keep_policy();
    const PolicyObservation& seen = *in_.seen.policy;
    verdict_.fetch_success = successful_attempt(seen) != nullptr;
    judge_attempts(seen);
    judge_agreement(seen);
    judge_clear_text();
    const PolicyFetchAttempt* first = successful_attempt(seen);
    if (first != nullptr) judge_body(*first);
    for (const PolicyFetchAttempt& attempt : seen.attempts) {
      if (&attempt != first && attempt_succeeded(attempt)) judge_body(attempt);
    }
    if (!verdict_.policy_valid) verdict_.policy_valid = false;
  }

  /// The five-minute rule kept the probe from fetching: what the last fetch said still stands.
  void keep_policy() {
    if (in_.previous == nullptr) return;
    verdict_.fetch_success = in_.previous->fetch_success;
    verdict_.http_status = in_.previous->http_status;
    verdict_.policy_valid = in_.previous->policy_valid;
    verdict_.policy = in_.previous->policy;
    verdict_.policy_not_after = in_.previous->policy_not_after;
    for (const Fault& fault : in_.previous->faults) {
      if (is_policy_fault(fault)) verdict_.faults.push_back(fault);
    }
    for (const Finding& finding : in_.previous->findings) {
      if (finding.host == host_ && !is_made_anew(finding)) verdict_.findings.push_back(finding);
    }
  }

  void judge_attempts(const PolicyObservation& seen) {
    verdict_.http_status = 0;
    if (seen.attempts.empty()) {
      const std::string reason = lookup_reason(seen.lookup);
      fault(ResultType::sts_policy_fetch_error, reason, no_address_text(seen.lookup, reason));
    }
    for (const PolicyFetchAttempt& attempt : seen.attempts) judge_attempt(attempt);
    if (const PolicyFetchAttempt* success = successful_attempt(seen)) verdict_.http_status = success->http_status;
    if (in_.previous != nullptr && !verdict_.policy_not_after) {
      verdict_.policy_not_after = in_.previous->policy_not_after;  // the last date seen outlives an unreachable host
    }
  }

  [[nodiscard]] std::string no_address_text(const AddressObservation& lookup, std::string_view reason) const {
    const std::string what =
        alias_of(lookup).empty() ? host_ : host_ + " is a CNAME to " + alias_of(lookup) + ", which";
    if (reason == "dns-nxdomain") return what + " does not exist";
    if (reason == "dns-nodata") return what + " has no address";
    return "the lookup of the addresses of " + host_ +
           (reason == "dns-timeout" ? " brought no answer in time" : " ended in an error, such as SERVFAIL");
  }

  /// A sender takes one of the addresses: with two policies, it depends on chance which one it applies.
  void judge_agreement(const PolicyObservation& seen) {
    const PolicyFetchAttempt* first = successful_attempt(seen);
    for (const PolicyFetchAttempt& attempt : seen.attempts) {
      if (!attempt_succeeded(attempt) || serve_the_same(attempt, *first)) continue;
      find("policy-addresses-disagree", host_,
           to_string(first->address) + " and " + to_string(attempt.address) + " serve different policies");
    }
  }

  /// Line ends and the order of lines make no difference to senders.
  static bool serve_the_same(const PolicyFetchAttempt& a, const PolicyFetchAttempt& b) {
    if (a.body == b.body) return true;
    const auto policy_a = parse_sts_policy(a.body).policy;
    const auto policy_b = parse_sts_policy(b.body).policy;
    return policy_a && policy_b && same_policy(*policy_a, *policy_b);
  }

  /// The usual way from http to https is none of a sender's business; one that leads elsewhere leads people to look for
  /// the policy where no sender does.
  void judge_clear_text() {
    if (!in_.seen.clear_text) return;
    const PolicyFetchAttempt& seen = *in_.seen.clear_text;
    const bool redirected = seen.http_status >= 300 && seen.http_status < 400 && !seen.location.empty();
    if (!redirected || leads_to_policy(seen.location)) return;
    find("http-redirects-elsewhere", host_, "http redirects to " + seen.location);
  }

  [[nodiscard]] bool leads_to_policy(std::string_view location) const {
    const std::string place = to_lower(location);
    constexpr std::string_view kPath = "/.well-known/mta-sts.txt";
    return place == kPath || place == "https://" + host_ + std::string(kPath) ||
           place == "https://" + host_ + ":443" + std::string(kPath);
  }

  void judge_attempt(const PolicyFetchAttempt& attempt) {
    if (attempt.http_status != 0) verdict_.http_status = attempt.http_status;
    if (attempt.tls) {
      judge_certificate(*attempt.tls, attempt.address);
      if (!attempt.tls->problems.empty()) return;  // a sender stops here and reports only the certificate
    }
    const std::string_view reason = attempt_reason(attempt);
    if (reason.empty()) return;
    if (*verdict_.fetch_success) {
      find("policy-address-failed", host_, attempt_message(attempt, reason));
    } else {
      fault(ResultType::sts_policy_fetch_error, reason, attempt_message(attempt, reason));
    }
  }

  void judge_certificate(const TlsObservation& tls, const IpAddress& address) {
    if (tls.not_after && (!verdict_.policy_not_after || *tls.not_after < *verdict_.policy_not_after)) {
      verdict_.policy_not_after = tls.not_after;
    }
    for (const NamedFault& found : policy_certificate_faults(tls)) {
      fault(found.type, found.reason, found.text + " (" + to_string(address) + ")");
    }
    for (Finding& finding : certificate_findings(tls, host_, options_, now_)) {
      find(finding.code, finding.host, finding.message);
    }
  }

  /// The address looked at first speaks for the domain; a sender may meet the faults of each.
  void judge_body(const PolicyFetchAttempt& success) {
    const PolicyLint lint = parse_sts_policy(success.body);
    if (!verdict_.policy_valid) {
      verdict_.policy_valid = lint.policy.has_value();
      verdict_.policy = lint.policy;
    }
    find_warnings("policy-warning", host_, warnings_of(lint));
    if (!lint.errors.empty()) {
      fault(ResultType::sts_policy_invalid, lint.errors.front().code, at_line(lint.errors.front()));
    }
    if (has_other_parameters(success.content_type)) {
      find("content-type-parameters", host_, "the content type is \"" + success.content_type + "\"");
    }
    if (!lint.policy) return;
    judge_max_age(*lint.policy);
    judge_line_ends(success.body);
  }

  /// Both ends are valid (RFC 8461 erratum 6253), but who mixes them did not mean to.
  void judge_line_ends(std::string_view body) {
    const auto all = std::count(body.begin(), body.end(), '\n');
    std::ptrdiff_t crlf = 0;
    for (std::size_t at = body.find("\r\n"); at != std::string_view::npos; at = body.find("\r\n", at + 2)) ++crlf;
    if (crlf == 0 || crlf == all) return;
    find("policy-line-ends", host_,
         std::to_string(all - crlf) + " of " + std::to_string(all) + " lines end in LF alone");
  }

  /// Without those that have a finding of their own.
  static std::vector<ParseError> warnings_of(const PolicyLint& lint) {
    std::vector<ParseError> warnings = lint.warnings;
    std::erase_if(warnings, [](const ParseError& warning) { return warning.code == "mx-wide-wildcard"; });
    return warnings;
  }

  void find_record_error(std::string_view code, const std::string& name, const std::vector<ParseError>& errors) {
    if (errors.empty()) return find(code, name, "more than one record", "record-multiple");
    find(code, name, errors.front().detail, errors.front().code);
  }

  void find_warnings(std::string_view code, const std::string& host, const std::vector<ParseError>& warnings) {
    const std::size_t shown = std::min(warnings.size(), kMostWarnings);
    for (std::size_t i = 0; i < shown; ++i) find(code, host, at_line(warnings[i]), warnings[i].code);
    if (shown < warnings.size()) find(code, host, "and " + std::to_string(warnings.size() - shown) + " more");
  }

  /// What is missing stands in no line.
  static std::string at_line(const ParseError& error) {
    return error.line == 0 || error.code.ends_with("-missing")
               ? error.detail
               : "line " + std::to_string(error.line) + ": " + error.detail;
  }

  void judge_max_age(const StsPolicy& policy) {
    if (policy.mode == StsMode::none) return;
    const auto least = policy.mode == StsMode::enforce ? options_.min_max_age_enforce : options_.min_max_age_testing;
    if (policy.max_age >= least) return;
    find("max-age-short", host_,
         "max_age " + std::to_string(policy.max_age.count()) + " is below " + std::to_string(least.count()) +
             " seconds, the least that makes sense in mode " + std::string(to_string(policy.mode)));
  }

  /// NXDOMAIN now, or before and the lookup fails now.
  [[nodiscard]] bool no_such_domain() const {
    if (!lookup_failed(in_.seen.mx.lookup)) return in_.seen.mx.lookup.status == DnsStatus::nxdomain;
    if (in_.previous == nullptr) return false;
    return std::any_of(in_.previous->findings.begin(), in_.previous->findings.end(),
                       [](const Finding& finding) { return finding.code == kNoSuchDomain; });
  }

  void judge_mx_set() {
    if (lookup_failed(in_.seen.mx.lookup)) return keep_mx_set();
    if (no_such_domain()) find(kNoSuchDomain, verdict_.domain, "DNS knows no such domain (NXDOMAIN)");
    verdict_.null_mx = is_null_mx(in_.seen.mx.records);
    const std::vector<MxRecord> hosts = mx_hosts_of(in_.seen);
    verdict_.mx_hosts = hosts.size();
    for (const MxRecord& record : hosts) {
      if (verdict_.mx.size() == in_.max_hosts) break;
      verdict_.mx.push_back({.host = record.host, .preference = record.preference});
    }
    if (hosts.size() > in_.max_hosts) {
      find("too-many-mx-hosts", verdict_.domain,
           std::to_string(hosts.size()) + " MX hosts, of which the first " + std::to_string(in_.max_hosts) +
               " are probed");
    }
    judge_mx_names();
    if (verdict_.null_mx) find("null-mx", verdict_.domain, "the domain takes no mail (RFC 7505)");
  }

  void judge_mx_names() {
    std::size_t invalid = 0;
    for (const MxRecord& record : in_.seen.mx.records) {
      if (record.host.empty() && !verdict_.null_mx) {
        find("null-mx-not-alone", verdict_.domain, "a null MX stands beside other MX records");
      } else if (!record.host.empty() && !parse_domain_name(record.host) && ++invalid <= kMostWarnings) {
        find("mx-name-invalid", record.host, "the MX record names something that is no host name");
      }
    }
  }

  void keep_mx_set() {
    if (in_.previous == nullptr) return;
    verdict_.null_mx = in_.previous->null_mx;
    verdict_.mx_hosts = in_.previous->mx_hosts;
    for (const MxMembership& member : in_.previous->mx) {
      verdict_.mx.push_back({.host = member.host, .preference = member.preference});
    }
    keep_findings({kNoSuchDomain, "null-mx", "null-mx-not-alone", "mx-name-invalid", "too-many-mx-hosts"}, "");
  }

  const MxVerdict* host_verdict(const std::string& host) const {
    const auto found = in_.mx.find(host);
    return found == in_.mx.end() ? nullptr : found->second;
  }

  void judge_hosts() {
    bool lookups_good = true;
    bool lookups_known = false;
    for (const MxMembership& member : verdict_.mx) {
      const MxVerdict* host = host_verdict(member.host);
      if (host == nullptr) continue;
      if (host->lookup_success) lookups_known = true;
      lookups_good = lookups_good && host->lookup_success.value_or(true);
      verdict_.mx_duration = std::max(verdict_.mx_duration, host->duration);
      for (const Fault& fault : host->faults) add(verdict_.faults, fault);
      for (const Finding& finding : host->findings) find(finding);
    }
    if (lookups_known) set_dns(DnsQuery::mx_host, lookups_good);
    verdict_.total_duration = in_.seen.total_duration + verdict_.mx_duration;
  }

  /// A resolver that does not tell for now, or an answer that fails, takes nothing back.
  [[nodiscard]] DnsSecurity mx_security() const {
    const DnsSecurity seen = in_.seen.mx.lookup.security;
    const bool tells = seen != DnsSecurity::indeterminate && seen != DnsSecurity::bogus;
    return tells || in_.previous == nullptr ? seen : in_.previous->mx_security;
  }

  void judge_dane_of_hosts() {
    const DnsSecurity mx = verdict_.mx_security = mx_security();
    for (MxMembership& member : verdict_.mx) {
      const MxVerdict* host = host_verdict(member.host);
      if (host == nullptr || !host->dane) continue;
      need_tlsa_lookup(host->tlsa_lookup_success);
      member.dane_verified = passes_dane(*host->dane, verdict_.domain, mx);
      if (member.dane_verified == false && host->dane->authenticated == true && host->dane->witnessed) {
        fault_at(member.host, ResultType::tlsa_invalid, "tlsa-name-mismatch",
                 "the certificate that a DANE-TA record vouches for names neither the host nor " + verdict_.domain);
      }
      if (in_.require_dane) judge_required_dane(member.host, *host->dane, mx);
    }
    const bool usable = std::any_of(verdict_.mx.begin(), verdict_.mx.end(), [this](const MxMembership& member) {
      const MxVerdict* host = host_verdict(member.host);
      return host != nullptr && host->dane && host->dane->state == DaneState::usable;
    });
    if (usable && mx == DnsSecurity::insecure && !in_.require_dane) {
      find("dane-insecure-mx", verdict_.domain,
           "the MX hosts have TLSA records, but the MX records that name them are not signed");
    }
  }

  void need_tlsa_lookup(const std::optional<bool>& success) {
    auto& all = verdict_.dns_success[static_cast<std::size_t>(DnsQuery::tlsa)];
    if (success) all = all.value_or(true) && *success;
  }

  void judge_required_dane(const std::string& host, const DaneVerdict& dane, DnsSecurity mx) {
    const std::string_view reason = dane_required_reason(dane, mx);
    const bool unknown_mx = dane.state == DaneState::usable && mx != DnsSecurity::secure && mx != DnsSecurity::insecure;
    if (dane.state == DaneState::unknown || unknown_mx) {
      find("dane-not-judged", host,
           "require_dane is set, and whether " + host + " has secure TLSA records is not known");
    } else if (!reason.empty()) {
      fault_at(host, ResultType::dane_required, reason, dane_required_text(reason, host));
    }
  }

  [[nodiscard]] std::string dane_required_text(std::string_view reason, const std::string& host) const {
    if (reason == "insecure-mx") return "the MX records of " + verdict_.domain + " are not signed";
    if (reason == "insecure-address") return "the addresses of " + host + " are not signed";
    if (reason == "tlsa-unusable") return "none of the TLSA records of " + host + " can be used for SMTP";
    return host + " has no secure TLSA records";
  }

  /// The policy that decides about coverage: the one in force, or without one the one fetched.
  [[nodiscard]] const StsPolicy* covering_policy() const {
    const StsPolicy* policy = verdict_.in_force ? &verdict_.in_force->policy : nullptr;
    if (policy == nullptr && verdict_.policy) policy = &*verdict_.policy;
    return policy != nullptr && policy->mode != StsMode::none ? policy : nullptr;
  }

  void judge_coverage() {
    const StsPolicy* policy = covering_policy();
    std::size_t covered = 0;
    for (MxMembership& member : verdict_.mx) {
      if (policy != nullptr) {
        member.covered = policy_permits(*policy, member.host);
        covered += *member.covered ? 1 : 0;
      }
      if (member.covered == false) {
        fault_at(member.host, ResultType::validation_failure, kNotCoveredReason,
                 "no mx pattern of the policy matches " + member.host);
      }
      const MxVerdict* host = host_verdict(member.host);
      if (host != nullptr && host->secure_delivery) {
        const bool permitted = !policy_applies() || member.covered.value_or(true);
        member.deliverable = delivers(*host, member) && permitted;
      }
    }
    if (policy != nullptr && !verdict_.mx.empty()) {
      verdict_.coverage = static_cast<double>(covered) / static_cast<double>(verdict_.mx.size());
    }
    judge_deliverable();
  }

  /// A policy of MTA-STS does not override DANE that fails (RFC 8461 section 2).
  static bool delivers(const MxVerdict& host, const MxMembership& member) {
    const DaneState dane = host.dane ? host.dane->state : DaneState::unknown;
    if (dane == DaneState::bogus) return false;
    if (dane != DaneState::usable) return *host.secure_delivery;
    const bool names_differ = host.dane->authenticated == true && member.dane_verified == false;
    return host.dane->delivery.value_or(*host.secure_delivery) && !names_differ;
  }

  /// The patterns that the domain serves now, whatever senders may still hold. Beside more hosts than are probed they
  /// are not judged: each is compared with each, and whoever owns the zone and the policy chooses how many there are.
  void judge_patterns() {
    if (!verdict_.policy || verdict_.policy->mode == StsMode::none) return;
    if (lookup_failed(in_.seen.mx.lookup)) return keep_findings_if(is_pattern_finding);
    std::vector<std::string> hosts;
    for (const MxRecord& record : mx_hosts_of(in_.seen)) hosts.push_back(record.host);
    if (hosts.size() > in_.max_hosts) return;
    for (const Finding& mistake : find_pattern_mistakes(*verdict_.policy, hosts, host_)) {
      find(mistake.code, mistake.host, mistake.message);
    }
  }

  void judge_deliverable() {
    for (const MxMembership& member : verdict_.mx) {
      if (!member.deliverable) continue;
      verdict_.deliverable = verdict_.deliverable.value_or(false) || *member.deliverable;
    }
  }

  /// Does a policy ask something of senders? One of mode none is as good as no policy (RFC 8461 section 5).
  [[nodiscard]] bool policy_applies() const {
    return verdict_.in_force && verdict_.in_force->policy.mode != StsMode::none;
  }

  /// Policy faults are reported by senders that found a valid record, or still hold a policy. Without either, the
  /// policy host is nobody's business (RFC 8461 section 3.1), and no `mx` pattern applies.
  void drop_faults_no_sender_sees() {
    if (verdict_.record == RecordStatus::valid || policy_applies()) return;
    std::erase_if(verdict_.faults, [this](const Fault& fault) {
      return is_policy_fault(fault) || fault.reason == kNotCoveredReason || is_excused_by_dane(fault);
    });
  }

  /// Senders that verify names and authorities do so for MTA-STS alone; DANE has its own (RFC 7672 section 3.1).
  [[nodiscard]] bool is_excused_by_dane(const Fault& fault) const {
    const bool verified = std::any_of(verdict_.mx.begin(), verdict_.mx.end(), [&](const MxMembership& member) {
      return member.host == fault.host && member.dane_verified == true;
    });
    const bool by_certificate = fault.type == ResultType::certificate_expired ||
                                fault.type == ResultType::certificate_host_mismatch ||
                                fault.type == ResultType::certificate_not_trusted || fault.reason == "incomplete-chain";
    return verified && by_certificate;
  }

  [[nodiscard]] bool has_fault_at(const std::string& host) const {
    return std::any_of(verdict_.faults.begin(), verdict_.faults.end(),
                       [&](const Fault& fault) { return fault.host == host; });
  }

  /// Senders go down the list and stop at the first host that takes the mail (RFC 5321 section 5.1): a fault further
  /// down is met, and reported, on the day when those above it are down.
  void judge_backup() {
    if (verdict_.mx.empty() || verdict_.mx.front().deliverable != true || has_fault_at(verdict_.mx.front().host))
      return;
    for (const MxMembership& member : verdict_.mx) {
      const bool preferred = member.preference == verdict_.mx.front().preference;
      if (preferred && has_fault_at(member.host)) return;  // met by every other sender
      if (preferred || !has_fault_at(member.host)) continue;
      find("backup-mx-failing", member.host,
           "senders use it only when the hosts of preference " + std::to_string(verdict_.mx.front().preference) +
               " are down");
    }
  }

  void judge_mode() {
    if (verdict_.record == RecordStatus::none && in_.expected_mode != StsMode::none && !no_such_domain()) {
      find("mta-sts-missing", "_mta-sts." + verdict_.domain, "no MTA-STS record: senders do not ask for a policy");
    }
    const bool served = verdict_.policy_valid.value_or(false);
    if (served && verdict_.record == RecordStatus::none) {
      find("policy-without-record", host_, "a policy is served, but without a record no sender fetches it");
    }
    if (policy_applies() && !verdict_.in_force->live) {
      find("policy-cached-only", host_, "senders apply the policy they fetched before; nobody can fetch it now");
    }
    if (served && verdict_.policy->mode == StsMode::testing) {
      find("testing", host_, "mode testing: faults are reported, mail is delivered all the same");
      judge_testing_time();
    }
    const StsMode mode = verdict_.in_force ? verdict_.in_force->policy.mode : StsMode::none;
    if (in_.expected_mode && mode != *in_.expected_mode) {
      find("mode-unexpected", host_,
           "mode " + std::string(to_string(mode)) + " is in force, expected is " +
               std::string(to_string(*in_.expected_mode)));
    }
  }

  /// Id and policy change together, the policy first (RFC 8461 sections 3.1 and 8.1).
  void judge_drift() {
    if (verdict_.record != RecordStatus::valid || !verdict_.policy) return;
    const auto& policy = in_.memory.policy_changed_alone;
    const auto& id = in_.memory.id_changed_alone;
    if (policy && id && *policy - *id <= kSameChange) {
      find("id-before-policy", host_,
           "the id " + in_.memory.policy_id + " came on " + date_text(*id) + ", its policy only on " +
               date_text(*policy));
    } else if (policy) {
      find("policy-changed-without-id", host_,
           "the policy changed on " + date_text(*policy) + " under the id " + in_.memory.policy_id);
    } else if (id && now_ - *id <= kIdChangeShown) {
      find("id-changed-without-policy", host_, "the id changed on " + date_text(*id) + ", the policy did not");
    }
  }

  /// Counts from when we first saw the mode: a policy may be older than our memory of it.
  void judge_testing_time() {
    if (!in_.memory.testing_since) return;
    if (now_ - *in_.memory.testing_since <= options_.testing_longer_than) return;
    find("testing-for-long", host_,
         "in mode testing since " + date_text(*in_.memory.testing_since) +
             " at least, longer than findings.testing_longer_than");
  }

  void judge_state() {
    judge_success();
    const auto failed = [this](DnsQuery query) {
      return verdict_.dns_success[static_cast<std::size_t>(query)] == false;
    };
    const bool hosts_unknown = failed(DnsQuery::mx_host) || failed(DnsQuery::tlsa);  // senders wait for either
    const bool failing =
        own_half_failing(verdict_) || !verdict_.faults.empty() || hosts_unknown || verdict_.deliverable == false;
    verdict_.state = failing ? DomainState::failing : DomainState::ok;
    for (const MxMembership& member : verdict_.mx) {
      const MxVerdict* host = host_verdict(member.host);
      if (host != nullptr && host->known) continue;
      verdict_.state = DomainState::unknown;
      verdict_.unknown_reason = "the MX host " + member.host + " could not be probed from here";
      if (host != nullptr && !host->unknown_reason.empty()) verdict_.unknown_reason += ": " + host->unknown_reason;
    }
  }

  /// False when something is known to be bad, true when everything is known to be good, else undecided.
  void judge_success() {
    const bool coverage_good = !verdict_.coverage || *verdict_.coverage == 1.0;
    std::optional<bool> record_good;
    if (verdict_.record) record_good = verdict_.record == RecordStatus::valid;
    std::optional<bool> mx_set_good;
    if (verdict_.mx_hosts) mx_set_good = !verdict_.mx.empty() || verdict_.null_mx;
    verdict_.success = coverage_good && !has_policy_faults();
    for (const auto& part : {record_good, verdict_.fetch_success, verdict_.policy_valid, mx_set_good}) need(part);
    for (const MxMembership& member : verdict_.mx) {
      const MxVerdict* host = host_verdict(member.host);
      need(host_good(host));
      if (host != nullptr && host->dane && host->dane->state == DaneState::usable) need(member.dane_verified);
    }
    if (has_dane_faults()) verdict_.success = false;
  }

  /// Success needs this part, too; nullopt where it is not known.
  void need(const std::optional<bool>& part) {
    if (part == false) verdict_.success = false;
    if (!part && verdict_.success == true) verdict_.success.reset();
  }

  static std::optional<bool> host_good(const MxVerdict* host) {
    const bool observed = host != nullptr && host->secure_delivery.has_value();
    return observed ? std::optional(all_families_verified(*host)) : std::nullopt;
  }

  /// Also true where only one of several addresses is at fault.
  [[nodiscard]] bool has_policy_faults() const {
    return std::any_of(verdict_.faults.begin(), verdict_.faults.end(), is_policy_fault);
  }

  [[nodiscard]] bool has_dane_faults() const {
    return std::any_of(verdict_.faults.begin(), verdict_.faults.end(), is_dane_fault);
  }

  static bool all_families_verified(const MxVerdict& host) {
    if (host.secure_delivery == false) return false;
    for (const auto* family : {&host.ipv4, &host.ipv6}) {
      const bool bad = *family && (*family)->reachable && (*family)->verified == false;
      if (bad) return false;
    }
    return true;
  }

  void fault(ResultType type, std::string_view reason, std::string message) {
    fault_at(host_, type, reason, std::move(message));
  }
  void fault_at(const std::string& host, ResultType type, std::string_view reason, std::string message) {
    add(verdict_.faults, {.type = type, .host = host, .reason = std::string(reason), .message = std::move(message)});
  }
  void find(std::string_view code, std::string host, std::string message, std::string_view reason = "") {
    find({std::string(code), std::move(host), std::move(message), std::string(reason)});
  }
  void find(Finding finding) {
    const auto& all = verdict_.findings;
    if (std::find(all.begin(), all.end(), finding) == all.end()) verdict_.findings.push_back(std::move(finding));
  }

  const DomainInputs& in_;
  const ClassifyOptions& options_;
  UnixTime now_;
  std::string host_;
  DomainVerdict verdict_;
};

/// As many as are remembered.
std::vector<std::string> sorted_hosts(const DomainObservation& seen) {
  std::vector<std::string> hosts;
  for (const MxRecord& record : mx_hosts_of(seen)) hosts.push_back(record.host);
  std::sort(hosts.begin(), hosts.end());
  if (hosts.size() > kMostMxRemembered) hosts.resize(kMostMxRemembered);
  return hosts;
}

void remember_mx_set(DomainMemory& memory, const DomainObservation& seen) {
  if (lookup_failed(seen.mx.lookup)) return;
  std::vector<std::string> hosts = sorted_hosts(seen);
  if (memory.mx_set_known && hosts != memory.mx_set) memory.mx_set_last_change = seen.ended;
  memory.mx_set = std::move(hosts);
  memory.mx_set_known = true;
}

/// Whether id and policy change together, as they should (RFC 8461 section 3.1). Input: the memory before the change.
void remember_drift(DomainMemory& memory, const std::string& id, const StsPolicy& policy, bool same_body,
                    UnixTime now) {
  if (!memory.policy) {
    memory.id_policy = policy;
  } else if (id != memory.policy_id) {
    const bool announces = memory.policy_changed_alone.has_value();  // the policy came first, as it should
    memory.id_policy = policy;
    memory.id_changed_alone = same_body && !announces ? std::optional(now) : std::nullopt;
  } else if (!memory.id_policy) {
    memory.id_policy = memory.policy;  // of a memory from before this was noted
  }
  if (same_policy(policy, memory.id_policy ? *memory.id_policy : *memory.policy)) {
    memory.policy_changed_alone.reset();
  } else if (!memory.policy_changed_alone) {
    memory.policy_changed_alone = now;
  }
}

void remember_policy(DomainMemory& memory, const DomainObservation& seen) {
  if (!seen.policy || lookup_failed(seen.sts.lookup)) return;
  const StsRecordSet records = parse_sts_records(seen.sts.records);
  const PolicyFetchAttempt* success = successful_attempt(*seen.policy);
  if (records.status != RecordStatus::valid || success == nullptr) return;
  const PolicyLint lint = parse_sts_policy(success->body);
  if (!lint.policy) return;
  const std::string id = records.id.value_or("");
  const bool changed = memory.policy && (id != memory.policy_id || success->body_sha256 != memory.body_sha256);
  if (changed) memory.policy_last_change = seen.ended;
  remember_drift(memory, id, *lint.policy, success->body_sha256 == memory.body_sha256, seen.ended);
  if (lint.policy->mode != StsMode::testing) {
    memory.testing_since.reset();
  } else if (!memory.testing_since) {
    memory.testing_since = seen.ended;
  }
  memory.policy = lint.policy;
  memory.policy_id = id;
  memory.body_sha256 = success->body_sha256;
  memory.policy_seen = seen.ended;
  if (lint.policy->mode == StsMode::enforce) {
    const UnixTime until = seen.ended + lint.policy->max_age;
    memory.enforced_until = std::max(memory.enforced_until.value_or(until), until);
  }
}

}  // namespace

std::vector<MxRecord> mx_hosts_of(const DomainObservation& seen) {
  const bool no_such_domain = seen.mx.lookup.status == DnsStatus::nxdomain;
  if (no_such_domain || lookup_failed(seen.mx.lookup) || is_null_mx(seen.mx.records)) return {};
  if (seen.mx.records.empty()) {
    MxRecord implicit;
    implicit.host = seen.domain;
    return {implicit};
  }
  std::vector<MxRecord> hosts = seen.mx.records;
  std::erase_if(hosts, [](const MxRecord& record) { return record.host.empty(); });
  std::sort(hosts.begin(), hosts.end(), [](const MxRecord& a, const MxRecord& b) {
    return a.preference != b.preference ? a.preference < b.preference : a.host < b.host;
  });
  std::set<std::string> known;
  std::erase_if(hosts, [&known](const MxRecord& record) { return !known.insert(record.host).second; });
  return hosts;
}

DomainMemory remember(DomainMemory memory, const DomainObservation& seen) {
  if (seen.spoiled) return memory;
  remember_mx_set(memory, seen);
  remember_policy(memory, seen);
  return memory;
}

bool own_half_failing(const DomainVerdict& verdict) {
  const bool faulty = std::any_of(verdict.faults.begin(), verdict.faults.end(), [](const Fault& fault) {
    return is_policy_fault(fault) || fault.reason == kNotCoveredReason;
  });
  const bool record_broken = verdict.record == RecordStatus::invalid || verdict.record == RecordStatus::multiple;
  const auto lookup_failed = [&verdict](DnsQuery query) {
    return verdict.dns_success[static_cast<std::size_t>(query)] == false;
  };
  const StsMode mode = verdict.in_force ? verdict.in_force->policy.mode : StsMode::none;
  const bool unexpected = verdict.expected_mode && verdict.expected_mode != mode;
  const bool lost = mode != StsMode::none && verdict.record == RecordStatus::none;
  const bool nonexistent = std::any_of(verdict.findings.begin(), verdict.findings.end(),
                                       [](const Finding& finding) { return finding.code == kNoSuchDomain; });
  return faulty || record_broken || unexpected || lost || nonexistent || lookup_failed(DnsQuery::mta_sts) ||
         lookup_failed(DnsQuery::mx);
}

DomainVerdict classify_domain(const DomainInputs& in, const ClassifyOptions& options, UnixTime now) {
  if (!in.seen.spoiled) return DomainJudge(in, options, now).judge();
  DomainVerdict kept = in.previous != nullptr ? *in.previous : DomainVerdict{.domain = in.seen.domain};
  kept.state = DomainState::unknown;
  kept.unknown_reason = *in.seen.spoiled;
  const bool expired = kept.in_force && now >= kept.in_force->until;  // time passes without a probe, too
  if (expired) kept.in_force.reset();
  return kept;
}

}  // namespace mtasts
