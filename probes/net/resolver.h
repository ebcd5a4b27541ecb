// Asks recursive resolvers, as a stub: UDP, then TCP; NXDOMAIN, NODATA, SERVFAIL and timeout kept apart.
// Next: dns_message.h for the bytes; domain_probe.h for the questions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/udp.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "probes/core/observations.h"
#include "probes/net/dns_message.h"
#include "probes/net/dns_validator.h"
#include "probes/net/loop_clock.h"
#include "probes/net/wait_queue.h"

namespace mtasts {

/// never: its AD counts for nothing; probe: it counts once `. SOA` came back with AD; always: without proof.
enum class AdTrust { never, probe, always };

struct ResolverServer {
  boost::asio::ip::udp::endpoint endpoint{};
  AdTrust trust{AdTrust::never};
};

struct ResolverOptions {
  std::vector<ResolverServer> servers{};    // in order of preference, at least one
  std::chrono::milliseconds timeout{5000};  // per attempt
  int attempts{3};                          // but each server is tried once at least
  std::size_t max_outstanding{256};         // at least 1; bursts of UDP lose packets even with large buffers
  std::chrono::nanoseconds pace{};          // at least from query to query, those sent again among them; 0: no limit
  bool dnssec{true};                        // false: no answer is looked at for what DNSSEC says of it
  bool validate_locally{};                  // by this process, whatever AD says
  std::string trust_anchor_file{};          // for that; "": the root's, built in
};

/// How `trust_ad: auto` judges a server: a resolver on this very host that is not a forwarding stub.
AdTrust automatic_trust(const boost::asio::ip::address& server, bool resolv_conf_trusts);

/// The servers of a resolv.conf text, with `options trust-ad` heeded (resolv.conf(5)).
std::vector<ResolverServer> parse_resolv_conf(std::string_view text);

/// A stub resolver. Single-threaded: lives on one loop.
class Resolver {
 public:
  /// Errors: std::runtime_error when the trust anchor cannot be read.
  Resolver(LoopClock& clock, ResolverOptions options);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  boost::asio::awaitable<TxtObservation> observe_txt(std::string name);
  boost::asio::awaitable<MxSetObservation> observe_mx(std::string name);
  /// Input: name; whether to ask for A and AAAA. The order of the result is A first.
  boost::asio::awaitable<AddressObservation> observe_addresses(std::string name, bool ipv4, bool ipv6);
  /// The records at _PORT._tcp.BASE (RFC 7672 section 2.2).
  boost::asio::awaitable<TlsaObservation> observe_tlsa(std::string base_domain, std::uint16_t port);
  /// The CNAME record of this name alone: what DNSSEC says of it, wherever it leads.
  boost::asio::awaitable<DnsLookup> observe_alias(std::string name);

  /// Asks every server for `. SOA`: learns which ones answer and which ones set AD.
  boost::asio::awaitable<void> check_servers();

  /// By server text: does its AD count now?
  [[nodiscard]] std::map<std::string, bool> authenticated() const;

  /// By family: does some server of that family answer? Any answer says yes; only silence on `. SOA` says no, for a
  /// forwarder may be silent about one dead zone. Families never asked are left out.
  [[nodiscard]] std::map<IpFamily, bool> answering() const;

 private:
  struct Server {
    boost::asio::ip::udp::endpoint endpoint;
    AdTrust trust;
    bool proved{};                   // `. SOA` came back with AD
    bool asked{};                    // for that
    std::optional<bool> answered{};  // see answering()
    std::string text;
  };
  struct Reply {
    DnsAnswer answer;
    const Server* server{};
    bool resolver_down{};
    bool bogus{};
    bool validated{};  // by this process
  };
  class Turn;
  class HealthCheck;
  class Introduction;

  boost::asio::awaitable<void> know_servers();
  boost::asio::awaitable<void> take_turn();
  boost::asio::awaitable<void> keep_pace();
  void end_turn();
  boost::asio::awaitable<Reply> ask(DnsQuestion question);
  boost::asio::awaitable<Reply> ask_surely(DnsQuestion question);
  boost::asio::awaitable<Reply> ask_once(DnsQuestion question);
  boost::asio::awaitable<Reply> ask_validator(DnsQuestion question);
  boost::asio::awaitable<Reply> ask_unchecked(DnsQuestion question, Reply failed);
  boost::asio::awaitable<std::optional<DnsAnswer>> ask_server(Server& server, DnsQuestion question);
  boost::asio::awaitable<std::optional<DnsAnswer>> ask_health(Server& server);
  std::vector<std::uint8_t> prepare_query(const Server& server, const DnsQuestion& question, std::uint16_t id,
                                          boost::asio::ip::udp::socket& socket) const;
  void send_query(boost::asio::ip::udp::socket& socket, const std::vector<std::uint8_t>& query) const;
  std::optional<DnsAnswer> receive_answer(boost::asio::ip::udp::socket& socket, const DnsQuestion& question,
                                          std::uint16_t id, boost::system::error_code& error) const;
  std::optional<DnsAnswer> read_answer(std::span<const std::uint8_t> octets, const DnsQuestion& question,
                                       std::uint16_t id) const;
  boost::asio::awaitable<std::optional<DnsAnswer>> ask_udp(const Server& server, DnsQuestion question);
  boost::asio::awaitable<std::optional<DnsAnswer>> ask_tcp(const Server& server, DnsQuestion question);
  boost::asio::awaitable<bool> some_server_answers();
  boost::asio::awaitable<bool> healthy();
  /// How often a question is asked at most: every server once, and at least dns.attempts times in all.
  [[nodiscard]] std::size_t attempts() const;
  std::vector<Server*> servers_in_order();
  DnsLookup lookup_of(const Reply& reply) const;
  [[nodiscard]] DnsSecurity security_of(const Reply& reply) const;
  [[nodiscard]] bool trusts(const Server& server) const;

  LoopClock& clock_;
  ResolverOptions options_;
  std::vector<Server> servers_;
  std::unique_ptr<DnsValidator> validator_;  // nullptr: the servers validate, or nobody
  std::size_t first_{};                      // of servers_: the one to ask first
  std::size_t outstanding_{};
  WaitQueue waiting_;
  std::chrono::steady_clock::time_point next_query_{};  // not before, at the rate of the options
  bool introducing_{};                                  // see know_servers()
  WaitQueue introduction_waiting_;                      // for its end
  WaitQueue health_waiting_;                            // for the end of a health check under way
  std::shared_ptr<bool> health_answer_{};               // of the check under way, nullptr without one
};

}  // namespace mtasts
