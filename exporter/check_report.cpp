// SPDX-License-Identifier: Apache-2.0
#include "exporter/check_report.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>

#include "exporter/check_providers.h"
#include "exporter/dane_words.h"
#include "exporter/explanation.h"
#include "exporter/fault_history_report.h"
#include "exporter/paragraph.h"
#include "probes/core/classify_report_target.h"
#include "probes/core/date_text.h"
#include "probes/core/octets.h"
#include "probes/core/tlsrpt_record.h"

namespace mtasts {
namespace {

std::string age_text(std::chrono::seconds age) {
  const auto days = std::chrono::floor<std::chrono::days>(age).count();
  return days > 0 && age % std::chrono::days{1} == std::chrono::seconds{}
             ? std::to_string(days) + (days == 1 ? " day" : " days")
             : std::to_string(age.count()) + " s";
}

std::string days_text(UnixTime not_after, UnixTime now) {
  const long long days = days_left(not_after, now);
  if (not_after >= now) return std::to_string(days) + (days == 1 ? " day left" : " days left");
  if (days == 0) return "expired less than a day ago";
  return "expired " + std::to_string(-days) + (days == -1 ? " day ago" : " days ago");
}

std::string yes_no(const std::optional<bool>& value) { return value ? (*value ? "yes" : "NO") : "-"; }

class TextReport {
 public:
  TextReport(const CheckResult& result, const CheckReportOptions& options)
      : result_{result},
        verdict_{result.verdict},
        options_{options},
        commands_{result, options.places, options.find},
        providers_{result} {}

  std::string render() {
    headline();
    fundamentals();
    mx_table();
    faults();
    findings();
    if (result_.history) text_ += render_fault_history_text(*result_.history, options_.now);
    return std::move(text_);
  }

 private:
  enum class Color { red = 31, green = 32, yellow = 33 };

  std::string colored(std::string text, Color color) const {
    if (!options_.color) return text;
    return "\x1b[1;" + std::to_string(static_cast<int>(color)) + "m" + text + "\x1b[0m";
  }
  std::string colored(Severity severity) const {
    const bool loud = severity == Severity::high || severity == Severity::critical;
    if (severity == Severity::info) return std::string(to_string(severity));
    return colored(std::string(to_string(severity)), loud ? Color::red : Color::yellow);
  }

  void line(const std::string& text = "") { text_ += text + "\n"; }

  void paragraph(const std::string& label, std::string_view words) { text_ += render_paragraph(label, words); }

  void headline() {
    const CheckStatus status = check_status(result_, options_.find);
    const Color color = status == CheckStatus::ok         ? Color::green
                        : status == CheckStatus::critical ? Color::red
                                                          : Color::yellow;
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, " (%.1f s)", result_.seconds);
    line(escape_unprintable(verdict_.domain) + ": " + colored(std::string(to_string(status)), color) + ", " +
         situation() + seconds);
    if (!verdict_.unknown_reason.empty()) paragraph("  Not judged: ", escape_unprintable(verdict_.unknown_reason));
  }

  std::string situation() const {
    if (is_nonexistent(result_)) return "the domain does not exist (NXDOMAIN)";
    return "state " + std::string(to_string(verdict_.state)) + mode_text() + deliverable_text();
  }

  std::string mode_text() const {
    if (const auto mode = mode_in_force(verdict_)) return ", mode " + std::string(to_string(*mode));
    if (!verdict_.record) return ", policy in force not known";
    return has_mta_sts(verdict_) ? ", no usable policy" : ", no MTA-STS";
  }

  bool enforces() const { return mode_in_force(verdict_) == StsMode::enforce; }

  std::string deliverable_text() const {
    if (verdict_.null_mx) return ", takes no mail (null MX)";
    if (verdict_.mx.empty()) return ", MX hosts not known";
    if (!verdict_.deliverable) return ", MX hosts not judged";
    const auto count = std::count_if(verdict_.mx.begin(), verdict_.mx.end(),
                                     [](const MxMembership& mx) { return mx.deliverable == true; });
    return ", " + std::to_string(count) + " of " + std::to_string(verdict_.mx.size()) +
           (enforces() ? " MX deliverable" : " MX would pass under enforce");
  }

