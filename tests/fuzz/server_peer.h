// One connection of a server that goes by a script, from its first octet to however it ends.
// Next: server_script.h for the script; server_fuzz.cpp.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/fuzz/server_script.h"
#include "tests/lab/certificate_mint.h"

namespace mtasts::fuzz {

/// Certificates and the TLS settings of all servers; made once.
class PeerTls {
 public:
  PeerTls();
  PeerTls(const PeerTls&) = delete;
  PeerTls& operator=(const PeerTls&) = delete;

  /// A session that has shown nothing yet, for a client that asks for `host`. Input: `number` chooses the kind of
  /// certificate and the newest version.
  SSL* session(const char* host, std::uint8_t number);
  [[nodiscard]] std::string root_pem() const { return mint_.root_pem(); }

 private:
  struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };

  lab::CertificateMint mint_;
  std::unique_ptr<SSL_CTX, FreeContext> context_;
};

class Peer {
 public:
  using Tcp = boost::asio::ip::tcp;

  /// Input: script and TLS outlive the peer; `track` is one of the three of TCP.
  Peer(ServerScript& script, PeerTls& tls, Track track, Tcp::socket client);

  /// Does what the script says, then what is usual.
  boost::asio::awaitable<void> play();

 private:
  struct FreeSession {
    void operator()(SSL* session) const { SSL_free(session); }
  };

  boost::asio::awaitable<void> perform(Action action);
  boost::asio::awaitable<void> pour(std::string text, std::size_t times);
  boost::asio::awaitable<void> end(Ending how);
  boost::asio::awaitable<void> start_tls(std::uint8_t number);
  boost::asio::awaitable<void> say(std::string text);
  boost::asio::awaitable<void> flush();
  boost::asio::awaitable<void> send(std::string octets);
  boost::asio::awaitable<std::string> listen();
  boost::asio::awaitable<std::string> receive();
  boost::asio::awaitable<void> usual_https();
  boost::asio::awaitable<void> usual_smtp();
  boost::asio::awaitable<void> usual_http();
  boost::asio::awaitable<void> answer_command(std::string command);
  void corrupt(std::string& octets);

  ServerScript& script_;
  PeerTls& tls_;
  Track track_;
  Tcp::socket client_;
  std::unique_ptr<SSL, FreeSession> session_{};
  bool ended_{};
  bool spoke_{};
  std::size_t poured_{};
  std::size_t piece_{};                // octets sent at a time; 0: all
  std::optional<std::size_t> left_{};  // octets until it ends
  Ending ending_{Ending::polite};
  std::optional<std::size_t> corrupt_in_{};  // octets
  char flip_{};
};

}  // namespace mtasts::fuzz
