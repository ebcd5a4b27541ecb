// A TLS client session as a state machine over a non-blocking descriptor: it says what to wait for, and never waits.
// Next: connection.h, which waits; certificate_check.h for what follows the handshake.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>

#include "probes/core/observations.h"
#include "probes/net/tls_context.h"
#include "probes/net/work_meter.h"

struct ssl_st;

namespace mtasts {

/// What a step of the session came to. closed: the stream ended, announced or not; many servers do not announce it.
enum class TlsStep { done, wait_read, wait_write, closed, failed };

/// What a peer may still send before it has to wait for others, and how often it may speak up. OpenSSL takes handshake
/// messages in, session tickets and key updates among them, for as long as there is one to read, and returns for
/// nothing else.
struct TlsAllowance {
  std::size_t octets{};    // of this step
  std::size_t messages{};  // handshake messages so far
  [[nodiscard]] bool used_up() const;
};

/// One session. Must die before the descriptor is closed: OpenSSL would write into whichever socket got the number.
/// Errors: std::bad_alloc where there is no memory, from whatever it is.
class TlsSession {
 public:
  /// Input: a connected non-blocking descriptor; `server_name` goes into SNI (RFC 8461 section 7.1) if it is a host
  /// name; context and meter outlive the session.
  TlsSession(TlsContext& context, WorkMeter& work, int descriptor, std::string server_name);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// Each step takes in so much at most, and ends with wait_read if there is more: the loop has others to serve. A peer
  /// that goes on and on with messages of the handshake's protocol comes to failed.
  TlsStep handshake();
  TlsStep read(std::span<char> into, std::size_t& size);
  TlsStep write(std::span<const char> from, std::size_t& size);

  /// Sends close_notify if the socket takes it at once. Input: no step came to failed.
  void say_goodbye();
  /// Did close_notify come? A stream that ends without it may have been cut by anybody (RFC 8446 section 6.1).
  [[nodiscard]] bool end_announced() const;

  /// What the handshake showed. Input: after handshake() came to done; the TLSA records to match, with the server name
  /// as their base domain.
  [[nodiscard]] TlsObservation observe(UnixTime now, std::span<const TlsaRecord> tlsa) const;
  /// Why a step came to failed.
  [[nodiscard]] const NetFailure& failure() const { return failure_; }

 private:
  template <class Call>
  TlsStep take_step(Call call);
  TlsStep step_of(int result);

  TlsContext& context_;
  WorkMeter& work_;
  ssl_st* session_{};
  std::string server_name_;
  TlsAllowance allowance_{};
  NetFailure failure_{};
};

}  // namespace mtasts
