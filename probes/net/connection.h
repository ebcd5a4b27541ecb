// One TCP connection to a peer, in clear text or TLS, every wait under one deadline, every failure a value.
// Next: policy_fetch.h and smtp_probe.h, which speak over it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/ip_address.h"
#include "probes/core/observations.h"
#include "probes/net/deadline.h"
#include "probes/net/handshake_gate.h"
#include "probes/net/peer_limits.h"
#include "probes/net/tls_context.h"
#include "probes/net/tls_session.h"

namespace mtasts {

/// What the probes of one thread share.
struct NetContext {
  LoopClock& clock;
  HandshakeGate& gate;
  PeerLimits& peers;
  TlsContext& tls;
  std::function<UnixTime()> now;
  bool allow_private{};  // connect to special-purpose addresses too (a lab, an intranet)
  std::vector<Nat64Prefix> translators{};
  std::string source_address{};  // "": the kernel's choice
};

/// A handshake that is given up was given at least this long, or the connection's whole limit where that is shorter.
constexpr std::chrono::milliseconds kLeastHandshake{2000};

class Connection {
 public:
  /// The deadline starts now and covers everything until the connection dies; so the caller has waited for `pass`
  /// before, and queueing here never counts against the peer. start_tls() gives the pass back; so does a peer that
  /// takes its time: it is waited for, and does not compete for the CPU.
  Connection(NetContext& net, std::chrono::milliseconds limit, HandshakeGate::Pass pass);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Connects, unless the address is special-purpose: a domain's DNS must not steer the prober into the operator's own
  /// network, so the guard sits right in front of the system call.
  boost::asio::awaitable<std::optional<NetFailure>> connect(IpAddress address, std::uint16_t port);

  /// Handshakes with `server_name` as SNI; the certificates are judged afterwards, never during it. When the peer used
  /// up nearly all of the limit before, a handshake gets kLeastHandshake nevertheless: a timeout of a handshake that
  /// had no time would say something about TLS that nobody saw.
  boost::asio::awaitable<std::optional<NetFailure>> start_tls(std::string server_name);
  /// TLSA records that the chain is matched with after the handshake. Input: before start_tls().
  void expect_tlsa(std::vector<TlsaRecord> records) { tlsa_ = std::move(records); }

  /// At least one byte, or an empty string at the end of the stream. Input: `stage` names the wait in a failure.
  boost::asio::awaitable<std::optional<NetFailure>> read_some(NetStage stage, std::string& into);
  boost::asio::awaitable<std::optional<NetFailure>> write(NetStage stage, std::string text);

  /// Did the peer say that its stream ends here? In TLS only close_notify does; without it anybody may have cut it.
  [[nodiscard]] bool end_announced() const { return !session_ || session_->end_announced(); }

  /// The session's last step: waits up to `patience` for a last word and then says close_notify, so that the peer's log
  /// knows no lost connection. Input: nothing is read or written afterwards. Errors: none; the verdict stands already.
  boost::asio::awaitable<void> part(std::chrono::milliseconds patience);

  /// How long the connection has lived, lateness of ours taken off.
  [[nodiscard]] Milliseconds age() const { return std::chrono::duration_cast<Milliseconds>(deadline_.elapsed()); }

  /// Bytes that lie ready in the socket's buffer, without waiting.
  [[nodiscard]] std::size_t available() const;
  [[nodiscard]] const std::optional<TlsObservation>& tls() const { return observation_; }

 private:
  [[nodiscard]] NetFailure failure_of(NetStage stage, const boost::system::error_code& error) const;
  [[nodiscard]] NetFailure connect_failure(const boost::asio::ip::tcp::endpoint& peer,
                                           const boost::system::error_code& error) const;
  [[nodiscard]] NetFailure tls_failure(NetStage stage) const;
  void give_pass_back();
  TlsStep read_now(std::string& into, boost::system::error_code& error);
  boost::asio::awaitable<boost::system::error_code> wait_for(TlsStep step);

  NetContext& net_;
  boost::asio::ip::tcp::socket socket_;  // outlives the session: see TlsSession
  std::unique_ptr<TlsSession> session_;
  std::optional<TlsObservation> observation_;
  std::vector<TlsaRecord> tlsa_;
  std::optional<HandshakeGate::Pass> pass_;
  std::optional<Deadline> fair_hold_;  // of the pass
  std::chrono::milliseconds limit_;
  Deadline deadline_;
};

}  // namespace mtasts
