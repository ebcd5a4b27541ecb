// SPDX-License-Identifier: Apache-2.0
#include "probes/net/domain_probe.h"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "probes/core/classify_dane.h"
#include "probes/core/domain_name.h"
#include "probes/core/own_trouble.h"
#include "probes/core/sts_record.h"

namespace mtasts {
namespace asio = boost::asio;
namespace {

using namespace asio::experimental::awaitable_operators;

class Stopwatch {
 public:
  [[nodiscard]] Milliseconds elapsed() const {
    return std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - start_);
  }

 private:
  SteadyTime start_{std::chrono::steady_clock::now()};
};

/// The addresses to probe: up to the limit per family, in answer order.
std::vector<IpAddress> chosen_addresses(const AddressObservation& seen, const ProbeOptions& options) {
  const std::size_t most = options.first_address_only ? 1 : options.max_addresses;
  std::vector<IpAddress> chosen;
  std::size_t ipv4 = 0;
  std::size_t ipv6 = 0;
  for (const IpAddress& address : seen.addresses) {
    std::size_t& count = address.family == IpFamily::ipv4 ? ipv4 : ipv6;
    if (count++ < most) chosen.push_back(address);
  }
  return chosen;
}

// An ordinary peer may take its time: Postfix postscreen greets after 6 seconds (postscreen_greet_wait). No
// more than a sixth of the whole is taken for fair, lest a short limit grow with the number of addresses.
constexpr Milliseconds kFairShare{10000};
constexpr int kSharers = 6;

// The verdict on a handshake stands: the peer's last word is not waited for.
constexpr Milliseconds kNoPatience{0};
// A firewall that drops what comes to port 80 is common, and nobody's fault.
constexpr Milliseconds kClearTextPatience{3000};

constexpr std::string_view kResolverDown = "no DNS server of ours answers";

asio::awaitable<PolicyObservation> observe_policy(NetContext& net, Resolver& resolver, std::string host,
                                                  ProbeOptions options) {
  Milliseconds spent{};
  PolicyObservation seen;
  seen.lookup = co_await resolver.observe_addresses(host, options.ipv4, options.ipv6);
  const std::vector<IpAddress> addresses = chosen_addresses(seen.lookup, options);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    PolicyFetchOptions fetch = options.policy;
    fetch.timeout = share_of(options.timeout, spent, addresses.size() - i, fetch.timeout);
    PolicyFetchAttempt attempt = co_await fetch_policy(net, host, addresses[i], fetch);
    spent += attempt.lasted;
    seen.attempts.push_back(std::move(attempt));
  }
  co_return seen;
}

/// Nobody downloads the chains of hosts that only take reports, and what was seen of them stays in memory.
void drop_pem(TlsObservation& tls) {
  for (Certificate& certificate : tls.chain) std::string().swap(certificate.pem);
}

asio::awaitable<HandshakeAttempt> shake_hands(NetContext& net, std::string host, IpAddress address, std::uint16_t port,
                                              Milliseconds limit) {
  HandshakeAttempt attempt;
  attempt.address = address;
  const PeerLimits::Leave leave = co_await net.peers.enter(address, host);
  HandshakeGate::Pass pass = co_await net.gate.enter();
  Connection connection(net, limit, std::move(pass));
  attempt.failure = co_await connection.connect(address, port);
  if (!attempt.failure) attempt.failure = co_await connection.start_tls(std::move(host));
  attempt.tls = connection.tls();
  if (attempt.tls) drop_pem(*attempt.tls);
  attempt.lasted = connection.age();
  if (attempt.tls) co_await connection.part(kNoPatience);
  co_return attempt;
}

bool leaves_nothing_to_be_desired(const HandshakeAttempt& attempt) {
  return !attempt.failure && attempt.tls && attempt.tls->problems.empty();
}

asio::awaitable<void> observe_mailbox_domain(Resolver& resolver, ReportTargetObservation& seen) {
  seen.mx = co_await resolver.observe_mx(seen.target.host);
  const DnsStatus status = seen.mx.lookup.status;
  const bool exists_without = seen.mx.records.empty() && (status == DnsStatus::answered || status == DnsStatus::nodata);
  if (exists_without) seen.lookup = co_await resolver.observe_addresses(seen.target.host, true, true);
}