  void fundamentals() {
    line();
    paragraph("  Record       ", record_text());
    if (verdict_.record != RecordStatus::valid) see(commands_.record(), "               ");
    paragraph("  Policy       ", policy_text());
    if (verdict_.in_force && !verdict_.in_force->live)
      paragraph("               ", "senders may apply a cached policy, mode " +
                                       std::string(to_string(verdict_.in_force->policy.mode)) + ", until " +
                                       date_text(verdict_.in_force->until));
    if (senders_are_on_their_own())
      paragraph("               ",
                "new senders deliver as if there were no MTA-STS; senders that still hold a policy go "
                "on applying it");
    paragraph("  Certificate  ", certificate_text());
    paragraph("  Reports      ", reports_text());
    if (const std::string hosts = providers_.names(); !hosts.empty()) paragraph("  Hosted by    ", hosts);
  }

  std::string not_known() const {
    return verdict_.unknown_reason.empty() ? "not known: the DNS gave no answer" : "not judged";
  }

  std::string record_text() const {
    if (!verdict_.record) return not_known();
    const std::string id = verdict_.record_id.empty() ? "" : ", id " + escape_unprintable(verdict_.record_id);
    return std::string(to_string(*verdict_.record)) + id + ", at _mta-sts." + escape_unprintable(verdict_.domain);
  }

  std::string policy_text() const {
    if (!verdict_.fetch_success) return "not fetched";
    if (!*verdict_.fetch_success) return no_policy_text(verdict_);
    if (!verdict_.policy) return "fetched, but NOT VALID";
    std::string text = "mode " + std::string(to_string(verdict_.policy->mode)) + ", max_age " +
                       age_text(verdict_.policy->max_age) + (verdict_.policy->mx.empty() ? "" : ", mx");
    for (const std::string& pattern : verdict_.policy->mx) text += " " + escape_unprintable(pattern);
    return text;
  }

  /// No sender that comes anew can have a policy, and we have seen none that others hold.
  bool senders_are_on_their_own() const {
    return has_mta_sts(verdict_) && verdict_.record == RecordStatus::valid && !verdict_.in_force &&
           !verdict_.faults.empty();
  }

  std::string certificate_text() const {
    const std::string host = "mta-sts." + escape_unprintable(verdict_.domain);
    if (!verdict_.policy_not_after) return has_mta_sts(verdict_) ? "none seen at " + host : "none";
    return escape_unprintable(certificate_validity(result_, "NOT VALID")) + ", " +
           days_text(*verdict_.policy_not_after, options_.now) + " (" + date_text(*verdict_.policy_not_after) +
           "), at " + host + issuer_text();
  }

  std::string issuer_text() const {
    if (!result_.seen.policy) return "";
    const Certificate* shown = nullptr;  // a bad one rather than a good one
    for (const PolicyFetchAttempt& attempt : result_.seen.policy->attempts) {
      if (!attempt.tls || attempt.tls->chain.empty()) continue;
      if (shown == nullptr || !attempt.tls->problems.empty()) shown = &attempt.tls->chain.front();
    }
    return shown == nullptr ? "" : ", issued by " + escape_unprintable(shown->issuer);
  }

  std::string reports_text() const {
    if (!verdict_.tlsrpt) return not_known();
    std::string text(to_string(*verdict_.tlsrpt));
    for (const ReportPlace& place : report_places(result_.seen))
      text += ", to " + escape_unprintable(place.uri) + " (" + std::string(place_text(place)) + ")";
    return text + ", at _smtp._tls." + escape_unprintable(verdict_.domain);
  }

