// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "exporter/stored_observation.h"
#include "probes/core/classify.h"
#include "probes/core/classify_report_target.h"
#include "probes/core/own_trouble.h"
#include "probes/core/sts_record.h"
#include "probes/net/domain_probe.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/sandbox.h"
#include "tests/fuzz/server_peer.h"
#include "tests/fuzz/server_script.h"

using namespace mtasts;
using mtasts::fuzz::expect;
using mtasts::fuzz::Track;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Udp = asio::ip::udp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// What the prober may keep of a server, by its own promises or by those of the protocols.
constexpr std::size_t kMaxBody = 4096;
constexpr std::size_t kMostHosts = 2;
constexpr std::size_t kMostAddresses = 2;  // of a host
constexpr std::size_t kMostTranscript = 48;
constexpr std::size_t kMostTranscriptLine = 163;
constexpr std::size_t kMostHeaderValue = 512;
constexpr std::size_t kMostMessage = 4096;
constexpr std::size_t kMostDnsOctets = 65536;
constexpr std::size_t kMostRow = std::size_t{256} * 1024;

UnixTime start_time() {
  static const UnixTime time = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return time;  // the certificates are of this day
}

/// What is made once: certificates, sockets, the prober's TLS context.
struct Fixture {
  fuzz::PeerTls peers{};
  fuzz::MemoryFile roots{peers.root_pem()};
  TlsContext tls{TlsOptions{.ca_file = roots.path()}};
  fuzz::DnsListeners dns{};
  fuzz::Listener https{fuzz::Listener::Kind::tcp};
  fuzz::Listener smtp{fuzz::Listener::Kind::tcp};
  fuzz::Listener http{fuzz::Listener::Kind::tcp};
  fuzz::Listener nobody{fuzz::Listener::Kind::closed};
};

Fixture& fixture() {
  static Fixture made;
  return made;
}

/// A script and the prober that it is played to.
class Play {
 public:
  explicit Play(fuzz::ScriptReader reader) : script_(reader), sandbox_(fixture().tls, start_time()) {
    fixture().tls.recall({}, UnixTime{});  // a clock that jumps back: nothing is remembered of other inputs
    serve(fixture().https, Track::https);
    serve(fixture().smtp, Track::smtp);
    serve(fixture().http, Track::http);
    sandbox_.serve(fixture().dns.tcp(), [this](Tcp::socket client) { return serve_dns_client(std::move(client)); });
    asio::co_spawn(sandbox_.io(), serve_dns(Udp::socket(sandbox_.io(), Udp::v4(), fixture().dns.udp().fresh())),
                   asio::detached);
  }

  [[nodiscard]] ProbeOptions probe_options() const {
    ProbeOptions options{.ipv6 = false, .max_addresses = kMostAddresses, .timeout = 400ms};
    options.policy = {.port = port(Track::https, fixture().https), .timeout = 100ms, .max_size = kMaxBody};
    options.http_port = port(Track::http, fixture().http);
    options.smtp = {.port = port(Track::smtp, fixture().smtp), .hello_name = "probe.example", .timeout = 100ms};
    return options;
  }

  DomainObservation look_at_domain() {
    DomainObservation seen =
        sandbox_.run(observe_domain(sandbox_.net(), resolver_, fuzz::kDomain, probe_options(), std::nullopt));
    seen.clear_text = sandbox_.run(observe_clear_text(sandbox_.net(), seen, probe_options()));
    for (const ReportTarget& target : targets_to_observe(seen)) {
      ReportTargetObservation looked =
          sandbox_.run(observe_report_target(sandbox_.net(), resolver_, target, probe_options()));
      seen.report_targets.push_back(std::make_shared<const ReportTargetObservation>(std::move(looked)));
    }
    return seen;
  }

  MxHostObservation look_at_host(const std::string& host) {
    return sandbox_.run(observe_mx_host(sandbox_.net(), resolver_, host, probe_options()));
  }

 private:
  [[nodiscard]] std::uint16_t port(Track track, const fuzz::Listener& listener) const {
    return script_.refuses(track) ? fixture().nobody.port() : listener.port();
  }

  static ResolverOptions resolver_options() {
    const Udp::endpoint here(asio::ip::address_v4::loopback(), fixture().dns.udp().port());
    return {.servers = {{.endpoint = here, .trust = AdTrust::always}}, .timeout = 60ms, .attempts = 1};
  }

  void serve(const fuzz::Listener& listener, Track track) {
    sandbox_.serve(listener, [this, track](Tcp::socket client) { return serve_client(track, std::move(client)); });
  }

  asio::awaitable<void> serve_client(Track track, Tcp::socket client) {
    fuzz::Peer peer(script_, fixture().peers, track, std::move(client));
    co_await peer.play();
  }

