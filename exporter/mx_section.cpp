// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "exporter/check_report.h"
#include "exporter/dane_words.h"
#include "exporter/domain_sections.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

/// The columns of one address or one family.
struct MxLine {
  std::string at{};  // address, or "IPv4"
  std::optional<bool> reachable{};
  std::optional<bool> starttls{};
  std::optional<bool> verified{};
  std::string version{};
  std::optional<UnixTime> not_after{};
  std::string trouble{};
};

std::string trouble_of(const SmtpObservation& session) {
  if (session.greeting_code && *session.greeting_code != 220)
    return "greets with " + std::to_string(*session.greeting_code);
  if (session.hello_code && *session.hello_code != 250)
    return "answers EHLO with " + std::to_string(*session.hello_code);
  return session.failure ? escape_unprintable(session.failure->text) : "";
}

MxLine line_of(const SmtpObservation& session) {
  MxLine line{.at = to_string(session.address), .trouble = trouble_of(session)};
  line.reachable = session.connected && session.greeting_code == 220;
  const bool refused = session.hello_code && *session.hello_code != 250;
  if (*line.reachable && !refused) line.starttls = session.starttls_offered && session.starttls_code == 220;
  const bool broken = session.failure && session.failure->stage == NetStage::handshake;
  if (broken) line.verified = false;
  if (session.tls) {
    line.verified = session.tls->problems.empty();
    line.version = session.tls->version;
    line.not_after = session.tls->not_after;
  }
  return line;
}

MxLine line_of(std::string_view family, const MxFamilyVerdict& verdict) {
  return {.at = std::string(family),
          .reachable = verdict.reachable,
          .starttls = verdict.starttls,
          .verified = verdict.verified,
          .version = verdict.tls_version,
          .not_after = verdict.not_after,
          .trouble = verdict.unreachable_reason};
}

std::vector<MxLine> lines_of(const CheckResult& result, const std::string& host) {
  std::vector<MxLine> lines;
  for (const MxHostObservation& seen : result.host_observations) {
    if (seen.host != host) continue;
    for (const SmtpObservation& session : seen.sessions) lines.push_back(line_of(session));
  }
  const MxVerdict* verdict = find_host(result, host);
  if (!lines.empty() || verdict == nullptr) return lines;
  if (verdict->ipv4) lines.push_back(line_of("IPv4", *verdict->ipv4));
  if (verdict->ipv6) lines.push_back(line_of("IPv6", *verdict->ipv6));
  return lines;
}

std::string_view without_lines(const MxVerdict* verdict) {
  if (verdict == nullptr) return "not probed";
  if (!verdict->known) return "not judged";
  return verdict->lookup_success == false ? "lookup failed" : "no address";
}

View line_view(const MxLine& line, UnixTime now) {
  View view;
  view.text("at", line.at).text("version", line.version).text("trouble", line.trouble);
  set_yes_no(view, "reachable", line.reachable);
  set_yes_no(view, "starttls", line.starttls);
  set_yes_no(view, "verified", line.verified);
  set_days_left(view, "days", line.not_after, now);
  return view;
}

void set_dane(View& view, const DomainPageInput& input, const MxMembership& mx) {
  view.text("dane", dane_text(input.result, mx));
  std::vector<View> records;
  for (const std::string& record : tlsa_lines(input.result, mx, input.places.smtp_port))
    records.push_back(View().text("record", record));
  view.list("publish", std::move(records));
}

View host_view(const DomainPageInput& input, const MxMembership& mx, UnixTime now) {
  const CheckResult& result = input.result;
  View view;
  set_dane(view, input, mx);
  const std::vector<MxLine> lines = lines_of(result, mx.host);
  view.text("preference", std::to_string(mx.preference)).text("host", escape_unprintable(mx.host));
  view.text("span", std::to_string(std::max<std::size_t>(1, lines.size())));
  set_yes_no(view, "covered", mx.covered);
  const bool unreadable = has_mta_sts(result.verdict) && !result.verdict.in_force;
  if (!mx.covered) view.text("no_policy", unreadable ? "not known" : "no policy asks");
  set_yes_no(view, "deliverable", mx.deliverable);
  std::vector<View> views;
  for (const MxLine& line : lines) views.push_back(line_view(line, now).flag("is_first", views.empty()));
  if (lines.empty()) view.text("nothing", without_lines(find_host(result, mx.host)));
  return view.list("lines", std::move(views));
}

}  // namespace

void set_mx_hosts(View& page, const DomainPageInput& input, UnixTime now) {
  const DomainVerdict& verdict = input.result.verdict;
  std::vector<View> hosts;
  for (const MxMembership& mx : verdict.mx) hosts.push_back(host_view(input, mx, now));
  page.flag("has_mx", !hosts.empty());
  page.list("hosts", std::move(hosts));
  page.text("no_mx", verdict.null_mx ? "The domain takes no mail (null MX)." : "Its MX hosts are not known.");
}

}  // namespace mtasts
