// SPDX-License-Identifier: Apache-2.0
#include "exporter/check_commands.h"

#include <algorithm>

#include "exporter/explanation.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

/// Not more than a person reads: a peer may send without end.
constexpr std::string_view kPolicyPath = "/.well-known/mta-sts.txt | head -c 4000";

bool is_plain(std::string_view word) {
  return !word.empty() && word.front() != '-' &&
         all_of(word, [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == '_' || c == '/' || c == ':'; });
}

std::string quoted(const std::string& word) {
  if (is_plain(word)) return word;
  std::string safe = "'";
  for (const char c : word) safe += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return safe + "'";
}

/// As it stands in front of a port.
std::string bracketed(const IpAddress& address) {
  const std::string text = to_string(address);
  return address.family == IpFamily::ipv6 ? "[" + text + "]" : text;
}

/// The address to show: where most is wrong, the first of those. `badness` is 0 for a good attempt.
template <class Attempts, class Badness>
std::string worst_address(const Attempts& attempts, Badness badness) {
  const auto worst = std::max_element(attempts.begin(), attempts.end(),
                                      [&](const auto& a, const auto& b) { return badness(a) < badness(b); });
  return worst == attempts.end() ? "" : bracketed(worst->address);
}

/// A bad certificate is worth more of a look than an address that does not even answer.
int badness(const std::optional<TlsObservation>& tls, bool otherwise_bad) {
  if (tls && !tls->problems.empty()) return 2;
  return otherwise_bad ? 1 : 0;
}

/// openssl takes the common name where there is no subjectAltName; senders do not.
std::string names_only(const std::string& openssl) {
  return openssl.empty() ? "" : openssl + " 2>/dev/null | openssl x509 -noout -subject -ext subjectAltName";
}

/// The record type, in the message of a failed lookup.
std::string first_word(const std::string& message) { return message.substr(0, message.find(' ')); }

}  // namespace

CheckPlaces places_of(const Config& config) {
  CheckPlaces places{.policy_port = config.policy.port,
                     .http_port = config.policy.http_port,
                     .smtp_port = config.smtp.port,
                     .ca_file = config.tls.ca_file,
                     .helo = config.smtp.helo};
  if (config.dns.servers.empty()) return places;
  const DnsServer& server = config.dns.servers.front();
  places.dns_server = bracketed(server.address) + ":" + std::to_string(server.port);
  return places;
}

std::string CheckCommands::policy_host() const { return "mta-sts." + result_.verdict.domain; }

std::string CheckCommands::policy_address() const {
  if (!result_.seen.policy) return "";
  return worst_address(result_.seen.policy->attempts, [](const PolicyFetchAttempt& attempt) {
    return badness(attempt.tls, attempt.failure || attempt.http_status != 200);
  });
}

std::string CheckCommands::mx_address(const std::string& host) const {
  for (const MxHostObservation& seen : result_.host_observations) {
    if (seen.host != host) continue;
    return worst_address(seen.sessions, [](const SmtpObservation& session) {
      return badness(session.tls, session.failure || session.starttls_code != 220);
    });
  }
  return "";
}

/// The name that the host's TLSA records are below.
std::string CheckCommands::base_domain(const std::string& host) const {
  for (const MxHostObservation& seen : result_.host_observations)
    if (seen.host == host && seen.tlsa) return seen.tlsa->base_domain;
  return host;
}

std::string CheckCommands::dig(std::string_view what, const std::string& name) const {
  if (!is_plain(name)) return "";
  const auto colon = places_.dns_server.rfind(':');
  std::string server;
  if (colon != std::string::npos) {
    std::string address = places_.dns_server.substr(0, colon);
    std::erase_if(address, [](char c) { return c == '[' || c == ']'; });
    const std::string port = places_.dns_server.substr(colon + 1);
    server = "@" + address + (port == "53" ? " " : " -p " + port + " ");
  }
  return "dig " + server + std::string(what) + " " + name;
}

/// The type behind the name: in front, dig would take it for that of the name before.
std::string CheckCommands::dig_addresses(const std::string& host) const {
  const std::string first = dig(host + " A", host);
  return first.empty() ? "" : first + " AAAA";
}

std::string CheckCommands::dig_tlsa(std::string_view flags, const std::string& host) const {
  return dig(std::string(flags) + " TLSA", "_" + std::to_string(places_.smtp_port) + "._tcp." + base_domain(host));
}

/// curl asks the system's resolver, which may not know what the probe's knows.
std::string CheckCommands::resolved(const std::string& host, std::uint16_t port, const std::string& address) const {
  if (places_.dns_server.empty() || address.empty()) return "";
  return "--resolve " + quoted(host + ":" + std::to_string(port) + ":" + address) + " ";
}