  static std::string_view place_text(const ReportPlace& place) {
    if (!place.target) return "not looked at";
    if (!place.verdict.takes_reports) return "not known";
    if (place.target->kind == ReportTargetKind::mailbox)
      return *place.verdict.takes_reports ? "takes mail" : "takes NO mail";
    return *place.verdict.takes_reports ? "answers" : "takes NO reports";
  }

  void mx_table() {
    if (verdict_.mx.empty()) return;
    std::size_t width = 4;
    for (const MxMembership& mx : verdict_.mx) width = std::max(width, escape_unprintable(mx.host).size());
    line();
    line("   Pref  " + padded("Host", width) + "  IP    Reachable  STARTTLS  Verified  TLS      Days  Covered  " +
         (enforces() ? "Deliverable" : "Would pass"));
    for (const MxMembership& mx : verdict_.mx) mx_rows(mx, width);
  }

  static std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) text.resize(width, ' ');
    return text;
  }
  static std::string aligned_right(const std::string& text, std::size_t width) {
    return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
  }

  void mx_rows(const MxMembership& mx, std::size_t width) {
    const std::string start =
        aligned_right(std::to_string(mx.preference), 7) + "  " + padded(escape_unprintable(mx.host), width) + "  ";
    const std::string end = "  " + padded(yes_no(mx.covered), 7) + "  " + yes_no(mx.deliverable);
    const MxVerdict* host = find_host(result_, mx.host);
    if (host == nullptr || (!host->ipv4 && !host->ipv6)) {
      line(start + padded(no_family_text(host), 48) + end);
      return;
    }
    const std::string blank(start.size(), ' ');
    if (host->ipv4) line(start + family_columns("ipv4", *host->ipv4) + end);
    if (host->ipv6)
      line(host->ipv4 ? blank + family_columns("ipv6", *host->ipv6)
                      : start + family_columns("ipv6", *host->ipv6) + end);
    paragraph(blank + "at ", addresses_text(mx.host));
    if (const std::string dane = dane_text(result_, mx); !dane.empty()) paragraph(blank + "DANE: ", dane);
    const std::string publish = blank + "to publish for the key it shows: ";
    for (std::string& record : tlsa_lines(result_, mx, options_.places.smtp_port))
      line(record.insert(0, publish));  // never wrapped: it is to be pasted
  }

  static std::string no_family_text(const MxVerdict* host) {
    if (host == nullptr) return "not probed";
    if (!host->known) return "not judged";
    return host->lookup_success == false ? "lookup failed" : "no address";
  }

  /// Each address probed, with what went wrong there before TLS or in it.
  std::string addresses_text(const std::string& host) const {
    std::string text;
    for (const MxHostObservation& seen : result_.host_observations) {
      if (seen.host != host) continue;
      for (const SmtpObservation& session : seen.sessions) {
        text += (text.empty() ? "" : ", ") + to_string(session.address);
        if (session.failure) text += " (" + escape_unprintable(session.failure->text) + ")";
        if (session.greeting_code && *session.greeting_code != 220)
          text += " (greets with " + std::to_string(*session.greeting_code) + ")";
      }
    }
    return text;
  }

  std::string family_columns(const std::string& name, const MxFamilyVerdict& family) const {
    const std::string version = family.tls_version.empty() ? "-" : escape_unprintable(family.tls_version);
    const std::string days = family.not_after ? std::to_string(days_left(*family.not_after, options_.now)) : "-";
    return name + "  " + padded(yes_no(family.reachable), 9) + "  " + padded(yes_no(family.starttls), 8) + "  " +
           padded(yes_no(family.verified), 8) + "  " + padded(version, 7) + "  " + aligned_right(days, 4);
  }

  void see(const std::string& command, const std::string& indent) {
    if (command.empty()) return;
    const bool shown = !said_.insert(command).second;
    line(indent + "See it:  " + (shown ? "with the command above" : command));  // never wrapped: it is to be pasted
  }

  /// What several hosts have in common is said once.
  void advise_at(const std::optional<ProviderAdvice>& advice) {
    if (!advice || !said_.insert(advice->text).second) return;
    paragraph("     ", "At " + std::string{advice->provider->name} + ": " + escape_unprintable(advice->text));
  }

  void faults() {
    if (verdict_.faults.empty()) return;
    line();
    line("  What is wrong");
    int number = 0;
    for (const Fault& fault : verdict_.faults) {
      const std::string type{to_string(fault.type)};
      line("  " + std::to_string(++number) + ". " + type + " [" + colored(severity_of(fault, verdict_, options_.find)) +
           "] " + escape_unprintable(fault.host) +
           (fault.reason.empty() ? "" : ": " + escape_unprintable(fault.reason)));
      if (!fault.message.empty()) paragraph("     ", escape_unprintable(fault.message));
      text_ += render_explanation("     ", explain(fault, options_.find), fault.message);
      advise_at(providers_.advice(fault));
      see(commands_.of(fault), "     ");
    }
  }

  void findings() {
    if (verdict_.findings.empty()) return;
    line();
    line("  Findings");
    for (const Finding& finding : verdict_.findings) {
      line("  -  " + escape_unprintable(finding.code) + " [" + colored(severity_of(finding, verdict_, options_.find)) +
           "]" + (finding.host.empty() ? "" : " " + escape_unprintable(finding.host)));
      if (!finding.message.empty()) paragraph("     ", escape_unprintable(finding.message));
      text_ += render_explanation("     ", explain(finding, options_.find), finding.message);
      advise_at(providers_.advice(finding));
      see(commands_.of(finding), "     ");
    }
  }

  const CheckResult& result_;
  const DomainVerdict& verdict_;
  const CheckReportOptions& options_;
  CheckCommands commands_;
  CheckProviders providers_;
  std::set<std::string> said_{};  // advice and commands
  std::string text_{};
};

}  // namespace

