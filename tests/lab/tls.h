// The server side of a handshake: right, or wrong in one of the ways a client must survive.
// Next: policy_server.h and mx_server.h, which talk inside it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/lab/certificate_mint.h"

namespace mtasts::lab {

using TlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;

/// How TLS goes wrong. alert: handshake_failure; old_version: TLS 1.1 at most; not_tls: clear text; silent: nothing;
/// hang_up: closes after the ClientHello.
enum class TlsFault { none, alert, old_version, not_tls, silent, hang_up };

/// What a server shows. An empty name means a certificate for whatever SNI asks for, of kind show_by_name().
struct TlsSpec {
  TlsFault fault{TlsFault::none};
  std::string certificate{"good"};
  std::string name{};
};

/// One OpenSSL context for all servers; certificates are put on each connection.
class TlsServer {
 public:
  TlsServer();

  /// Shakes hands. Errors: nullptr when there is no session, because the spec or the client wants it so.
  boost::asio::awaitable<std::unique_ptr<TlsStream>> accept(boost::asio::ip::tcp::socket client, TlsSpec spec);

  /// Mints what a spec needs now, so that a misspelt kind fails at start. Errors: std::invalid_argument.
  void prepare(const TlsSpec& spec);

  /// The data of a TLSA record for what a spec shows: of the leaf for usages 1 and 3, of the last certificate sent for
  /// 0 and 2. Errors: std::invalid_argument for numbers that no such record has.
  std::vector<std::uint8_t> tlsa_data(const TlsSpec& spec, int usage, int selector, int matching_type);

  /// The kind of certificate of servers without a name, "good" unless this is called. Errors: std::invalid_argument.
  void show_by_name(const std::string& kind);

  std::string root_pem() const { return mint_.root_pem(); }

  /// Handshakes that succeeded.
  std::uint64_t sessions() const { return sessions_; }

 private:
  static int choose_by_name(SSL* ssl, void* self);
  bool dress(SSL* ssl, const std::string& kind, const std::string& name);

  CertificateMint mint_;
  std::string kind_by_name_{"good"};
  std::uint64_t sessions_{};
  boost::asio::ssl::context context_;
};

}  // namespace mtasts::lab
