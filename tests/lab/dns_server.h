// An answering resolver for the lab's names, over UDP and TCP, that misbehaves name by name.
// Next: dns_wire.h for the bytes; scenario.h for who asks for which misbehaviour.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tests/lab/dns_wire.h"

namespace mtasts::lab {

/// How the answers for one owner name go wrong. truncate: UDP says TC, TCP answers. spoof: forged answers first, then
/// the true one. lose_first: every other UDP query of a name and type is dropped. slow: 400 ms late. garbage: a header
/// that promises records which do not follow.
enum class DnsFault { none, nxdomain, nodata, servfail, refused, silent, truncate, spoof, lose_first, slow, garbage };

struct MxEntry {
  std::uint16_t preference{};
  std::string host{};  // "" is the root of a null MX
};

/// What a validating resolver makes of a name: secure with all of a signed zone, insecure and bogus by itself.
/// remembered_outage: its name servers were away a moment ago, and whoever asks for checked data still hears it.
enum class DnsSecurity { of_zone, insecure, bogus, remembered_outage };

struct TlsaEntry {
  std::uint8_t usage{};
  std::uint8_t selector{};
  std::uint8_t matching_type{};
  Octets data{};
};

/// All records of one owner name.
struct DnsSet {
  std::vector<std::string> txt{};
  std::vector<MxEntry> mx{};
  std::vector<std::string> addresses{};  // IPv4 and IPv6
  std::vector<TlsaEntry> tlsa{};
  std::string cname{};
  DnsFault fault{DnsFault::none};
  DnsSecurity security{DnsSecurity::of_zone};
};

/// What the whole server does; `answer` is the normal state.
/// cut: a resolver that has lost its way out and still has the root's SOA in its cache. unvalidated: it answers, and no
/// longer validates.
enum class DnsMode { answer, silent, servfail, cut, unvalidated };

/// Lives on one io_context and its thread.
class DnsServer {
 public:
  /// Binds UDP and TCP on 127.0.0.1; port 0 picks one free for both. Errors: boost::system::system_error.
  DnsServer(boost::asio::io_context& context, std::uint16_t port);

  /// Starts answering.
  void start();
  std::uint16_t port() const { return port_; }

  void put(const std::string& name, DnsSet set);
  /// Everything at and below the name is signed, or no longer.
  void set_signed(const std::string& zone, bool is_signed);
  void remove(const std::string& name) { names_.erase(name); }
  void set_mode(DnsMode mode) { mode_ = mode; }
  void set_latency(std::chrono::milliseconds latency) { latency_ = latency; }
  std::uint64_t queries() const { return queries_; }

 private:
  void bind(std::uint16_t port);
  boost::asio::awaitable<void> serve_udp();
  boost::asio::awaitable<void> serve_tcp();
  boost::asio::awaitable<void> serve_stream(boost::asio::ip::tcp::socket client);
  boost::asio::awaitable<void> reply_later(boost::asio::ip::udp::endpoint client, Octets message,
                                           std::chrono::milliseconds delay);
  void handle_datagram(std::span<const std::uint8_t> message, const boost::asio::ip::udp::endpoint& client);
  void reply(const boost::asio::ip::udp::endpoint& client, const Octets& message);
  void send_forgeries(const DnsQuestion& question, const boost::asio::ip::udp::endpoint& client);
  DnsAnswer answer(const DnsQuestion& question) const;
  DnsFault fault_of(const std::string& name) const;
  DnsSecurity security_of(const std::string& name) const;
  bool in_signed_zone(const std::string& name) const;
  bool drop_this_one(const DnsQuestion& question);

  boost::asio::io_context& context_;
  boost::asio::ip::udp::socket udp_;
  boost::asio::ip::tcp::acceptor tcp_;
  std::uint16_t port_{};
  DnsMode mode_{DnsMode::answer};
  std::chrono::milliseconds latency_{};
  std::uint64_t queries_{};
  std::unordered_map<std::string, DnsSet> names_;
  std::unordered_set<std::string> signed_zones_;
  std::unordered_set<std::string> ancestors_;                          // empty non-terminals (RFC 8020)
  std::map<std::pair<std::string, std::uint16_t>, unsigned> dropped_;  // of lose_first
};

}  // namespace mtasts::lab