namespace {

/// Where some of the addresses show a good certificate.
std::string share_text(const std::optional<PolicyObservation>& policy) {
  std::size_t shown = 0;
  std::size_t bad = 0;
  if (!policy) return "";
  for (const PolicyFetchAttempt& attempt : policy->attempts) {
    if (!attempt.tls) continue;
    ++shown;
    bad += attempt.tls->problems.empty() ? 0 : 1;
  }
  return bad == shown ? "" : " at " + std::to_string(bad) + " of " + std::to_string(shown) + " addresses";
}

}  // namespace

std::string certificate_validity(const CheckResult& result, std::string_view bad) {
  std::string reasons;
  for (const Fault& fault : result.verdict.faults)
    if (fault.type == ResultType::sts_webpki_invalid) reasons += (reasons.empty() ? "" : ", ") + fault.reason;
  return reasons.empty() ? "valid" : std::string(bad) + " (" + reasons + ")" + share_text(result.seen.policy);
}

std::string no_policy_text(const DomainVerdict& verdict) {
  if (!has_mta_sts(verdict)) return "none";
  const int status = verdict.http_status.value_or(0);
  if (status == 0) return "could not be fetched";
  if (status != 200) return "could not be fetched (HTTP status " + std::to_string(status) + ")";
  const bool distrusted = has_fault(verdict, ResultType::sts_webpki_invalid);
  return distrusted ? "served, but not with a valid certificate" : "served, but not as senders accept it";
}

long long days_left(UnixTime not_after, UnixTime now) {
  return std::chrono::duration_cast<std::chrono::days>(not_after - now).count();
}

const MxVerdict* find_host(const CheckResult& result, std::string_view host) {
  const auto found = std::find_if(result.hosts.begin(), result.hosts.end(),
                                  [&](const MxVerdict& verdict) { return verdict.host == host; });
  return found == result.hosts.end() ? nullptr : &*found;
}

std::string render_check_text(std::span<const CheckResult> results, const CheckReportOptions& options) {
  std::string text;
  for (const CheckResult& result : results) text += (text.empty() ? "" : "\n") + TextReport{result, options}.render();
  return text;
}

}  // namespace mtasts