  asio::awaitable<void> serve_dns(Udp::socket socket) {
    std::array<std::uint8_t, 2048> buffer{};
    const auto room = asio::buffer(buffer);
    Udp::endpoint client;
    while (true) {
      const auto [error, size] = co_await socket.async_receive_from(room, client, kAwait);
      if (error) co_return;
      const auto question = lab::parse_query(std::span(buffer).first(size));
      expect(question.has_value());
      boost::system::error_code lost;
      for (const lab::Octets& packet : script_.answers(*question, true))
        socket.send_to(asio::buffer(packet), client, 0, lost);
    }
  }

  asio::awaitable<void> serve_dns_client(Tcp::socket client) {
    std::array<std::uint8_t, 2> prefix{};
    const auto prefix_room = asio::buffer(prefix);
    const auto [no_prefix, two] = co_await asio::async_read(client, prefix_room, kAwait);
    if (no_prefix) co_return;
    lab::Octets query(static_cast<std::size_t>(prefix[0] * 256 + prefix[1]));
    const auto query_room = asio::buffer(query);
    const auto [no_query, size] = co_await asio::async_read(client, query_room, kAwait);
    if (no_query) co_return;
    const auto question = lab::parse_query(query);
    expect(question.has_value());
    std::string octets;
    for (const lab::Octets& packet : script_.answers(*question, false)) {
      octets += {static_cast<char>(packet.size() >> 8U), static_cast<char>(packet.size() & 0xffU)};
      octets.append(packet.begin(), packet.end());
    }
    const auto answer = asio::buffer(octets);
    co_await asio::async_write(client, answer, kAwait);
  }

  fuzz::ServerScript script_;
  fuzz::Sandbox sandbox_;
  Resolver resolver_{sandbox_.net().clock, resolver_options()};
};

/// Whatever a server does, it is the server's doing.
void expect_failure(const std::optional<NetFailure>& failure) {
  if (!failure) return;
  expect(failure->error != NetError::local && failure->error != NetError::no_route &&
         failure->error != NetError::address_refused);
  fuzz::expect_one_line(failure->text, kMostMessage);
}

void expect_lookup(const DnsLookup& lookup) {
  constexpr std::size_t kMostName = 1024;  // every octet as \DDD
  constexpr std::size_t kMostAliases = 200;
  expect(lookup.aliases.size() <= kMostAliases && lookup.canonical_name.size() <= kMostName);
  for (const std::string& alias : lookup.aliases) expect(alias.size() <= kMostName);
  fuzz::expect_printable(lookup.canonical_name);
  fuzz::expect_printable(lookup.explanation);
  expect(lookup.security != DnsSecurity::bogus || lookup.status == DnsStatus::servfail);
}

void expect_addresses(const AddressObservation& seen) {
  expect(!seen.ipv6 && seen.addresses.size() <= kMostDnsOctets / 16);
  if (seen.ipv4) expect_lookup(*seen.ipv4);
}

void expect_tls(const std::optional<TlsObservation>& tls) {
  if (!tls) return;
  expect(tls->version == "TLSv1.2" || tls->version == "TLSv1.3");
  expect(!tls->chain.empty() || !tls->problems.empty());
  for (const CertificateProblem& problem : tls->problems) fuzz::expect_one_line(problem.text, kMostMessage);
}

void expect_fetch(const PolicyFetchAttempt& attempt) {
  expect_failure(attempt.failure);
  expect_tls(attempt.tls);
  expect(attempt.body.size() <= kMaxBody && attempt.http_status >= 0 && attempt.http_status <= 999);
  for (const std::string* value : {&attempt.content_type, &attempt.location, &attempt.server}) {
    expect(value->size() <= kMostHeaderValue);
    fuzz::expect_printable(*value);
  }
  expect(attempt.failure ? attempt.body.empty() : attempt.http_status >= 200);
}

void expect_session(const SmtpObservation& session) {
  expect_failure(session.failure);
  expect_tls(session.tls);
  expect(session.connected || session.failure);
  expect(session.transcript.size() <= kMostTranscript);
  for (const std::string& line : session.transcript) {
    expect(line.size() <= kMostTranscriptLine);
    fuzz::expect_printable(line);
  }
  for (const auto& code : {session.greeting_code, session.hello_code, session.starttls_code})
    expect(!code || (*code >= 0 && *code <= 999));
  expect(!session.tls || session.starttls_code == 220);
}

/// A script can leave the policy host without an address of the one family that is asked for.
bool is_behind_other_family(const DomainObservation& seen) {
  const bool wanted = parse_sts_records(seen.sts.records).status != RecordStatus::none;
  return wanted && family_left_out("mta-sts." + seen.domain, seen.policy->lookup).has_value();
}

