// SPDX-License-Identifier: Apache-2.0
#include "probes/core/providers.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "probes/core/domain_name.h"

namespace mtasts {
namespace {

using enum ProviderRole;

// In the order of the table below it; the codes are unique.
constexpr auto kProviders = std::to_array<Provider>({
    {mail, "microsoft-365", "Microsoft 365", "https://learn.microsoft.com/purview/enhancing-mail-flow-with-mta-sts"},
    {mail, "google-workspace", "Google Workspace", "https://support.google.com/a/answer/9276511"},
    {mail, "barracuda", "Barracuda Email Protection", "https://campus.barracuda.com/"},
    {mail, "cisco", "Cisco Secure Email", "https://docs.ces.cisco.com/"},
    {mail, "cloudflare-email-routing", "Cloudflare Email Routing",
     "https://developers.cloudflare.com/email-routing/setup/mta-sts/"},
    {mail, "fastmail", "Fastmail", "https://www.fastmail.help/hc/en-us/articles/360060591153"},
    {mail, "gandi", "Gandi Mail", "https://docs.gandi.net/"},
    {mail, "hornetsecurity", "Hornetsecurity", "https://support.hornetsecurity.com/"},
    {mail, "icloud", "iCloud Mail", "https://support.apple.com/102374"},
    {mail, "infomaniak", "Infomaniak", "https://www.infomaniak.com/"},
    {mail, "ionos", "IONOS", "https://www.ionos.com/help/"},
    {mail, "mail-ru", "Mail.ru", "https://biz.mail.ru/"},
    {mail, "mailbox-org", "mailbox.org", "https://kb.mailbox.org/"},
    {mail, "migadu", "Migadu", "https://www.migadu.com/guides/"},
    {mail, "mimecast", "Mimecast", "https://mimecastsupport.zendesk.com/hc/en-us/articles/42013775403155"},
    {mail, "ovhcloud", "OVHcloud", "https://help.ovhcloud.com/"},
    {mail, "proofpoint", "Proofpoint", "https://help.proofpoint.com/"},
    {mail, "proton", "Proton Mail", "https://proton.me/support/custom-domain"},
    {mail, "rackspace", "Rackspace Email", "https://docs.rackspace.com/"},
    {mail, "yandex-360", "Yandex 360", "https://yandex.com/support/yandex-360/"},
    {mail, "zoho", "Zoho Mail", "https://www.zoho.com/mail/help/"},
    {policy, "aws-cloudfront", "Amazon CloudFront",
     "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CNAMEs.html"},
    {policy, "azure-front-door", "Azure Front Door",
     "https://learn.microsoft.com/azure/frontdoor/front-door-custom-domain"},
    {policy, "azure-static-web-apps", "Azure Static Web Apps",
     "https://learn.microsoft.com/azure/static-web-apps/custom-domain"},
    {policy, "cloudflare", "Cloudflare", "https://www.cloudflare.com/ips/"},
    {policy, "cloudflare-pages", "Cloudflare Pages",
     "https://developers.cloudflare.com/pages/configuration/custom-domains/"},
    {policy, "easydmarc", "EasyDMARC", "https://support.easydmarc.com/knowledge-base/managed-mta-sts-records"},
    {policy, "fastly", "Fastly", "https://www.fastly.com/documentation/guides/"},
    {policy, "firebase", "Firebase Hosting", "https://firebase.google.com/docs/hosting/custom-domain"},
    {policy, "github-pages", "GitHub Pages",
     "https://docs.github.com/pages/configuring-a-custom-domain-for-your-github-pages-site"},
    {policy, "gitlab-pages", "GitLab Pages",
     "https://docs.gitlab.com/user/project/pages/custom_domains_ssl_tls_certification/"},
    {policy, "mailhardener", "Mailhardener", "https://www.mailhardener.com/blog/introducing-hosted-mta-sts"},
    {policy, "netlify", "Netlify", "https://docs.netlify.com/"},
    {policy, "red-sift", "Red Sift OnDMARC", "https://redsift.com/pulse-platform/ondmarc"},
    {policy, "sendmarc", "Sendmarc", "https://help.sendmarc.com/dns-record-delegation"},
    {policy, "uriports", "URIports", "https://www.uriports.com/blog/hosted-mta-sts/"},
    {policy, "vercel", "Vercel", "https://vercel.com/docs/domains/set-up-custom-domain"},
});

/// A name of a provider: that name itself, and all below it.
struct KnownName {
  std::string_view name{};
  std::string_view code{};
};

// A provider's whole domain only where it gives no names below it to customers' own servers.
constexpr auto kMxNames = std::to_array<KnownName>({
    {"mail.protection.outlook.com", "microsoft-365"},
    {"mx.microsoft", "microsoft-365"},
    {"google.com", "google-workspace"},
    {"googlemail.com", "google-workspace"},
    {"ess.barracudanetworks.com", "barracuda"},
    {"iphmx.com", "cisco"},
    {"mx.cloudflare.net", "cloudflare-email-routing"},
    {"messagingengine.com", "fastmail"},
    {"mail.gandi.net", "gandi"},
    {"hornetsecurity.com", "hornetsecurity"},
    {"mail.icloud.com", "icloud"},
    {"mta-gw.infomaniak.ch", "infomaniak"},
    {"ionos.com", "ionos"},
    {"ionos.co.uk", "ionos"},
    {"ionos.de", "ionos"},
    {"ionos.es", "ionos"},
    {"emx.mail.ru", "mail-ru"},
    {"mxs.mail.ru", "mail-ru"},
    {"mailbox.org", "mailbox-org"},
    {"migadu.com", "migadu"},
    {"mimecast.com", "mimecast"},
    {"mimecast.co.za", "mimecast"},
    {"mimecast-offshore.com", "mimecast"},
    {"mail.ovh.net", "ovhcloud"},
    {"pphosted.com", "proofpoint"},
    {"ppe-hosted.com", "proofpoint"},
    {"protonmail.ch", "proton"},
    {"emailsrvr.com", "rackspace"},
    {"mx.yandex.net", "yandex-360"},
    {"zoho.com", "zoho"},
    {"zoho.com.au", "zoho"},
    {"zoho.eu", "zoho"},
    {"zoho.in", "zoho"},
    {"zoho.jp", "zoho"},
});

constexpr auto kAliasNames = std::to_array<KnownName>({
    {"cloudfront.net", "aws-cloudfront"},
    {"azurefd.net", "azure-front-door"},
    {"azurestaticapps.net", "azure-static-web-apps"},
    {"cdn.cloudflare.net", "cloudflare"},
    {"pages.dev", "cloudflare-pages"},
    {"easydmarc.com", "easydmarc"},
    {"easydmarc.pro", "easydmarc"},
    {"fastly.net", "fastly"},
    {"firebaseapp.com", "firebase"},
    {"web.app", "firebase"},
    {"github.io", "github-pages"},
    {"gitlab.io", "gitlab-pages"},
    {"mailhardener.com", "mailhardener"},
    {"netlify.app", "netlify"},
    {"netlify.com", "netlify"},
    {"ondmarc.com", "red-sift"},
    {"sdmarc.net", "sendmarc"},
    {"uriports.com", "uriports"},
    {"vercel.app", "vercel"},
    {"vercel-dns.com", "vercel"},
    {"vercel-dns-0.com", "vercel"},
});

/// Addresses of a provider, in CIDR notation.
struct KnownRange {
  std::string_view network{};
  int prefix{};
  std::string_view code{};
};

constexpr auto kRanges = std::to_array<KnownRange>({
    // https://www.cloudflare.com/ips-v4 and ips-v6
    {"103.21.244.0", 22, "cloudflare"},
    {"103.22.200.0", 22, "cloudflare"},
    {"103.31.4.0", 22, "cloudflare"},
    {"104.16.0.0", 13, "cloudflare"},
    {"104.24.0.0", 14, "cloudflare"},
    {"108.162.192.0", 18, "cloudflare"},
    {"131.0.72.0", 22, "cloudflare"},
    {"141.101.64.0", 18, "cloudflare"},
    {"162.158.0.0", 15, "cloudflare"},
    {"172.64.0.0", 13, "cloudflare"},
    {"173.245.48.0", 20, "cloudflare"},
    {"188.114.96.0", 20, "cloudflare"},
    {"190.93.240.0", 20, "cloudflare"},
    {"197.234.240.0", 22, "cloudflare"},
    {"198.41.128.0", 17, "cloudflare"},
    {"2400:cb00::", 32, "cloudflare"},
    {"2405:8100::", 32, "cloudflare"},
    {"2405:b500::", 32, "cloudflare"},
    {"2606:4700::", 32, "cloudflare"},
    {"2803:f800::", 32, "cloudflare"},
    {"2a06:98c0::", 29, "cloudflare"},
    {"2c0f:f248::", 32, "cloudflare"},
    // https://docs.github.com/pages, custom domains: the addresses for A and AAAA records
    {"185.199.108.153", 32, "github-pages"},
    {"185.199.109.153", 32, "github-pages"},
    {"185.199.110.153", 32, "github-pages"},
    {"185.199.111.153", 32, "github-pages"},
    {"2606:50c0:8000::153", 128, "github-pages"},
    {"2606:50c0:8001::153", 128, "github-pages"},
    {"2606:50c0:8002::153", 128, "github-pages"},
    {"2606:50c0:8003::153", 128, "github-pages"},
    // https://firebase.google.com/docs/hosting/custom-domain
    {"199.36.158.100", 32, "firebase"},
});

// The whole of a Server header, in lower case.
constexpr auto kServerHeaders = std::to_array<KnownName>({
    {"cloudflare", "cloudflare"},
    {"github.com", "github-pages"},
    {"netlify", "netlify"},
    {"vercel", "vercel"},
});

const Provider* find_provider(ProviderRole role, std::string_view code) {
  const auto found = std::ranges::find_if(
      kProviders, [&](const Provider& provider) { return provider.role == role && provider.code == code; });
  return found == kProviders.end() ? nullptr : &*found;
}

bool is_or_is_below(std::string_view name, std::string_view top) {
  return name.ends_with(top) && (name.size() == top.size() || name[name.size() - top.size() - 1] == '.');
}

/// The code of whoever the name belongs to, "" for nobody known.
std::string_view owner_of(std::string_view written, std::span<const KnownName> known) {
  const std::string name = normalize_host(written);
  const auto found =
      std::ranges::find_if(known, [&](const KnownName& each) { return is_or_is_below(name, each.name); });
  return found == known.end() ? std::string_view{} : found->code;
}

bool is_in(const IpAddress& address, const KnownRange& range) {
  const std::optional<IpAddress> network = parse_ip_address(range.network);
  if (!network || network->family != address.family) return false;
  for (int bit = 0; bit < range.prefix; ++bit) {
    const auto octet = static_cast<std::size_t>(bit / 8);
    if (((address.octets[octet] ^ network->octets[octet]) >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

std::string_view owner_of(const IpAddress& address) {
  const auto found = std::ranges::find_if(kRanges, [&](const KnownRange& range) { return is_in(address, range); });
  return found == kRanges.end() ? std::string_view{} : found->code;
}

/// The first of a chain that is somebody's: a customer's name at a provider comes before the network that carries it.
std::string_view owner_of_aliases(const DnsLookup& lookup) {
  for (const std::string& alias : lookup.aliases) {
    const std::string_view code = owner_of(alias, kAliasNames);
    if (!code.empty()) return code;
  }
  return {};
}

std::string_view owner_by_aliases(const PolicyObservation& seen) {
  for (const std::optional<DnsLookup>* lookup : {&seen.lookup.ipv4, &seen.lookup.ipv6}) {
    const std::string_view code = *lookup ? owner_of_aliases(**lookup) : std::string_view{};
    if (!code.empty()) return code;
  }
  return {};
}

std::string_view owner_by_addresses(const PolicyObservation& seen) {
  for (const IpAddress& address : seen.lookup.addresses) {
    const std::string_view code = owner_of(address);
    if (!code.empty()) return code;
  }
  return {};
}

std::string_view owner_by_server_header(const PolicyObservation& seen) {
  for (const PolicyFetchAttempt& attempt : seen.attempts) {
    const std::string server = to_lower(attempt.server);
    for (const KnownName& known : kServerHeaders)
      if (server == known.name) return known.code;
  }
  return {};
}

std::string_view policy_owner(const DomainObservation& seen) {
  if (!seen.policy) return {};
  for (const auto owner_by : {owner_by_aliases, owner_by_addresses, owner_by_server_header}) {
    const std::string_view code = owner_by(*seen.policy);
    if (!code.empty()) return code;
  }
  return seen.policy->lookup.addresses.empty() ? owner_of_aliases(seen.sts.lookup) : std::string_view{};
}

}  // namespace

std::string_view to_string(ProviderRole role) { return role == mail ? "mail" : "policy"; }

std::span<const Provider> providers() { return kProviders; }

const Provider* mail_provider_of(std::string_view mx_host) { return find_provider(mail, owner_of(mx_host, kMxNames)); }

ProviderSet classify_providers(const DomainObservation& seen) {
  ProviderSet found{.policy_host = "mta-sts." + seen.domain};
  std::vector<MxRecord> by_preference = seen.mx.records;
  std::ranges::stable_sort(by_preference, {}, &MxRecord::preference);
  for (const MxRecord& record : by_preference) {
    const Provider* provider = mail_provider_of(record.host);
    if (provider != nullptr && !std::ranges::count(found.mail, provider)) found.mail.push_back(provider);
  }
  found.policy = find_provider(policy, policy_owner(seen));
  return found;
}

}  // namespace mtasts
