// SPDX-License-Identifier: Apache-2.0
#include "exporter/web_pages.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

#include "exporter/check_status.h"
#include "probes/core/catalogue.h"

namespace mtasts {
namespace {

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2127;--dim:#68727d;--line:#dfe3e8;--ok:#1a7f37;--bad:#cf222e;--warn:#9a6700;--link:#0b5cad}
@media(prefers-color-scheme:dark){:root{--bg:#14181d;--fg:#e3e7eb;--dim:#97a1ab;--line:#2c333b;--ok:#4ac26b;--bad:#ff7b72;--warn:#d4a72c;--link:#6cb2ff}}
body{margin:2rem auto;max-width:70rem;padding:0 1rem;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--dim);font-weight:500;font-size:.85rem}.ok{color:var(--ok)}.failing,.critical,.high{color:var(--bad)}.unknown,.warning{color:var(--warn)}
.pending,.info,.dim{color:var(--dim)}code{font:.9em ui-monospace,monospace}footer{margin:3rem 0 1rem;color:var(--dim);font-size:.85rem}
)";

// More are no help to a person, and would be tens of megabytes for a large fleet.
constexpr std::size_t kMostRows = 1000;

std::string link(const PageContext& context, std::string_view path, std::string_view label) {
  return "<a href=\"" + escape_html(context.prefix + std::string{path}) + "\">" + escape_html(label) + "</a>";
}

std::string cell(std::string_view html) { return "<td>" + std::string{html} + "</td>"; }
std::string text_cell(std::string_view text) { return cell(escape_html(text)); }

std::string coloured(std::string_view css_class, std::string_view text) {
  return "<span class=\"" + std::string{css_class} + "\">" + escape_html(text) + "</span>";
}

std::string yes_no(const std::optional<bool>& value) {
  if (!value) return coloured("dim", "not known");
  return *value ? coloured("ok", "yes") : coloured("failing", "no");
}

std::string days_left(const std::optional<UnixTime>& not_after, UnixTime now) {
  if (!not_after) return coloured("dim", "–");
  const auto days = std::chrono::floor<std::chrono::days>(*not_after - now).count();
  const std::string_view colour = days < 7 ? "failing" : days < 21 ? "warning" : "";
  return coloured(colour, std::to_string(days) + " d");
}

std::string percent(const std::optional<double>& ratio) {
  return ratio ? std::to_string(std::lround(*ratio * 100)) + " %" : "–";
}

std::string utc(const UnixTime& time) {
  if (time == UnixTime{}) return "never";
  const std::time_t seconds = time.time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> out{};
  return {out.data(), std::strftime(out.data(), out.size(), "%F %T UTC", &parts)};
}

std::string page(std::string_view title, const PageContext& context, std::string_view body) {
  std::string out = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>";
  out.append(escape_html(title)).append("</title><meta name=\"viewport\" content=\"width=device-width\"><style>");
  out.append(kStyle).append("</style></head><body>\n").append(body).append("\n<footer>mtasts_exporter ");
  out.append(escape_html(context.version)).append(" · ").append(link(context, "/metrics", "metrics")).append(" · ");
  out.append(link(context, "/api/v1/domains", "JSON")).append(" · ").append(link(context, "/sd", "service discovery"));
  return out.append("</footer></body></html>\n");
}

DomainState state_of(const DomainEntry& entry) { return entry.verdict ? entry.verdict->state : DomainState::pending; }

/// Where mail is refused first, then failing, unknown, pending and ok; by name within.
int urgency(const DomainEntry& entry) {
  if (entry.verdict && refuses_mail(*entry.verdict)) return 0;
  switch (state_of(entry)) {
    case DomainState::failing:
      return 1;
    case DomainState::unknown:
      return 2;
    case DomainState::pending:
      return 3;
    case DomainState::ok:
      return 4;
  }
  return 5;
}

std::string mode_text(const DomainVerdict& verdict) {
  return verdict.in_force ? std::string{to_string(verdict.in_force->policy.mode)} : "–";
}

/// The earliest certificate end among a domain's MX hosts.
std::optional<UnixTime> mx_not_after(const Snapshot& snapshot, const DomainVerdict& verdict) {
  std::optional<UnixTime> earliest;
  const auto take = [&](const std::optional<MxFamilyVerdict>& family) {
    if (family && family->not_after && (!earliest || *family->not_after < *earliest)) earliest = family->not_after;
  };
  for (const MxMembership& mx : verdict.mx) {
    const MxEntry* entry = snapshot.find_mx(mx.host);
    if (!entry || !entry->verdict) continue;
    take(entry->verdict->ipv4);
    take(entry->verdict->ipv6);
  }
  return earliest;
}

/// Each result type of a domain once, in order; without one the findings that are worth acting on.
std::string failure_words(const DomainVerdict& verdict) {
  std::vector<std::string_view> words;
  for (const Fault& fault : verdict.faults) words.push_back(to_string(fault.type));
  for (const Finding& finding : verdict.findings) {
    if (verdict.faults.empty() && severity_of(finding, find_code) != Severity::info) words.push_back(finding.code);
  }
  std::ranges::sort(words);
  words.erase(std::unique(words.begin(), words.end()), words.end());
  std::string out;
  for (const std::string_view word : words) out.append(out.empty() ? "" : ", ").append(word);
  return out;
}

std::string fleet_row(const Snapshot& snapshot, const DomainEntry& entry, const PageContext& context) {
  const std::string_view state = to_string(state_of(entry));
  std::string row = "<tr>" + cell(link(context, "/domains/" + entry.name, entry.name)) + cell(coloured(state, state));
  if (!entry.verdict) return row + "<td colspan=\"6\"></td></tr>\n";
  const DomainVerdict& verdict = *entry.verdict;
  return row + cell(refuses_mail(verdict) ? coloured("critical", "refused") : "") + text_cell(mode_text(verdict)) +
         text_cell(percent(verdict.coverage)) + text_cell(failure_words(verdict)) +
         cell(days_left(verdict.policy_not_after, context.now)) +
         cell(days_left(mx_not_after(snapshot, verdict), context.now)) + "</tr>\n";
}

std::string fleet_summary(const std::vector<const DomainEntry*>& entries) {
  const auto count = [&entries](auto matches) { return std::to_string(std::ranges::count_if(entries, matches)); };
  const auto in_state = [&count](DomainState state) {
    return count([state](const DomainEntry* entry) { return state_of(*entry) == state; }) + " " +
           std::string(to_string(state));
  };
  const auto refused = [](const DomainEntry* entry) { return entry->verdict && refuses_mail(*entry->verdict); };
  return std::to_string(entries.size()) + " domains: mail is refused at " + count(refused) + "; " +
         in_state(DomainState::failing) + ", " + in_state(DomainState::unknown) + ", " +
         in_state(DomainState::pending) + ", " + in_state(DomainState::ok);
}

std::string duration_text(std::chrono::seconds duration) {
  const auto days = std::chrono::duration_cast<std::chrono::days>(duration);
  if (days.count() > 0 && days == duration) return std::to_string(days.count()) + " d";
  return std::to_string(duration.count()) + " s";
}

std::string row(std::string_view name, std::string_view html) {
  return "<tr><th>" + escape_html(name) + "</th>" + cell(html) + "</tr>\n";
}

std::string facts(const DomainVerdict& verdict, const PageContext& context) {
  std::string out = "<h2>Record, policy, certificate</h2><table>";
  out += row("_mta-sts record", verdict.record
                                    ? escape_html(to_string(*verdict.record)) + " " + coloured("dim", verdict.record_id)
                                    : coloured("dim", "not known"));
  out +=
      row("_smtp._tls record", verdict.tlsrpt ? escape_html(to_string(*verdict.tlsrpt)) : coloured("dim", "not known"));
  out += row("Policy fetched", yes_no(verdict.fetch_success));
  out += row("Policy valid", yes_no(verdict.policy_valid));
  if (verdict.policy) {
    out += row("Policy mode", escape_html(to_string(verdict.policy->mode)));
    out += row("max_age", duration_text(verdict.policy->max_age));
  }
  out += row("In force", escape_html(mode_text(verdict)));
  out += row("Policy certificate", days_left(verdict.policy_not_after, context.now));
  out += row("Mail can be delivered", yes_no(verdict.deliverable));
  return out + row("Last probe", escape_html(utc(verdict.probed))) + "</table>";
}

std::string fault_table(const DomainVerdict& verdict) {
  if (verdict.faults.empty()) return {};
  std::string out = "<h2>Failures</h2><table><tr><th>Result type</th><th>Host</th><th>Reason</th><th></th></tr>";
  for (const Fault& fault : verdict.faults) {
    out += "<tr>" + cell(coloured("failing", to_string(fault.type))) + text_cell(fault.host) + text_cell(fault.reason) +
           text_cell(fault.message) + "</tr>\n";
  }
  return out + "</table>";
}

std::string finding_table(const DomainVerdict& verdict) {
  if (verdict.findings.empty()) return {};
  std::string out = "<h2>Findings</h2><table><tr><th>Finding</th><th>Host</th><th></th><th>What to do</th></tr>";
  for (const Finding& finding : verdict.findings) {
    const CatalogueEntry* entry = find_code(CodeKind::finding, finding.code);
    const std::string_view severity = to_string(entry ? entry->severity : Severity::info);
    out += "<tr>" + cell(coloured(severity, finding.code)) + text_cell(finding.host) + text_cell(finding.message) +
           text_cell(entry ? entry->remedy : "") + "</tr>\n";
  }
  return out + "</table>";
}

std::string family_words(const std::optional<MxFamilyVerdict>& family, const MxVerdict& host, UnixTime now) {
  if (!family) return coloured("dim", host.lookup_success == false ? "lookup failed" : "no address");
  if (!family->reachable) return coloured("failing", "unreachable: " + family->unreachable_reason);
  if (family->starttls == false) return coloured("failing", "no STARTTLS");
  const std::string trust = family->verified
                                ? (*family->verified ? coloured("ok", "verified") : coloured("failing", "not verified"))
                                : coloured("dim", "not known");
  return trust + " " + coloured("dim", family->tls_version) + " " + days_left(family->not_after, now);
}

std::string mx_table(const Snapshot& snapshot, const DomainVerdict& verdict, UnixTime now) {
  if (verdict.mx.empty()) return {};
  std::string out =
      "<h2>MX hosts</h2><table><tr><th></th><th>Host</th><th>Covered</th><th>Deliverable</th><th>IPv4</th>"
      "<th>IPv6</th></tr>";
  for (const MxMembership& mx : verdict.mx) {
    const MxEntry* entry = snapshot.find_mx(mx.host);
    out += "<tr>" + text_cell(std::to_string(mx.preference)) + text_cell(mx.host) + cell(yes_no(mx.covered)) +
           cell(yes_no(mx.deliverable));
    if (entry && entry->verdict) {
      const MxVerdict& host = *entry->verdict;
      out += cell(family_words(host.ipv4, host, now)) + cell(family_words(host.ipv6, host, now));
    }
    out += "</tr>\n";
  }
  return out + "</table>";
}

}  // namespace

std::string render_landing_page(const Snapshot& snapshot, const PageContext& context) {
  std::vector<const DomainEntry*> entries;
  for (const auto& entry : snapshot.domains) entries.push_back(entry.get());
  std::ranges::stable_sort(entries, {}, [](const DomainEntry* entry) { return urgency(*entry); });
  std::string body = "<h1>MTA-STS</h1><p>" + fleet_summary(entries) +
                     "</p><table><tr><th>Domain</th><th>State</th><th>Mail</th><th>In force</th><th>MX covered</th>"
                     "<th>What is wrong</th><th>Policy cert.</th><th>MX cert.</th></tr>\n";
  const std::size_t shown = std::min(entries.size(), kMostRows);
  for (std::size_t i = 0; i < shown; ++i) body += fleet_row(snapshot, *entries[i], context);
  body += "</table>";
  if (shown < entries.size()) {
    body += "<p>The " + std::to_string(shown) + " that need attention first; all are in the " +
            link(context, "/api/v1/domains", "JSON") + ".</p>";
  }
  return page("MTA-STS", context, body);
}

std::string render_domain_page(const Snapshot& snapshot, const DomainEntry& entry, const PageContext& context) {
  const std::string_view state = to_string(state_of(entry));
  std::string body = "<p>" + link(context, "/", "All domains") + "</p><h1>" + escape_html(entry.name) + " " +
                     coloured(state, state) + "</h1>";
  if (entry.verdict) {
    body += coloured("unknown", entry.verdict->unknown_reason) + fault_table(*entry.verdict) +
            facts(*entry.verdict, context) + mx_table(snapshot, *entry.verdict, context.now) +
            finding_table(*entry.verdict);
  }
  body += "<p>" + link(context, "/api/v1/domains/" + entry.name, "As JSON") + "</p>";
  return page(entry.name, context, body);
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? ' ' : c;
    }
  }
  return out;
}

}  // namespace mtasts