/// Our own trouble is that, or that no DNS server answers, which a script can play, too, and nothing else.
void expect_seen(const DomainObservation& seen) {
  expect(seen.policy.has_value());
  expect(seen.spoiled.has_value() == (resolver_down(seen) || is_behind_other_family(seen)));
  for (const DnsLookup* lookup : {&seen.sts.lookup, &seen.tlsrpt.lookup, &seen.mx.lookup}) expect_lookup(*lookup);
  std::size_t octets = 0;
  for (const std::string& record : seen.sts.records) octets += record.size();
  expect(octets <= kMostDnsOctets && seen.mx.records.size() <= kMostDnsOctets / 14);
  expect_addresses(seen.policy->lookup);
  expect(seen.policy->attempts.size() <= kMostAddresses);
  for (const PolicyFetchAttempt& attempt : seen.policy->attempts) expect_fetch(attempt);
  if (seen.clear_text) expect_fetch(*seen.clear_text);
  expect(seen.report_targets.size() <= kMostReportTargets);
  for (const auto& target : seen.report_targets)
    for (const HandshakeAttempt& attempt : target->attempts) expect_failure(attempt.failure);
}

void expect_seen(const MxHostObservation& seen) {
  const bool no_resolver = resolver_down(seen.lookup) || (seen.tlsa && seen.tlsa->lookup.resolver_down);
  expect(seen.spoiled.has_value() == no_resolver);
  expect_addresses(seen.lookup);
  expect(seen.sessions.size() <= kMostAddresses && seen.base_domain_sessions.size() <= kMostAddresses);
  for (const SmtpObservation& session : seen.sessions) expect_session(session);
  for (const SmtpObservation& session : seen.base_domain_sessions) expect_session(session);
}

/// What is kept reads back as it was kept, and is small.
template <class Observation, class Parse>
void expect_stored(const Observation& seen, Parse parse) {
  const std::string row = render_observation(seen);
  expect(row.size() <= kMostRow && render_observation(parse(row)) == row);
}

void expect_faults(const std::vector<Fault>& faults) {
  for (const Fault& fault : faults) {
    const auto is_reason = [&fault](CodeKind kind) { return find_code(kind, fault.reason) != nullptr; };
    expect(is_reason(CodeKind::reason) || is_reason(CodeKind::policy_error) || is_reason(CodeKind::record_error));
    fuzz::expect_one_line(fault.message, kMostMessage);
  }
}

void expect_findings(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    expect(find_code(CodeKind::finding, finding.code) != nullptr);
    fuzz::expect_one_line(finding.message, kMostMessage);
  }
}

/// There is always a verdict, in words of the catalogue.
void expect_verdict(const DomainObservation& seen, const std::vector<MxHostObservation>& hosts) {
  const ClassifyOptions options;
  std::vector<MxVerdict> judged;
  for (const MxHostObservation& host : hosts) judged.push_back(classify_mx_host(host, nullptr, options, start_time()));
  MxVerdicts by_host;
  for (const MxVerdict& verdict : judged) {
    expect_faults(verdict.faults);
    expect_findings(verdict.findings);
    by_host[verdict.host] = &verdict;
  }
  const DomainMemory memory = remember({}, seen);
  const DomainInputs inputs{.seen = seen,
                            .memory = memory,
                            .mx = by_host,
                            .previous = nullptr,
                            .expected_mode = StsMode::enforce,
                            .require_dane = true,
                            .max_hosts = kMostHosts};
  const DomainVerdict verdict = classify_domain(inputs, options, start_time());
  expect(verdict.state != DomainState::pending);
  expect((verdict.state == DomainState::unknown) != verdict.unknown_reason.empty());
  expect_faults(verdict.faults);
  expect_findings(verdict.findings);
  const std::string row = render_json(verdict);
  expect(row.size() <= kMostRow && render_json(parse_domain_verdict_json(row)) == row);
}

}  // namespace

/// The input is a script that plays DNS, a policy host and an MX host to a probe of a domain: see server_script.h.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Play play(fuzz::ScriptReader(data, size));
  const DomainObservation seen = play.look_at_domain();
  expect_seen(seen);
  expect_stored(seen, parse_domain_observation);
  std::vector<MxHostObservation> hosts;
  for (const MxRecord& record : mx_hosts_of(seen)) {
    if (hosts.size() == kMostHosts) break;
    hosts.push_back(play.look_at_host(record.host));
    expect_seen(hosts.back());
    expect_stored(hosts.back(), parse_mx_host_observation);
  }
  expect_verdict(seen, hosts);
  return 0;
}
