// SPDX-License-Identifier: Apache-2.0
#include "probes/net/connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "probes/net/bounded_io.h"
#include "probes/net/ip_family.h"

namespace mtasts {
namespace asio = boost::asio;
namespace {

using Tcp = asio::ip::tcp;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadSize = 8192;
// Up to its end a handshake takes about four turns of the peer, of some 100 ms where it is far away.
constexpr std::chrono::milliseconds kFairHold{500};

Tcp::endpoint endpoint_of(const IpAddress& address, std::uint16_t port) {
  if (address.family == IpFamily::ipv4) {
    asio::ip::address_v4::bytes_type bytes{};
    std::copy_n(address.octets.begin(), bytes.size(), bytes.begin());
    return {asio::ip::address_v4(bytes), port};
  }
  return {asio::ip::address_v6(address.octets), port};
}

/// Which of the system's errors are the peer's, and which our own. EHOSTUNREACH may come from the peer's router.
NetError error_of(const boost::system::error_code& error) {
  switch (error.value()) {
    case ECONNREFUSED:
      return NetError::refused;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
      return NetError::reset;
    case ETIMEDOUT:
      return NetError::timeout;
    case EHOSTUNREACH:
    case EHOSTDOWN:
      return NetError::unreachable;
    case ENETUNREACH:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return NetError::no_route;
    default:
      return NetError::local;  // EACCES, EMFILE, ENOBUFS, …
  }
}

/// Errors that an ICMP message brings: the network's answer to our SYN, or the kernel's own refusal.
bool may_come_from_the_network(const boost::system::error_code& error) {
  constexpr std::array kByIcmp{EACCES, ENETUNREACH, ENONET, ENOPROTOOPT, EPROTO, EOPNOTSUPP};
  return std::find(kByIcmp.begin(), kByIcmp.end(), error.value()) != kByIcmp.end();
}

std::string timeout_text(NetStage stage) {
  switch (stage) {
    case NetStage::connect:
      return "no connection in time";
    case NetStage::greeting:
      return "no greeting in time";
    case NetStage::handshake:
      return "the TLS handshake did not end in time";
    case NetStage::response:
      return "no complete response in time";
    default:
      return "no answer in time";
  }
}

NetFailure address_refused(const IpAddress& address, std::string_view block) {
  return {.stage = NetStage::connect,
          .error = NetError::address_refused,
          .text = to_string(address) + " is a special-purpose address (" + std::string(block) + ")"};
}

}  // namespace

Connection::Connection(NetContext& net, std::chrono::milliseconds limit, HandshakeGate::Pass pass)
    : net_(net), socket_(net.clock.io()), pass_(std::move(pass)), limit_(limit), deadline_(net.clock, limit, [this] {
        cancel_waits(socket_);
      }) {
  fair_hold_.emplace(net.clock, kFairHold, [this] { pass_.reset(); });
}

void Connection::give_pass_back() {
  pass_.reset();
  fair_hold_.reset();
}

NetFailure Connection::failure_of(NetStage stage, const boost::system::error_code& error) const {
  if (deadline_.expired()) return {.stage = stage, .error = NetError::timeout, .text = timeout_text(stage)};
  if (error == asio::error::eof)
    return {.stage = stage, .error = NetError::closed, .text = "the peer closed the connection"};
  return {.stage = stage, .error = error_of(error), .text = error.message()};
}

/// A router's or firewall's ICMP error gives connect() the same words as a missing route of ours. The kernel has a
/// route to the peer when it lets a UDP socket connect there; then the error came from out there.
NetFailure Connection::connect_failure(const Tcp::endpoint& peer, const boost::system::error_code& error) const {
  NetFailure failure = failure_of(NetStage::connect, error);
  if (may_come_from_the_network(error) && has_route(net_.clock.io(), peer, net_.source_address)) {
    failure.error = NetError::unreachable;
  }
  return failure;
}

NetFailure Connection::tls_failure(NetStage stage) const {
  NetFailure failure = session_->failure();
  failure.stage = stage;
  return failure;
}

asio::awaitable<std::optional<NetFailure>> Connection::connect(IpAddress address, std::uint16_t port) {
  if (!net_.allow_private) {
    if (const auto block = special_purpose_block(address, net_.translators)) {
      co_return address_refused(address, *block);
    }
  }
  const Tcp::endpoint peer = endpoint_of(address, port);
  boost::system::error_code error;
  socket_.open(peer.protocol(), error);
  if (!error) socket_.non_blocking(true, error);
  if (!error && !net_.source_address.empty()) {
    const auto source = asio::ip::make_address(net_.source_address, error);
    const Tcp::endpoint local(source, 0);
    if (!error && local.protocol() == peer.protocol()) socket_.bind(local, error);
  }
  if (!error && deadline_.expired()) error = asio::error::operation_aborted;
  if (error) co_return failure_of(NetStage::connect, error);
  const auto [failed] = co_await socket_.async_connect(peer, kAwait);
  if (failed) co_return connect_failure(peer, failed);
  socket_.set_option(Tcp::no_delay(true), error);
  co_return std::nullopt;
}

asio::awaitable<boost::system::error_code> Connection::wait_for(TlsStep step) {
  if (deadline_.expired()) co_return asio::error::operation_aborted;
  const auto kind = step == TlsStep::wait_read ? Tcp::socket::wait_read : Tcp::socket::wait_write;
  const auto [error] = co_await socket_.async_wait(kind, kAwait);
  co_return error;
}

asio::awaitable<std::optional<NetFailure>> Connection::start_tls(std::string server_name) {
  deadline_.leave_at_least(std::min(kLeastHandshake, limit_));
  session_ = std::make_unique<TlsSession>(net_.tls, net_.clock.work(), socket_.native_handle(), std::move(server_name));
  TlsStep step = session_->handshake();
  while (step == TlsStep::wait_read || step == TlsStep::wait_write) {
    const auto error = co_await wait_for(step);
    if (error) co_return failure_of(NetStage::handshake, error);
    step = session_->handshake();
  }
  if (step != TlsStep::done) co_return tls_failure(NetStage::handshake);
  observation_ = session_->observe(net_.now(), tlsa_);
  give_pass_back();
  co_return std::nullopt;
}

/// What is there already. In a function of its own, because a coroutine's buffer would take its room while it waits.
TlsStep Connection::read_now(std::string& into, boost::system::error_code& error) {
  std::array<char, kReadSize> buffer;
  std::size_t size = 0;
  TlsStep step = TlsStep::done;
  if (session_) {
    step = session_->read(buffer, size);
  } else {
    size = socket_.read_some(asio::buffer(buffer), error);
    if (error == asio::error::would_block) {
      error.clear();
      return TlsStep::wait_read;
    }
    if (error == asio::error::eof) error.clear();
  }
  into.assign(buffer.data(), size);
  return step;
}

asio::awaitable<std::optional<NetFailure>> Connection::read_some(NetStage stage, std::string& into) {
  // A peer that always has something more to say must not outlast the deadline.
  if (deadline_.expired()) co_return failure_of(stage, asio::error::operation_aborted);
  boost::system::error_code error;
  TlsStep step = read_now(into, error);
  while (!error && (step == TlsStep::wait_read || step == TlsStep::wait_write)) {
    error = co_await wait_for(step);
    if (!error) step = read_now(into, error);
  }
  if (error) co_return failure_of(stage, error);
  if (step == TlsStep::failed) co_return tls_failure(stage);
  co_return std::nullopt;
}

asio::awaitable<std::optional<NetFailure>> Connection::write(NetStage stage, std::string text) {
  if (!session_) {
    const auto error = co_await send_all(socket_, deadline_, asio::buffer(text));
    if (error) co_return failure_of(stage, error);
    co_return std::nullopt;
  }
  for (std::size_t sent = 0; sent < text.size();) {
    std::size_t size = 0;
    const TlsStep step = session_->write(std::span(text).subspan(sent), size);
    sent += size;
    if (step == TlsStep::done) continue;
    if (step == TlsStep::failed || step == TlsStep::closed) co_return tls_failure(stage);
    const auto error = co_await wait_for(step);
    if (error) co_return failure_of(stage, error);
  }
  co_return std::nullopt;
}

asio::awaitable<void> Connection::part(std::chrono::milliseconds patience) {
  give_pass_back();
  deadline_.leave_at_most(patience);
  std::string last;
  const auto failure = co_await read_some(NetStage::after_tls, last);
  if (session_ && (!failure || failure->error == NetError::timeout)) session_->say_goodbye();
}

std::size_t Connection::available() const {
  boost::system::error_code error;
  return socket_.available(error);
}

}  // namespace mtasts
