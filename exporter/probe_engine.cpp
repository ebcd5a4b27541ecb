// SPDX-License-Identifier: Apache-2.0
#include "exporter/probe_engine.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "exporter/file_text.h"

namespace mtasts {
namespace {

std::string own_host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

bool has_family(const Config& config, IpFamily family) {
  const auto& families = config.smtp.ip_families;
  return std::find(families.begin(), families.end(), family) != families.end();
}

std::vector<ResolverServer> configured_servers(const DnsConfig& dns) {
  std::vector<ResolverServer> servers;
  for (const DnsServer& server : dns.servers) {
    const auto address = boost::asio::ip::make_address(to_string(server.address));
    servers.push_back({.endpoint = {address, server.port}, .trust = automatic_trust(address, false)});
  }
  return servers;
}

// Bursts of UDP lose packets even with large buffers.
constexpr std::size_t kMaxOutstanding = 256;

/// The time between two queries of each of so many threads. Input: `rate` of all together, a second; 0: no limit.
std::chrono::nanoseconds pace_of(std::size_t rate, std::size_t threads) {
  if (rate == 0) return {};
  return std::chrono::nanoseconds(std::chrono::seconds(threads)) / rate;
}

UnixTime system_now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

}  // namespace

std::string resolv_conf_text() {
  constexpr std::size_t kMostOctets = 65536;
  return read_file_text("/etc/resolv.conf", kMostOctets).text;
}

ProbeOptions probe_options(const Config& config) {
  return {.ipv4 = has_family(config, IpFamily::ipv4),
          .ipv6 = has_family(config, IpFamily::ipv6),
          .first_address_only = config.smtp.addresses == AddressChoice::first,
          .max_addresses = config.smtp.max_addresses,
          .timeout = config.probe.timeout,
          .policy = {.port = config.policy.port, .timeout = config.policy.timeout, .max_size = config.policy.max_size},
          .http_port = config.policy.http_port,
          .smtp = {.port = config.smtp.port,
                   .hello_name = config.smtp.helo.empty() ? own_host_name() : config.smtp.helo,
                   .timeout = config.smtp.timeout}};
}

ClassifyOptions classify_options(const Config& config) {
  return {.incomplete_chain = config.classify.incomplete_chain,
          .expiry_warning = config.findings.expiry_warning,
          .min_max_age_enforce = config.findings.min_max_age_enforce,
          .min_max_age_testing = config.findings.min_max_age_testing,
          .testing_longer_than = config.findings.testing_longer_than};
}

PeerLimitOptions peer_limit_options(const Config& config) {
  return {.per_network = config.probe.max_per_network,
          .per_provider = config.probe.max_per_provider,
          .translators = config.probe.nat64_prefixes};
}

ResolverOptions resolver_options(const Config& config, std::size_t resolvers) {
  ResolverOptions options{
      .servers = config.dns.servers.empty() ? parse_resolv_conf(resolv_conf_text()) : configured_servers(config.dns),
      .timeout = config.dns.timeout,
      .attempts = static_cast<int>(config.dns.attempts),
      .max_outstanding = kMaxOutstanding / resolvers,
      .pace = pace_of(config.dns.max_rate, resolvers),
      .dnssec = config.dns.validate != DnsValidation::off,
      .validate_locally = config.dns.validate == DnsValidation::local,
      .trust_anchor_file = config.dns.trust_anchor};
  if (config.dns.trust_ad == TrustAd::automatic) return options;
  for (ResolverServer& server : options.servers) {
    server.trust = config.dns.trust_ad == TrustAd::always ? AdTrust::always : AdTrust::never;
  }
  return options;
}

ProbeEngine::ProbeEngine(boost::asio::io_context& io, const Config& config)
    : ProbeEngine(io, config, 1, std::make_shared<PeerLimits>(peer_limit_options(config)),
                  std::make_shared<WorkMeter>()) {}

ProbeEngine::ProbeEngine(boost::asio::io_context& io, const Config& config, std::size_t engines,
                         std::shared_ptr<PeerLimits> limits, std::shared_ptr<WorkMeter> work)
    : options(probe_options(config)),
      classify(classify_options(config)),
      max_hosts(config.smtp.max_hosts),
      clock(io, std::move(work)),
      gate(clock),
      peers(std::move(limits)),
      tls({.ca_file = config.tls.ca_file, .min_minor_version = config.tls.min_version == TlsVersion::tls1_3 ? 3 : 2}),
      resolver(clock, resolver_options(config, engines)),
      net{.clock = clock,
          .gate = gate,
          .peers = *peers,
          .tls = tls,
          .now = system_now,
          .allow_private = config.probe.allow_private,
          .translators = config.probe.nat64_prefixes,
          .source_address = config.smtp.source_address ? to_string(*config.smtp.source_address) : ""},
      report_target_max_age(config.probe.interval / 2) {}

}  // namespace mtasts