asio::awaitable<void> observe_report_host(NetContext& net, Resolver& resolver, ProbeOptions options,
                                          ReportTargetObservation& seen) {
  seen.lookup = co_await resolver.observe_addresses(seen.target.host, options.ipv4, options.ipv6);
  const std::vector<IpAddress> addresses = chosen_addresses(seen.lookup, options);
  Milliseconds spent{};
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const Milliseconds limit = share_of(options.timeout, spent, addresses.size() - i, options.timeout);
    HandshakeAttempt attempt = co_await shake_hands(net, seen.target.host, addresses[i], options.policy.port, limit);
    spent += attempt.lasted;
    seen.attempts.push_back(std::move(attempt));
    if (leaves_nothing_to_be_desired(seen.attempts.back())) break;
  }
  seen.spoiled = take_out_own_trouble(seen);
  if (!seen.spoiled) seen.spoiled = family_left_out(seen.target.host, seen.lookup);
}

/// Asks for TLSA records where DANE may apply: below the end of the CNAME chain if all of it is secure, else, and where
/// there are none, below the host's own name; below that also where the chain begins securely and ends otherwise. Not
/// asked for where the addresses are not secure. Source: RFC 7672 section 2.2.2.
asio::awaitable<std::optional<TlsaObservation>> observe_host_tlsa(Resolver& resolver, std::string host,
                                                                  const AddressObservation& lookup,
                                                                  std::uint16_t port) {
  const DnsSecurity security = security_of(lookup);
  const std::string end = expanded_name(lookup, host);
  if (security == DnsSecurity::secure && end != host && parse_domain_name(end)) {
    TlsaObservation seen = co_await resolver.observe_tlsa(end, port);
    const bool settles = lookup_failed(seen.lookup) || seen.lookup.security == DnsSecurity::bogus;
    if (settles || !secure_records(seen).empty()) co_return seen;
  }
  bool may_apply = security == DnsSecurity::secure;
  if (security == DnsSecurity::insecure && end != host) {
    const DnsLookup alias = co_await resolver.observe_alias(host);
    TlsaObservation unknown{.base_domain = host, .lookup = alias};
    if (lookup_failed(alias)) co_return unknown;
    may_apply = alias.security == DnsSecurity::secure;
  }
  if (!may_apply) co_return std::nullopt;
  TlsaObservation seen = co_await resolver.observe_tlsa(std::move(host), port);
  co_return seen;
}

/// One session per address. Input: `name` for SNI; `records` to match; `spent`, what connections have taken so far.
asio::awaitable<std::vector<SmtpObservation>> observe_sessions(NetContext& net, std::string name,
                                                               const std::vector<IpAddress>& addresses,
                                                               ProbeOptions options, std::vector<TlsaRecord> records,
                                                               Milliseconds& spent) {
  std::vector<SmtpObservation> sessions;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    SmtpProbeOptions smtp = options.smtp;
    smtp.timeout = share_of(options.timeout, spent, addresses.size() - i, smtp.timeout);
    smtp.tlsa = records;
    SmtpObservation session = co_await observe_smtp(net, name, addresses[i], smtp);
    spent += session.lasted;
    sessions.push_back(std::move(session));
  }
  co_return sessions;
}

/// The sessions with a host's addresses, and those with its TLSA base domain in SNI, where that is another name.
asio::awaitable<void> observe_host_sessions(NetContext& net, const std::vector<IpAddress>& addresses,
                                            ProbeOptions options, MxHostObservation& seen) {
  Milliseconds spent{};
  const std::span<const TlsaRecord> secure = secure_records(seen.tlsa);
  const std::vector<TlsaRecord> records(secure.begin(), secure.end());
  const bool other_name = seen.tlsa && seen.tlsa->base_domain != seen.host;
  const std::vector<TlsaRecord> of_host = other_name ? std::vector<TlsaRecord>{} : records;
  seen.sessions = co_await observe_sessions(net, seen.host, addresses, options, of_host, spent);
  if (!other_name || records.empty()) co_return;
  const std::string base_domain = seen.tlsa->base_domain;
  seen.base_domain_sessions = co_await observe_sessions(net, base_domain, addresses, options, records, spent);
}

