// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/dns_server.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace mtasts::lab {
namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr int kMaxChain = 8;
constexpr std::size_t kMaxDatagram = 4096;
constexpr std::chrono::milliseconds kSlow{400};

bool is_ipv6(const std::string& address) { return address.find(':') != std::string::npos; }

void append_records(const std::string& name, const DnsSet& set, std::uint16_t type, std::vector<DnsRecord>& out) {
  const auto add = [&](DnsType kind, Octets data) { out.push_back({name, kind, std::move(data)}); };
  switch (static_cast<DnsType>(type)) {
    case DnsType::txt:
      for (const auto& text : set.txt) add(DnsType::txt, render_txt(text));
      break;
    case DnsType::mx:
      for (const auto& entry : set.mx) add(DnsType::mx, render_mx(entry.preference, entry.host));
      break;
    case DnsType::a:
    case DnsType::aaaa:
      for (const auto& address : set.addresses) {
        const DnsType kind = is_ipv6(address) ? DnsType::aaaa : DnsType::a;
        if (static_cast<std::uint16_t>(kind) == type) add(kind, render_address(address));
      }
      break;
    case DnsType::tlsa:
      for (const auto& entry : set.tlsa)
        add(DnsType::tlsa, render_tlsa(entry.usage, entry.selector, entry.matching_type, entry.data));
      break;
    default:
      break;
  }
}

DnsAnswer only(DnsCode code) {
  DnsAnswer answer;
  answer.code = code;
  return answer;
}

DnsAnswer servfail(ExtendedError error) {
  DnsAnswer answer = only(DnsCode::servfail);
  answer.extended_error = error;
  return answer;
}

}  // namespace

DnsServer::DnsServer(asio::io_context& context, std::uint16_t port) : context_{context}, udp_{context}, tcp_{context} {
  constexpr int kTries = 16;  // a free UDP port may be taken for TCP
  for (int left = port == 0 ? kTries : 1;; --left) {
    try {
      bind(port);
      return;
    } catch (const boost::system::system_error&) {
      if (left == 1) throw;
    }
  }
}

void DnsServer::bind(std::uint16_t port) {
  const auto loopback = asio::ip::address_v4::loopback();
  udp::socket datagrams{context_, udp::endpoint{loopback, port}};
  const tcp::endpoint same{loopback, datagrams.local_endpoint().port()};
  tcp::acceptor streams{context_, same};
  datagrams.set_option(asio::socket_base::receive_buffer_size{4 << 20});
  datagrams.non_blocking(true);
  port_ = same.port();
  udp_ = std::move(datagrams);
  tcp_ = std::move(streams);
}

void DnsServer::start() {
  put("", {});  // the root exists: a resolver's health is asked of it
  asio::co_spawn(context_, serve_udp(), asio::detached);
  asio::co_spawn(context_, serve_tcp(), asio::detached);
}

void DnsServer::put(const std::string& name, DnsSet set) {
  names_[name] = std::move(set);
  for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    ancestors_.insert(name.substr(dot + 1));
  }
}

asio::awaitable<void> DnsServer::serve_udp() {
  std::array<std::uint8_t, kMaxDatagram> buffer{};
  udp::endpoint client;
  for (;;) {
    const auto [error, size] = co_await udp_.async_receive_from(asio::buffer(buffer), client, kAwait);
    if (error == asio::error::operation_aborted) co_return;
    if (!error) handle_datagram(std::span{buffer.data(), size}, client);
  }
}

void DnsServer::handle_datagram(std::span<const std::uint8_t> message, const udp::endpoint& client) {
  ++queries_;
  const auto question = parse_query(message);
  if (!question || mode_ == DnsMode::silent) return;
  const DnsFault fault = fault_of(question->name);
  if (fault == DnsFault::silent || (fault == DnsFault::lose_first && drop_this_one(*question))) return;
  if (fault == DnsFault::spoof) send_forgeries(*question, client);
  DnsAnswer whole = answer(*question);
  if (fault == DnsFault::truncate) {
    whole = {};
    whole.truncated = true;
  }
  Octets bytes = render_answer(*question, whole, true);
  if (fault == DnsFault::garbage) bytes[7] = 9;  // ANCOUNT
  const auto delay = latency_ + (fault == DnsFault::slow ? kSlow : std::chrono::milliseconds{});
  if (delay.count() == 0) return reply(client, bytes);
  asio::co_spawn(context_, reply_later(client, std::move(bytes), delay), asio::detached);
}

asio::awaitable<void> DnsServer::reply_later(udp::endpoint client, Octets message, std::chrono::milliseconds delay) {
  asio::steady_timer timer{context_, delay};
  co_await timer.async_wait(kAwait);
  reply(client, message);
}

void DnsServer::reply(const udp::endpoint& client, const Octets& message) {
  boost::system::error_code ignored;  // UDP may lose it
  udp_.send_to(asio::buffer(message), client, 0, ignored);
}

