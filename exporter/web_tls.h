// TLS of our own HTTP server: what tls_server_config of a web configuration file says, and OpenSSL's context of it.
// Next: web_config.h, which reads the file; http_server.h, which serves with it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/config.h"

namespace boost::asio::ssl {
class context;
}

namespace mtasts {

/// Whether clients are asked for a certificate, have to show one, and whether it must be of `client_ca_file`: the
/// exporter toolkit's client_auth_type, in its order.
enum class ClientAuth { none, request, require_any, verify_if_given, require_and_verify };

/// Does a client without a certificate stay outside?
constexpr bool requires_certificate(ClientAuth auth) {
  return auth == ClientAuth::require_any || auth == ClientAuth::require_and_verify;
}

/// Must a certificate that a client shows be of one of our authorities?
constexpr bool verifies(ClientAuth auth) {
  return auth == ClientAuth::verify_if_given || auth == ClientAuth::require_and_verify;
}

/// A PEM file, or what would be in one; one of them is "".
struct PemSource {
  std::string file{};
  std::string text{};

  [[nodiscard]] bool is_given() const { return !file.empty() || !text.empty(); }
};

struct WebTls {
  PemSource certificate{};  // leaf first
  PemSource key{};
  ClientAuth client_auth{ClientAuth::none};
  PemSource client_ca{};                           // given when clients are verified
  std::vector<std::string> client_allowed_sans{};  // a client's certificate has one of them; empty: any client will do
  TlsVersion min_version{TlsVersion::tls1_2};
  TlsVersion max_version{TlsVersion::tls1_3};
  /// As IANA spells them. Without one of TLS 1.2 that version is not spoken; without one of TLS 1.3 that has the
  /// defaults. Empty: the defaults of both.
  std::vector<std::string> cipher_suites{};
  bool prefer_server_cipher_suites{true};
  std::vector<std::string> groups{};  // as OpenSSL spells them, by preference; empty: the defaults
};

/// Does OpenSSL know a suite by this name, with a certificate and encryption? Input: as IANA spells it,
/// "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".
bool is_cipher_suite(std::string_view name);

/// Reads the files. Errors: std::invalid_argument that names the file or the key of the configuration, and
/// boost::system::system_error.
std::shared_ptr<boost::asio::ssl::context> make_web_tls_context(const WebTls& tls);

}  // namespace mtasts