bool must_wait(const DomainObservation& seen, const std::optional<std::string>& not_for_id) {
  if (!not_for_id) return false;
  const StsRecordSet records = parse_sts_records(seen.sts.records);
  return records.status == RecordStatus::valid && records.id == not_for_id;
}

}  // namespace

Milliseconds share_of(Milliseconds total, Milliseconds spent, std::size_t addresses_left, Milliseconds most) {
  const Milliseconds even = (total - spent) / static_cast<long>(std::max<std::size_t>(addresses_left, 1));
  const Milliseconds least = std::min(kFairShare, total / kSharers);
  return std::min(most, std::max(even, least));
}

asio::awaitable<DomainObservation> observe_domain(NetContext& net, Resolver& resolver, std::string domain,
                                                  ProbeOptions options, std::optional<std::string> not_for_id) {
  const Stopwatch total;
  DomainObservation seen;
  seen.domain = domain;
  auto lookups = resolver.observe_txt("_mta-sts." + domain) && resolver.observe_txt("_smtp._tls." + domain) &&
                 resolver.observe_mx(domain);
  std::tie(seen.sts, seen.tlsrpt, seen.mx) = co_await std::move(lookups);
  seen.dns_duration = total.elapsed();
  if (!must_wait(seen, not_for_id)) {
    const Stopwatch policy;
    seen.policy = co_await observe_policy(net, resolver, "mta-sts." + domain, options);
    seen.policy_duration = policy.elapsed();
    seen.spoiled = take_out_own_trouble(*seen.policy);
    // Without a record no sender looks for the host, and it need not be there.
    const bool wanted = parse_sts_records(seen.sts.records).status != RecordStatus::none;
    if (!seen.spoiled && wanted) seen.spoiled = family_left_out("mta-sts." + domain, seen.policy->lookup);
  }
  if (resolver_down(seen)) seen.spoiled = std::string(kResolverDown);
  seen.total_duration = total.elapsed();
  seen.ended = net.now();
  co_return seen;
}

asio::awaitable<std::optional<PolicyFetchAttempt>> observe_clear_text(NetContext& net, const DomainObservation& seen,
                                                                      const ProbeOptions& options) {
  if (!seen.policy || seen.policy->lookup.addresses.empty() || options.http_port == 0) co_return std::nullopt;
  const IpAddress address = seen.policy->lookup.addresses.front();
  PolicyFetchOptions fetch = options.policy;
  fetch.port = options.http_port;
  fetch.clear_text = true;
  fetch.timeout = std::min(fetch.timeout, kClearTextPatience);
  std::string host = "mta-sts." + seen.domain;
  PolicyFetchAttempt attempt = co_await fetch_policy(net, std::move(host), address, fetch);
  co_return attempt;
}

asio::awaitable<MxHostObservation> observe_mx_host(NetContext& net, Resolver& resolver, std::string host,
                                                   ProbeOptions options) {
  const Stopwatch clock;
  MxHostObservation seen;
  seen.host = host;
  seen.lookup = co_await resolver.observe_addresses(host, options.ipv4, options.ipv6);
  const std::vector<IpAddress> addresses = chosen_addresses(seen.lookup, options);
  seen.addresses_skipped = seen.lookup.addresses.size() - addresses.size();
  seen.tlsa = co_await observe_host_tlsa(resolver, host, seen.lookup, options.smtp.port);
  co_await observe_host_sessions(net, addresses, options, seen);
  seen.spoiled = take_out_own_trouble(seen);
  const bool no_resolver = resolver_down(seen.lookup) || (seen.tlsa && seen.tlsa->lookup.resolver_down);
  if (no_resolver) seen.spoiled = std::string(kResolverDown);
  seen.duration = clock.elapsed();
  seen.ended = net.now();
  co_return seen;
}

asio::awaitable<ReportTargetObservation> observe_report_target(NetContext& net, Resolver& resolver, ReportTarget target,
                                                               ProbeOptions options) {
  ReportTargetObservation seen;
  seen.target = std::move(target);
  if (seen.target.kind == ReportTargetKind::mailbox) {
    co_await observe_mailbox_domain(resolver, seen);
  } else {
    co_await observe_report_host(net, resolver, options, seen);
  }
  co_return seen;
}

}  // namespace mtasts
