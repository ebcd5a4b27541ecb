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

struct WebTls {
  std::string cert_file{};  // PEM, leaf first
  std::string key_file{};
  ClientAuth client_auth{ClientAuth::none};
  std::string client_ca_file{};                    // there exactly when clients are verified
  std::vector<std::string> client_allowed_sans{};  // a verified client has one of them; empty: any client will do
  TlsVersion min_version{TlsVersion::tls1_2};
  TlsVersion max_version{TlsVersion::tls1_3};
  std::vector<std::string> cipher_suites{};  // as IANA spells them; of a version of which none is named, the defaults
  bool prefer_server_cipher_suites{true};
  std::vector<std::string> groups{};  // as OpenSSL spells them, by preference; empty: the defaults
};

/// Does OpenSSL know a suite by this name? Input: as IANA spells it, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".
bool is_cipher_suite(std::string_view name);

/// Reads the files. Errors: std::invalid_argument that names the file or the key, and boost::system::system_error.
std::shared_ptr<boost::asio::ssl::context> make_web_tls_context(const WebTls& tls);

}  // namespace mtasts
