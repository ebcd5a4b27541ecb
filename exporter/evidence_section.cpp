// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "exporter/domain_sections.h"
#include "probes/core/octets.h"
#include "probes/core/sts_policy.h"

namespace mtasts {
namespace {

constexpr std::size_t kMostLines = 200;        // of a policy; a good one has ten
constexpr std::size_t kMostMarksBehind = 20;   // of what is wrong with the whole text, or behind the lines shown
constexpr std::size_t kMostLineOctets = 400;   // of one of its lines
constexpr std::size_t kMostPemOctets = 32768;  // of a chain, in the page itself
constexpr std::size_t kMostNames = 20;         // of one certificate

/// The attempt whose body counts, nullptr when none has one.
const PolicyFetchAttempt* served_attempt(const CheckResult& result) {
  if (!result.seen.policy) return nullptr;
  const auto& attempts = result.seen.policy->attempts;
  const auto served = std::ranges::find_if(
      attempts, [](const PolicyFetchAttempt& attempt) { return attempt.http_status == 200 && !attempt.body.empty(); });
  return served == attempts.end() ? nullptr : &*served;
}

std::vector<std::string_view> lines_of(std::string_view body) {
  std::vector<std::string_view> lines;
  while (!body.empty()) {
    const std::size_t end = std::min(body.find('\n'), body.size());
    const std::string_view line = body.substr(0, end);
    lines.push_back(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
    body.remove_prefix(std::min(end + 1, body.size()));
  }
  return lines;
}

struct LineMark {
  bool error{};
  std::string text{};
};
using LineMarks = std::map<std::size_t, LineMark>;

void mark(LineMarks& marks, const std::vector<ParseError>& problems, bool error) {
  for (const ParseError& problem : problems) {
    LineMark& at = marks[problem.line];
    at.error = at.error || error;
    at.text += (at.text.empty() ? "" : "; ") + std::string(error ? "error: " : "note: ") + problem.detail;
  }
}

View line_view(std::size_t number, std::string_view text, const LineMarks& marks) {
  View view;
  const bool cut = text.size() > kMostLineOctets;
  view.text("number", number == 0 ? "" : std::to_string(number));
  view.text("text", escape_unprintable(text.substr(0, kMostLineOctets)) + (cut ? " …" : ""));
  const auto found = marks.find(number);
  const bool marked = found != marks.end();
  view.text("mark", marked ? (found->second.error ? "mark error" : "mark warning") : "");
  set_prose(view, "note", marked ? found->second.text : "");
  return view;
}

std::vector<View> policy_lines(const std::string& body) {
  const PolicyLint lint = parse_sts_policy(body);
  LineMarks marks;
  mark(marks, lint.errors, true);
  mark(marks, lint.warnings, false);
  const std::vector<std::string_view> lines = lines_of(body);
  const std::size_t shown = std::min(lines.size(), kMostLines);
  std::vector<View> views;
  for (std::size_t i = 0; i < shown; ++i) views.push_back(line_view(i + 1, lines[i], marks));
  if (shown < lines.size()) views.push_back(line_view(0, counted(lines.size() - shown, "more line"), {}));
  for (const auto& [line, about] : marks) {
    if (line != 0 && line <= shown) continue;
    views.push_back(line_view(line, "", marks));
    if (views.size() >= shown + kMostMarksBehind) break;
  }
  return views;
}

std::string names_text(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMostNames); ++i)
    text += (text.empty() ? "" : ", ") + escape_unprintable(names[i]);
  return names.size() > kMostNames ? text + " and " + std::to_string(names.size() - kMostNames) + " more" : text;
}

View certificate_view(const Certificate& certificate, UnixTime now) {
  View view;
  view.text("subject", certificate.subject)
      .text("issuer", certificate.issuer)
      .text("names", names_text(certificate.dns_names));
  view.text("key", certificate.key_type + " " + std::to_string(certificate.key_bits));
  view.text("signature", certificate.signature).text("sha256", certificate.sha256).text("serial", certificate.serial);
  set_time(view, "not_before", certificate.not_before, now);
  set_time(view, "not_after", certificate.not_after, now);
  return view;
}

std::string problems_text(const std::vector<CertificateProblem>& problems) {
  std::string text;
  for (const CertificateProblem& problem : problems)
    text += (text.empty() ? "" : "; ") + escape_unprintable(problem.text);
  return text;
}

std::string pem_of(const std::vector<Certificate>& chain) {
  std::string pem;
  for (const Certificate& certificate : chain) pem += certificate.pem;
  return pem;
}

View chain_view(const DomainPageInput& input, const std::string& host, const IpAddress& address,
                const TlsObservation& tls, const PageContext& context) {
  View view;
  const std::string at = to_string(address);
  view.text("host", escape_unprintable(host))
      .text("address", at)
      .text("version", tls.version)
      .text("cipher", tls.cipher);
  view.text("number", counted(tls.chain.size(), "certificate")).text("problems", problems_text(tls.problems));
  std::vector<View> certificates;
  for (const Certificate& certificate : tls.chain) certificates.push_back(certificate_view(certificate, context.now));
  view.list("certificates", std::move(certificates));
  const std::string pem = pem_of(tls.chain);
  view.text("pem", input.live && pem.size() <= kMostPemOctets ? pem : "");
  const std::string place = context.prefix + "/domains/" + url_encoded(input.name) +
                            "/chain.pem?host=" + url_encoded(host) + "&address=" + url_encoded(at);
  return view.text("download", input.live || pem.empty() ? "" : place);
}

std::vector<View> chain_views(const DomainPageInput& input, const PageContext& context) {
  std::vector<View> views;
  if (input.result.seen.policy) {
    for (const PolicyFetchAttempt& attempt : input.result.seen.policy->attempts) {
      if (attempt.tls)
        views.push_back(chain_view(input, "mta-sts." + input.name, attempt.address, *attempt.tls, context));
    }
  }
  for (const MxHostObservation& host : input.result.host_observations) {
    for (const SmtpObservation& session : host.sessions) {
      if (session.tls) views.push_back(chain_view(input, host.host, session.address, *session.tls, context));
    }
  }
  return views;
}

std::vector<View> transcript_views(const CheckResult& result) {
  std::vector<View> views;
  for (const MxHostObservation& host : result.host_observations) {
    for (const SmtpObservation& session : host.sessions) {
      std::string text;
      for (const std::string& line : session.transcript) text += line + "\n";
      if (text.empty()) continue;
      View view;
      view.text("host", escape_unprintable(host.host)).text("address", to_string(session.address));
      views.push_back(view.text("text", text));
    }
  }
  return views;
}

}  // namespace

void set_evidence(View& page, const DomainPageInput& input, const PageContext& context) {
  const PolicyFetchAttempt* served = served_attempt(input.result);
  page.list("policy_lines", served != nullptr ? policy_lines(served->body) : std::vector<View>{});
  page.flag("has_policy_text", served != nullptr);
  page.text("policy_address", served != nullptr ? to_string(served->address) : "");
  page.text("policy_type",
            served != nullptr ? escape_unprintable(served->content_type.substr(0, kMostLineOctets)) : "");
  std::vector<View> chains = chain_views(input, context);
  page.flag("has_chains", !chains.empty());
  page.list("chains", std::move(chains));
  std::vector<View> transcripts = transcript_views(input.result);
  page.flag("has_transcripts", !transcripts.empty());
  page.list("transcripts", std::move(transcripts));
}

}  // namespace mtasts
