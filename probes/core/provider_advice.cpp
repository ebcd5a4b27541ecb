// SPDX-License-Identifier: Apache-2.0
#include "probes/core/provider_advice.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "probes/core/mx_patterns.h"
#include "probes/core/sts_policy.h"

namespace mtasts {
namespace {

/// What a fault or finding is about, as far as a provider has a say in it.
enum class Topic {
  nothing,
  address,      // the policy host has none
  connection,   // its addresses do not answer as a web server does
  file,         // it answers without the file
  redirect,     // it answers with a redirect
  media_type,   // of the file
  certificate,  // of the policy host
  content,      // what the file says, the patterns apart
  patterns,     // the mx lines of the file
  mx_host,      // SMTP and TLS of an MX host
};

struct CodeTopic {
  std::string_view code{};
  Topic topic{};
};

Topic topic_of(std::string_view code, std::span<const CodeTopic> known, Topic otherwise) {
  const auto found = std::ranges::find(known, code, &CodeTopic::code);
  return found == known.end() ? otherwise : found->topic;
}

constexpr auto kFetchTopics = std::to_array<CodeTopic>({
    {"dns-nxdomain", Topic::address},
    {"dns-nodata", Topic::address},
    {"dns-servfail", Topic::nothing},
    {"dns-timeout", Topic::nothing},
    {"http-status", Topic::file},
    {"http-redirect", Topic::redirect},
    {"media-type", Topic::media_type},
    {"too-large", Topic::file},
    {"tls-alert", Topic::certificate},
});

constexpr auto kFindingTopics = std::to_array<CodeTopic>({
    {"content-type-parameters", Topic::media_type},
    {"policy-address-failed", Topic::connection},
    {"policy-warning", Topic::content},
    {"max-age-short", Topic::content},
    {"testing-for-long", Topic::content},
    {"mode-unexpected", Topic::content},
    {"pattern-wide", Topic::patterns},
    {"pattern-label-count", Topic::patterns},
    {"pattern-without-wildcard", Topic::patterns},
    {"mx-unreachable", Topic::mx_host},
    {"mx-address-unreachable", Topic::mx_host},
    {"mx-no-address", Topic::mx_host},
    {"pipelined-after-starttls", Topic::mx_host},
    {"hello-after-tls-failed", Topic::mx_host},
    {"weak-key", Topic::certificate},
    {"weak-signature", Topic::certificate},
    {"unused-expired-certificate", Topic::certificate},
    {"certificate-expires-soon", Topic::certificate},
});

Topic topic_of(const Fault& fault) {
  switch (fault.type) {
    case ResultType::sts_policy_fetch_error:
      return topic_of(fault.reason, kFetchTopics, Topic::connection);
    case ResultType::sts_policy_invalid:
      return Topic::content;
    case ResultType::sts_webpki_invalid:
      return Topic::certificate;
    default:
      return fault.reason == "mx-mismatch" ? Topic::patterns : Topic::mx_host;
  }
}

/// Certificates of MX hosts and of the policy host have their findings in common; the host tells them apart.
Topic topic_of(const Finding& finding, const ProviderSet& providers) {
  const Topic topic = topic_of(finding.code, kFindingTopics, Topic::nothing);
  const bool of_mx = topic == Topic::certificate && finding.host != providers.policy_host;
  return of_mx ? Topic::mx_host : topic;
}

/// `$H` stands for the policy host, `$P` for the provider's name.
struct Advice {
  std::string_view provider{};
  Topic topic{};
  std::string_view text{};
};

constexpr auto kAdvice = std::to_array<Advice>({
    {"cloudflare", Topic::address,
     "A proxied record must be there for $H: a Pages project adds it with the custom domain, a Worker with a route "
     "needs "
     "one of its own, AAAA 100:: with the proxy switched on."},
    {"cloudflare", Topic::connection,
     "Check that the zone is active and not paused, and that the record of $H is proxied."},
    {"cloudflare", Topic::file,
     "A Worker answers only while its route $H/* or its custom domain is active; a Pages project serves the file from "
     ".well-known/mta-sts.txt of the folder that it publishes."},
    {"cloudflare", Topic::redirect, "Look for a redirect rule or page rule that takes in $H, and exempt that name."},
    {"cloudflare", Topic::media_type,
     "Let the Worker set Content-Type: text/plain in its Response; a Pages project sets it in _headers."},
    {"cloudflare", Topic::certificate,
     "The edge certificate renews by itself while the record of $H is proxied; Universal SSL covers names one label "
     "below the zone and none deeper. Check its status under SSL/TLS, Edge Certificates."},
    {"cloudflare-pages", Topic::address,
     "Add $H under Custom domains of the project, and create the CNAME that it shows."},
    {"cloudflare-pages", Topic::file,
     "Put the file into .well-known/mta-sts.txt of the folder that the project publishes, and add $H under Custom "
     "domains: a CNAME alone is not enough."},
    {"cloudflare-pages", Topic::media_type, "Set Content-Type: text/plain for the file's path in _headers."},
    {"cloudflare-pages", Topic::certificate,
     "Add $H under Custom domains of the project: a CNAME alone gets no certificate."},
    {"github-pages", Topic::address,
     "Create the CNAME from $H to the github.io name of the account, and enter $H under Settings, Pages, Custom "
     "domain."},
    {"github-pages", Topic::file,
     "A site leaves out folders that begin with a dot, unless there is an empty file .nojekyll at its top, or "
     "_config.yml includes .well-known. $H must be the site's custom domain."},
    {"github-pages", Topic::redirect,
     "Make $H the custom domain of the site itself: a site redirects its other names there."},
    {"github-pages", Topic::certificate,
     "Remove $H under Settings, Pages, Custom domain, and enter it again, so that a certificate is issued; CAA "
     "records, "
     "where there are any, must permit letsencrypt.org."},
    {"gitlab-pages", Topic::file,
     "Let the job that publishes the site put the file into public/.well-known/mta-sts.txt."},
    {"gitlab-pages", Topic::certificate,
     "Add $H as a domain of the project's Pages, verify it, and switch on automatic certificate management."},
    {"netlify", Topic::file, "Put the file into .well-known/mta-sts.txt of the folder that the site publishes."},
    {"netlify", Topic::redirect,
     "Look into _redirects and netlify.toml, and make $H a domain alias that is not redirected."},
    {"netlify", Topic::media_type, "Set Content-Type: text/plain for the file's path in _headers or netlify.toml."},
    {"netlify", Topic::certificate,
     "Add $H to the site's domains, then renew the certificate under Domain management, HTTPS."},
    {"vercel", Topic::file,
     "Put the file into public/.well-known/mta-sts.txt of the project, and add $H to its domains."},
    {"vercel", Topic::redirect,
     "Look under the project's Domains whether $H redirects to another one, and into vercel.json."},
    {"vercel", Topic::media_type, "Set Content-Type: text/plain for the file's path under headers in vercel.json."},
    {"vercel", Topic::certificate, "Add $H to the project's domains, and create the record that it shows."},
    {"firebase", Topic::file,
     "firebase.json ignores files and folders that begin with a dot: take **/.* out of hosting.ignore, then deploy."},
    {"firebase", Topic::redirect,
     "Look into hosting.redirects of firebase.json, and whether $H redirects to another domain."},
    {"firebase", Topic::media_type,
     "Set Content-Type: text/plain for the file's path under hosting.headers of firebase.json."},
    {"firebase", Topic::certificate, "Add $H as a custom domain of the site, and create the records that it shows."},
    {"azure-static-web-apps", Topic::file,
     "Put the file into .well-known/mta-sts.txt of the folder that the app publishes."},
    {"azure-static-web-apps", Topic::media_type,
     "Set Content-Type: text/plain in a route of staticwebapp.config.json."},
    {"azure-static-web-apps", Topic::certificate,
     "Add $H under Custom domains of the app, and wait until it is validated."},
    {"azure-front-door", Topic::file, "Check that a route takes in /.well-known/* and that its origin has the file."},
    {"azure-front-door", Topic::certificate,
     "Add $H under Domains, associate it with the endpoint, and wait until its certificate is deployed."},
    {"aws-cloudfront", Topic::address,
     "List $H as an alternate domain name of the distribution, and point the CNAME or alias record at it."},
    {"aws-cloudfront", Topic::file,
     "Put the file into .well-known/mta-sts.txt of the origin; status 403 from an S3 origin means no such object, or "
     "no "
     "permission to read it. Then invalidate the path."},
    {"aws-cloudfront", Topic::media_type,
     "Set the object's Content-Type to text/plain in S3, then invalidate the path in the distribution."},
    {"aws-cloudfront", Topic::certificate,
     "List $H as an alternate domain name, with an ACM certificate of region us-east-1 that covers it."},
    {"fastly", Topic::certificate, "Add $H to the service's domains and to a TLS subscription."},
});

// Their customers have no web server for the file; all is set in the provider's console.
constexpr auto kHostedPolicies =
    std::to_array<std::string_view>({"easydmarc", "mailhardener", "red-sift", "sendmarc", "uriports"});

constexpr std::string_view kHostedAddress =
    "Create the CNAME for $H that $P shows for the domain, beside the one for the record.";
constexpr std::string_view kHostedContent = "Change the policy in the console of $P, which publishes the file.";
constexpr std::string_view kHostedService =
    "$P serves the file and renews the certificate: there is nothing to change on servers of yours. Compare the CNAME "
    "of "
    "$H with what its console shows, then open a ticket.";
constexpr std::string_view kMxService =
    "The host and its certificate are run by $P: there is nothing to renew on your side. If the name is still the one "
    "that "
    "its console shows for the domain's MX record, open a ticket with the host and the message above.";

// These put the hosts of their customers side by side, so that a wildcard permits them all.
constexpr auto kSharedParents = std::to_array<std::string_view>({"barracuda", "microsoft-365", "proofpoint"});
// As many lines as a person compares.
constexpr std::size_t kMostLines = 12;

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

std::string filled(std::string_view text, std::string_view host, const Provider& provider) {
  std::string sentence{text};
  replace_all(sentence, "$P", provider.name);
  replace_all(sentence, "$H", host);
  return sentence;
}

std::string_view hosted_text(Topic topic) {
  if (topic == Topic::address) return kHostedAddress;
  return topic == Topic::content ? kHostedContent : kHostedService;
}

std::string_view policy_text(const Provider& provider, Topic topic) {
  if (topic == Topic::nothing) return {};
  if (std::ranges::count(kHostedPolicies, provider.code) != 0) return hosted_text(topic);
  const auto found = std::ranges::find_if(
      kAdvice, [&](const Advice& each) { return each.provider == provider.code && each.topic == topic; });
  return found == kAdvice.end() ? std::string_view{} : found->text;
}

/// "`mx: a`, `mx: b`", "" where no lines could be published that permit every host, or too many for a person.
std::string lines_for(std::span<const std::string> mx_hosts) {
  const StsPolicy proposed{.mode = StsMode::enforce, .mx = propose_patterns(mx_hosts)};
  const bool all = std::ranges::all_of(mx_hosts, [&](const auto& host) { return policy_permits(proposed, host); });
  if (!all || proposed.mx.size() > kMostLines) return {};
  std::string lines;
  for (const std::string& pattern : proposed.mx) lines += (lines.empty() ? "`mx: " : ", `mx: ") + pattern + "`";
  return lines;
}

/// Says what a wildcard would cost where customers' hosts stand side by side (RFC 8461 section 10.4).
std::string trade_off(const Provider& provider, std::span<const std::string> mx_hosts) {
  if (std::ranges::count(kSharedParents, provider.code) == 0) return {};
  for (const std::string& host : mx_hosts) {
    if (mail_provider_of(host) != &provider) continue;
    if (const auto wildcard = wildcard_over(host))
      return " The wildcard `mx: " + *wildcard +
             "` would outlast a change of the name, but also permits the hosts of "
             "other customers of " +
             std::string{provider.name} + " (RFC 8461 section 10.4).";
  }
  return {};
}

bool is_microsofts_old_name(std::string_view host) { return host.ends_with(".mail.protection.outlook.com"); }

/// What goes wrong with the patterns at one provider in particular.
std::string_view note_on_patterns(const Provider& provider, std::span<const std::string> mx_hosts) {
  if (provider.code == "google-workspace")
    return " A wildcard stands for one label, and some names of Google's MX hosts are longer.";
  if (provider.code == "microsoft-365" && std::ranges::any_of(mx_hosts, is_microsofts_old_name))
    return " Before the MX record moves to a name below mx.microsoft, add the line for that name, and keep this one "
           "until "
           "nobody holds the old record any more.";
  return {};
}

std::string patterns_text(const Provider& provider, std::span<const std::string> mx_hosts) {
  const std::string lines = lines_for(mx_hosts);
  if (lines.empty()) return {};
  return "For the MX records as they are, the policy needs " + lines + ". Publish it, then change the id." +
         trade_off(provider, mx_hosts) + std::string{note_on_patterns(provider, mx_hosts)};
}

std::optional<ProviderAdvice> advice(const Provider* provider, std::string text) {
  if (provider == nullptr || text.empty()) return std::nullopt;
  return ProviderAdvice{provider, std::move(text)};
}

/// Whose names the policy must permit: the host's own provider, for the policy host the first of the domain's.
const Provider* provider_of_patterns(const ProviderSet& providers, std::string_view host) {
  if (const Provider* own = mail_provider_of(host)) return own;
  return host == providers.policy_host && !providers.mail.empty() ? providers.mail.front() : nullptr;
}

std::optional<ProviderAdvice> advise(const ProviderSet& providers, Topic topic, std::string_view host,
                                     std::span<const std::string> mx_hosts) {
  if (topic == Topic::patterns) {
    const Provider* provider = provider_of_patterns(providers, host);
    return provider == nullptr ? std::nullopt : advice(provider, patterns_text(*provider, mx_hosts));
  }
  const Provider* provider = topic == Topic::mx_host ? mail_provider_of(host) : providers.policy;
  if (provider == nullptr) return std::nullopt;
  const std::string_view text = topic == Topic::mx_host ? kMxService : policy_text(*provider, topic);
  return advice(provider, filled(text, host, *provider));
}

}  // namespace

std::optional<ProviderAdvice> advise_at_provider(const ProviderSet& providers, const Fault& fault,
                                                 std::span<const std::string> mx_hosts) {
  return advise(providers, topic_of(fault), fault.host, mx_hosts);
}

std::optional<ProviderAdvice> advise_at_provider(const ProviderSet& providers, const Finding& finding,
                                                 std::span<const std::string> mx_hosts) {
  return advise(providers, topic_of(finding, providers), finding.host, mx_hosts);
}

}  // namespace mtasts