/// Answers that a client must not take: a wrong id, and a right id with another question.
void DnsServer::send_forgeries(const DnsQuestion& question, const udp::endpoint& client) {
  DnsAnswer forged;
  forged.code = DnsCode::nxdomain;
  DnsQuestion other = question;
  other.id = static_cast<std::uint16_t>(question.id + 1);
  reply(client, render_answer(other, forged, true));
  other = question;
  other.section = render_name("forged.lab.test");
  for (const std::uint8_t octet : {0, 16, 0, 1}) other.section.push_back(octet);
  reply(client, render_answer(other, forged, true));
}

bool DnsServer::drop_this_one(const DnsQuestion& question) {
  return dropped_[{question.name, question.type}]++ % 2 == 0;
}

DnsFault DnsServer::fault_of(const std::string& name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? DnsFault::none : found->second.fault;
}

void DnsServer::set_signed(const std::string& zone, bool is_signed) {
  is_signed ? void(signed_zones_.insert(zone)) : void(signed_zones_.erase(zone));
}

bool DnsServer::in_signed_zone(const std::string& name) const {
  if (name.empty()) return true;  // a resolver that validates shows it by the root
  for (std::size_t at = 0; at != std::string::npos; at = name.find('.', at + 1)) {
    if (signed_zones_.contains(name.substr(at == 0 ? 0 : at + 1))) return true;
  }
  return false;
}

/// That of the nearest name above it that has a word of its own.
DnsSecurity DnsServer::security_of(const std::string& name) const {
  for (std::size_t at = 0; at != std::string::npos; at = name.find('.', at + 1)) {
    const auto found = names_.find(name.substr(at == 0 ? 0 : at + 1));
    if (found != names_.end() && found->second.security != DnsSecurity::of_zone) return found->second.security;
  }
  return DnsSecurity::of_zone;
}

DnsAnswer DnsServer::answer(const DnsQuestion& question) const {
  const bool root_soa = question.name.empty() && question.type == static_cast<std::uint16_t>(DnsType::soa);
  if (mode_ == DnsMode::servfail || (mode_ == DnsMode::cut && !root_soa)) return only(DnsCode::servfail);
  DnsAnswer result;
  result.authentic = mode_ != DnsMode::unvalidated;
  std::string name = question.name;
  for (int hops = 0; hops < kMaxChain; ++hops) {
    const DnsSecurity security = security_of(name);
    if (!question.checking_disabled && security == DnsSecurity::bogus) return servfail(ExtendedError::dnssec_bogus);
    if (!question.checking_disabled && security == DnsSecurity::remembered_outage)
      return servfail(ExtendedError::no_reachable_authority);
    result.authentic = result.authentic && security == DnsSecurity::of_zone && in_signed_zone(name);
    const auto found = names_.find(name);
    if (found == names_.end()) {
      if (!ancestors_.contains(name)) result.code = DnsCode::nxdomain;
      break;
    }
    const DnsSet& set = found->second;
    if (set.fault == DnsFault::servfail) return only(DnsCode::servfail);
    if (set.fault == DnsFault::refused) return only(DnsCode::refused);
    if (set.fault == DnsFault::nxdomain) result.code = DnsCode::nxdomain;
    if (set.fault == DnsFault::nxdomain || set.fault == DnsFault::nodata) break;
    const bool alias_is_asked_for = question.type == static_cast<std::uint16_t>(DnsType::cname);
    if (set.cname.empty()) {
      append_records(name, set, question.type, result.answers);
      break;
    }
    result.answers.push_back({name, DnsType::cname, render_name(set.cname)});
    if (alias_is_asked_for) break;
    name = set.cname;
  }
  auto& section = root_soa ? result.answers : result.authority;
  if (root_soa || result.answers.empty()) section.push_back({"", DnsType::soa, render_soa()});
  return result;
}

asio::awaitable<void> DnsServer::serve_tcp() {
  for (;;) {
    auto [error, client] = co_await tcp_.async_accept(kAwait);
    if (error == asio::error::operation_aborted) co_return;
    if (!error) asio::co_spawn(context_, serve_stream(std::move(client)), asio::detached);
  }
}

asio::awaitable<void> DnsServer::serve_stream(tcp::socket client) {
  for (;;) {
    std::array<std::uint8_t, 2> prefix{};
    const auto [no_length, got] = co_await asio::async_read(client, asio::buffer(prefix), kAwait);
    if (no_length) co_return;
    Octets message(static_cast<std::size_t>(prefix[0] << 8 | prefix[1]));
    const auto [no_message, size] = co_await asio::async_read(client, asio::buffer(message), kAwait);
    const auto question = no_message ? std::nullopt : parse_query(message);
    if (!question || mode_ == DnsMode::silent || fault_of(question->name) == DnsFault::silent) co_return;
    ++queries_;
    Octets bytes = render_answer(*question, answer(*question), false);
    const auto length = static_cast<std::uint16_t>(bytes.size());
    bytes.insert(bytes.begin(), static_cast<std::uint8_t>(length));
    bytes.insert(bytes.begin(), static_cast<std::uint8_t>(length >> 8));
    const auto [not_sent, sent] = co_await asio::async_write(client, asio::buffer(bytes), kAwait);
    if (not_sent) co_return;
  }
}

}  // namespace mtasts::lab