std::string CheckCommands::curl(std::string_view options) const {
  const std::string host = policy_host();
  if (!is_plain(host)) return "";
  const std::uint16_t port = places_.policy_port;
  const std::string trust = places_.ca_file.empty() ? "" : "--cacert " + quoted(places_.ca_file) + " ";
  return "curl " + std::string(options) + " --max-time 60 " + trust + resolved(host, port, policy_address()) +
         "https://" + host + (port == 443 ? "" : ":" + std::to_string(port)) + std::string(kPolicyPath);
}

std::string CheckCommands::policy_octets() const {
  const std::string command = curl("-sS");
  return command.empty() ? "" : command + " | cat -A";
}

std::string CheckCommands::curl_over_http() const {
  const std::string host = policy_host();
  if (!is_plain(host)) return "";
  const std::uint16_t port = places_.http_port;
  const std::string address = result_.seen.clear_text ? bracketed(result_.seen.clear_text->address) : "";
  return "curl -sSi --max-time 10 " + resolved(host, port, address) + "http://" + host +
         (port == 80 ? "" : ":" + std::to_string(port)) + std::string(kPolicyPath);
}

/// Not with openssl, which would start TLS even where the server does not offer it. The path of the URL is the name in
/// EHLO.
std::string CheckCommands::curl_to_mx(const std::string& host) const {
  if (!is_plain(host)) return "";
  const std::string port = std::to_string(places_.smtp_port);
  const std::string address = mx_address(host);
  const std::string place = address.empty() ? "" : "--resolve " + quoted(host + ":" + port + ":" + address) + " ";
  return "curl -sv --max-time 60 --ssl-reqd " + place + "smtp://" + host + ":" + port +
         (is_plain(places_.helo) ? "/" + places_.helo : "");
}

std::string CheckCommands::openssl(const std::string& host, const std::string& address, std::uint16_t port,
                                   std::string_view extra) const {
  if (!is_plain(host)) return "";
  const std::string peer = address.empty() ? host : address;
  const std::string trust = places_.ca_file.empty() ? "" : "-CAfile " + quoted(places_.ca_file) + " ";
  return "timeout 60 openssl s_client " + std::string(extra) + trust + "-connect " +
         quoted(peer + ":" + std::to_string(port)) + " -servername " + host + " -verify_hostname " + host +
         " </dev/null";
}

std::string CheckCommands::openssl_to_policy_host() const {
  return openssl(policy_host(), policy_address(), places_.policy_port, "");
}

std::string CheckCommands::openssl_to_mx(const std::string& host) const {
  return openssl(host, mx_address(host), places_.smtp_port, "-starttls smtp ");
}

std::string CheckCommands::openssl_to(const std::string& host) const {
  return host == policy_host() ? openssl_to_policy_host() : openssl_to_mx(host);
}

/// A host of which no address is known is a matter of DNS.
std::string CheckCommands::openssl_to_report_host(const std::string& host) const {
  for (const auto& seen : result_.seen.report_targets) {
    const bool meant = seen->target.kind == ReportTargetKind::https && seen->target.host == host;
    if (!meant || seen->attempts.empty()) continue;
    return openssl(host, bracketed(seen->attempts.front().address), places_.policy_port, "");
  }
  return dig_addresses(host);
}

std::string CheckCommands::record() const { return dig("TXT", "_mta-sts." + result_.verdict.domain); }

std::string CheckCommands::show(Look look, const std::string& host, const std::string& message) const {
  switch (look) {
    case Look::none:
      return "";
    case Look::record:
      return record();
    case Look::tlsrpt_record:
      return dig("TXT", "_smtp._tls." + result_.verdict.domain);
    case Look::host_txt:
      return dig("TXT", host);
    case Look::mx_records:
      return dig("MX", result_.verdict.domain);
    case Look::host_mx_records:
      return dig("MX", host);
    case Look::host_addresses:
      return dig_addresses(host);
    case Look::host_lookup:
      return first_word(message) == "TLSA" ? dig_tlsa("+dnssec", host) : dig(first_word(message), host);
    case Look::policy:
      return curl("-sSi");
    case Look::policy_octets:
      return policy_octets();
    case Look::policy_over_http:
      return curl_over_http();
    case Look::smtp:
      return curl_to_mx(host);
    case Look::policy_tls:
      return openssl_to_policy_host();
    case Look::mx_tls:
      return openssl_to_mx(host);
    case Look::host_tls:
      return openssl_to(host);
    case Look::host_tls_names:
      return names_only(openssl_to(host));
    case Look::report_host_tls:
      return openssl_to_report_host(host);
    case Look::tlsa:
      return dig_tlsa("+dnssec", host);
    case Look::tlsa_unchecked:
      return dig_tlsa("+dnssec +cdflag", host);
  }
  return "";
}

std::string CheckCommands::of(const Fault& fault) const {
  return show(explain(fault, find_).look, fault.host, fault.message);
}

std::string CheckCommands::of(const Finding& finding) const {
  return show(explain(finding, find_).look, finding.host, finding.message);
}

}  // namespace mtasts
