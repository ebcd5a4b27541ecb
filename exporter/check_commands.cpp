// SPDX-License-Identifier: Apache-2.0
#include "exporter/check_commands.h"

#include <algorithm>

#include "probes/core/octets.h"

namespace mtasts {
namespace {

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
  CheckPlaces places{.policy_port = config.policy.port, .smtp_port = config.smtp.port, .ca_file = config.tls.ca_file};
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

std::string CheckCommands::curl() const {
  const std::string host = policy_host();
  if (!is_plain(host)) return "";
  const std::string port = std::to_string(places_.policy_port);
  std::string command = "curl -sSi --max-time 60 ";
  if (!places_.ca_file.empty()) command += "--cacert " + quoted(places_.ca_file) + " ";
  // curl asks the system's resolver, which may not know what the probe's knows.
  const std::string address = policy_address();
  if (!places_.dns_server.empty() && !address.empty())
    command += "--resolve " + quoted(host + ":" + port + ":" + address) + " ";
  return command + "https://" + host + (places_.policy_port == 443 ? "" : ":" + port) + "/.well-known/mta-sts.txt";
}

/// openssl would start TLS even where the server does not offer it.
std::string CheckCommands::curl_over_http() const {
  const std::string host = policy_host();
  return is_plain(host) ? "curl -sSi --max-time 10 http://" + host + "/.well-known/mta-sts.txt" : "";
}

std::string CheckCommands::curl_to_mx(const std::string& host) const {
  if (!is_plain(host)) return "";
  const std::string port = std::to_string(places_.smtp_port);
  const std::string address = mx_address(host);
  const std::string place = address.empty() ? "" : "--resolve " + quoted(host + ":" + port + ":" + address) + " ";
  return "curl -sv --max-time 60 --ssl-reqd " + place + "smtp://" + host + ":" + port;
}

std::string CheckCommands::openssl(const std::string& host, const std::string& address, std::uint16_t port,
                                   std::string_view extra) const {
  if (!is_plain(host)) return "";
  const std::string peer = address.empty() ? host : address;
  const std::string trust = places_.ca_file.empty() ? "" : "-CAfile " + quoted(places_.ca_file) + " ";
  return "openssl s_client " + std::string(extra) + trust + "-connect " + quoted(peer + ":" + std::to_string(port)) +
         " -servername " + host + " -verify_hostname " + host + " -showcerts </dev/null";
}

std::string CheckCommands::openssl_to_policy_host() const {
  return openssl(policy_host(), policy_address(), places_.policy_port, "");
}

std::string CheckCommands::openssl_to_mx(const std::string& host) const {
  return openssl(host, mx_address(host), places_.smtp_port, "-starttls smtp ");
}

/// A name without address is a matter of DNS.
std::string CheckCommands::openssl_to_report_host(const std::string& host) const {
  for (const auto& seen : result_.seen.report_targets) {
    const bool meant = seen->target.kind == ReportTargetKind::https && seen->target.host == host;
    if (!meant || seen->attempts.empty()) continue;
    return openssl(host, bracketed(seen->attempts.front().address), places_.policy_port, "");
  }
  return dig("A", host);
}

std::string CheckCommands::record() const { return dig("TXT", "_mta-sts." + result_.verdict.domain); }

std::string CheckCommands::of(const Fault& fault) const {
  const std::string tlsa = "_" + std::to_string(places_.smtp_port) + "._tcp." + fault.host;
  switch (fault.type) {
    case ResultType::sts_policy_fetch_error:
      return fault.reason.starts_with("dns-") ? dig("A", policy_host()) : curl();
    case ResultType::sts_policy_invalid:
      return curl();
    case ResultType::sts_webpki_invalid:
      return fault.reason == "no-san" ? names_only(openssl_to_policy_host()) : openssl_to_policy_host();
    case ResultType::starttls_not_supported:
      return curl_to_mx(fault.host);
    case ResultType::tlsa_invalid:
    case ResultType::dane_required:
      return dig("+dnssec TLSA", tlsa);
    case ResultType::dnssec_invalid:
      return dig("+dnssec +cdflag TLSA", tlsa);
    case ResultType::validation_failure:
      if (fault.reason == "mx-mismatch") return dig("+short MX", result_.verdict.domain);
      break;
    default:
      break;
  }
  return fault.reason == "no-san" ? names_only(openssl_to_mx(fault.host)) : openssl_to_mx(fault.host);
}

std::string CheckCommands::of(const Finding& finding) const {
  const std::string_view code = finding.code;
  if (code == "mx-no-address") return dig("A", finding.host);
  if (code == "lookup-failed") return dig(first_word(finding.message), finding.host);
  if (code == "rua-mailto-no-mx") return dig("MX", finding.host);
  if (code == "rua-https-unreachable") return openssl_to_report_host(finding.host);
  if (code.starts_with("tlsrpt-record-")) return dig("TXT", "_smtp._tls." + result_.verdict.domain);
  if (code == "mta-sts-record-invalid" || code == "record-warning") return dig("TXT", finding.host);
  if (code.starts_with("id-") || code == "policy-changed-without-id") return record();
  if (code == "no-such-domain" || code.starts_with("null-mx") || code == "mx-name-invalid" ||
      code == "backup-mx-failing" || code.starts_with("pattern-"))
    return dig("MX", result_.verdict.domain);
  const bool of_policy_host = finding.host == policy_host();
  if (code == "http-redirects-elsewhere") return curl_over_http();
  if (code.starts_with("policy-") || code == "max-age-short" || code == "content-type-parameters") return curl();
  const bool in_session = code == "mx-unreachable" || code == "mx-address-unreachable" || code == "hello-refused" ||
                          code == "pipelined-after-starttls" || code == "hello-after-tls-failed";
  const bool of_certificate = code == "weak-key" || code == "weak-signature" || code == "unused-expired-certificate" ||
                              code == "certificate-expires-soon";
  if (of_certificate && of_policy_host) return openssl_to_policy_host();
  return in_session || of_certificate ? openssl_to_mx(finding.host) : "";
}

}  // namespace mtasts
