// SPDX-License-Identifier: Apache-2.0
#include "probes/core/catalogue.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <vector>

#include "probes/core/catalogue_tables.h"

namespace mtasts {
namespace {

using enum CodeKind;
using enum Severity;

constexpr std::string_view kRunbooks = "https://github.com/mtasts-exporter/mtasts_exporter/blob/main/docs/runbooks/";

/// In the order of Look.
constexpr std::array<std::string_view, kLookCount> kCommands{
    "",
    "dig TXT _mta-sts.{domain}",
    "dig TXT _smtp._tls.{domain}",
    "dig TXT {host}",
    "dig MX {domain}",
    "dig MX {host}",
    "dig {host} A {host} AAAA",
    "dig {type} {host}",
    "curl -sSi --max-time 60 https://mta-sts.{domain}/.well-known/mta-sts.txt | head -c 4000",
    "curl -sS --max-time 60 https://mta-sts.{domain}/.well-known/mta-sts.txt | head -c 4000 | cat -A",
    "curl -sSi --max-time 10 http://mta-sts.{domain}/.well-known/mta-sts.txt | head -c 4000",
    "curl -sv --max-time 60 --ssl-reqd smtp://{host}:25",
    "timeout 60 openssl s_client -connect mta-sts.{domain}:443 -servername mta-sts.{domain} "
    "-verify_hostname mta-sts.{domain} </dev/null",
    "timeout 60 openssl s_client -starttls smtp -connect {host}:25 -servername {host} -verify_hostname {host} "
    "</dev/null",
    "timeout 60 openssl s_client [-starttls smtp] -connect {host}:{port} -servername {host} -verify_hostname {host} "
    "</dev/null",
    "timeout 60 openssl s_client [-starttls smtp] -connect {host}:{port} -servername {host} -verify_hostname {host} "
    "</dev/null 2>/dev/null | openssl x509 -noout -subject -ext subjectAltName",
    "timeout 60 openssl s_client -connect {host}:443 -servername {host} -verify_hostname {host} </dev/null",
    "dig +dnssec TLSA _25._tcp.{host}",
    "dig +dnssec +cdflag TLSA _25._tcp.{host}"};

constexpr auto kNames = std::to_array<CatalogueEntry>({
    // Why something is no domain name.
    {name_error, "domain-empty", info, "There is no name.", "Write the domain's name.", "RFC 1035 section 2.3.4"},
    {name_error, "domain-not-ascii", info, "The name is not ASCII.", "Write it as xn-- labels.",
     "RFC 5890 section 2.3"},
    {name_error, "domain-not-idna", info, "The name is no internationalized domain name.",
     "Write letters of one script between the dots, or the name's xn-- labels.", "RFC 5891 section 4"},
    {name_error, "domain-ip-address", info, "The name is an IP address.", "Write the domain's name.",
     "RFC 5321 section 4.1.2"},
    {name_error, "domain-too-long", info, "The name is longer than 253 octets.", "Check the name for a mistake.",
     "RFC 1035 section 2.3.4"},
    {name_error, "domain-single-label", info, "The name has only one label.", "Write the full name.",
     "RFC 5321 section 2.3.5"},
    {name_error, "domain-label", info, "A label of the name is empty, too long or has foreign characters.",
     "Write letters, digits and hyphens between the dots.", "RFC 5321 section 4.1.2"},
});

constexpr auto kOthers = std::to_array<CatalogueEntry>({
    // What a severity asks of people.
    {severity, "info", info, "Worth knowing; nobody need act.", "Nothing.", ""},
    {severity, "warning", warning, "A risk, or a fault that stops no mail.", "Put it right during working hours.", ""},
    {severity, "high", high, "Senders report this fault, or will; what is protected is less than it seems.",
     "Put it right today.", ""},
    {severity, "critical", critical, "Mail is refused or goes in clear text now, or protection has ended.",
     "Put it right now.", ""},

    // How a probe of ours ended.
    {outcome, "ok", info, "The probe reached a verdict, and all is well.", "Nothing.", ""},
    {outcome, "failing", info, "The probe reached a verdict, and something is broken.",
     "Read the faults: `check` explains each of them.", ""},
    {outcome, "unknown", info, "Trouble on the prober's own side: no verdict, the last one stays.",
     "Look at the exporter's own metrics and log: resolver, network, overload.", "", "", Look::none, "state-unknown"},
});

std::vector<CatalogueEntry> joined() {
  std::vector<CatalogueEntry> all;
  for (const std::span<const CatalogueEntry> part :
       {fault_codes(), text_codes(), report_codes(), std::span<const CatalogueEntry>{kNames}, finding_codes(),
        std::span<const CatalogueEntry>{kOthers}})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

bool comes_before(const CatalogueEntry* a, const CatalogueEntry* b) {
  return std::tie(a->kind, a->code) < std::tie(b->kind, b->code);
}

/// Pages look up hundreds of codes.
std::vector<const CatalogueEntry*> sorted() {
  std::vector<const CatalogueEntry*> index;
  for (const CatalogueEntry& entry : catalogue()) index.push_back(&entry);
  std::sort(index.begin(), index.end(), comes_before);
  return index;
}

}  // namespace

std::string_view to_string(CodeKind kind) {
  static constexpr std::array<std::string_view, 9> kWords{"result_type",  "reason",       "policy_error",
                                                          "record_error", "report_error", "name_error",
                                                          "finding",      "severity",     "outcome"};
  return kWords[static_cast<std::size_t>(kind)];
}

std::string_view command_template(Look look) { return kCommands[static_cast<std::size_t>(look)]; }

std::span<const CatalogueEntry> catalogue() {
  static const std::vector<CatalogueEntry> kAll = joined();
  return kAll;
}

const CatalogueEntry* find_code(CodeKind kind, std::string_view code) {
  static const std::vector<const CatalogueEntry*> kIndex = sorted();
  const CatalogueEntry wanted{.kind = kind, .code = code};
  const auto found = std::lower_bound(kIndex.begin(), kIndex.end(), &wanted, comes_before);
  return found == kIndex.end() || comes_before(&wanted, *found) ? nullptr : *found;
}

std::string runbook_url(std::string_view runbook) {
  return runbook.empty() ? "" : std::string{kRunbooks} + std::string{runbook} + ".md";
}

}  // namespace mtasts
