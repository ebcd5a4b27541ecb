// SPDX-License-Identifier: Apache-2.0
#include "exporter/web_tls.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/verify_context.hpp>
#include <memory>
#include <stdexcept>
#include <utility>

namespace mtasts {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

int protocol_of(TlsVersion version) { return version == TlsVersion::tls1_3 ? TLS1_3_VERSION : TLS1_2_VERSION; }

bool is_of_tls1_3(std::string_view suite) { return suite.find("_WITH_") == std::string_view::npos; }

/// Input: the source, and the key of the configuration that text of it is under.
void require_usable(const error_code& error, const PemSource& source, const char* key) {
  if (error) throw std::invalid_argument{(source.file.empty() ? key : source.file) + ": " + error.message()};
}

void read_certificate(asio::ssl::context& context, const WebTls& tls) {
  error_code error;
  if (tls.certificate.file.empty()) {
    context.use_certificate_chain(asio::buffer(tls.certificate.text), error);
  } else {
    context.use_certificate_chain_file(tls.certificate.file, error);
  }
  require_usable(error, tls.certificate, "tls_server_config.cert");
  if (tls.key.file.empty()) {
    context.use_private_key(asio::buffer(tls.key.text), asio::ssl::context::pem, error);
  } else {
    context.use_private_key_file(tls.key.file, asio::ssl::context::pem, error);
  }
  require_usable(error, tls.key, "tls_server_config.key");
}

void read_client_authorities(asio::ssl::context& context, const WebTls& tls) {
  error_code error;
  if (tls.client_ca.file.empty()) {
    context.add_certificate_authority(asio::buffer(tls.client_ca.text), error);
  } else {
    context.load_verify_file(tls.client_ca.file, error);
  }
  require_usable(error, tls.client_ca, "tls_server_config.client_ca");
}

/// OpenSSL keeps the suites of TLS 1.3 apart, and knows older ones by names of its own.
void choose_ciphers(SSL_CTX* context, const WebTls& tls) {
  std::string older;
  std::string newer;
  for (const std::string& suite : tls.cipher_suites) {
    std::string& list = is_of_tls1_3(suite) ? newer : older;
    list += (list.empty() ? "" : ":") + (is_of_tls1_3(suite) ? suite : OPENSSL_cipher_name(suite.c_str()));
  }
  const bool taken = (older.empty() || SSL_CTX_set_cipher_list(context, older.c_str()) == 1) &&
                     (newer.empty() || SSL_CTX_set_ciphersuites(context, newer.c_str()) == 1);
  if (!taken) throw std::invalid_argument{"cipher_suites: OpenSSL offers none of them"};
  if (tls.prefer_server_cipher_suites) SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (!older.empty() || newer.empty()) return;
  if (tls.max_version < TlsVersion::tls1_3)
    throw std::invalid_argument{"cipher_suites: none of them is of TLS 1.2, and max_version allows no other"};
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
}

void choose_groups(SSL_CTX* context, const WebTls& tls) {
  std::string list;
  for (const std::string& group : tls.groups) list += (list.empty() ? "" : ":") + group;
  if (!list.empty() && SSL_CTX_set1_groups_list(context, list.c_str()) != 1)
    throw std::invalid_argument{"curve_preferences: this OpenSSL does not know all of them"};
}

std::string text_of(const ASN1_STRING* value) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
          static_cast<std::size_t>(ASN1_STRING_length(value))};
}

/// "" for octets that are no address.
std::string text_of_ip(const ASN1_OCTET_STRING* value) {
  const std::string octets = text_of(value);
  asio::ip::address_v4::bytes_type v4{};
  asio::ip::address_v6::bytes_type v6{};
  if (octets.size() == v4.size()) {
    std::copy(octets.begin(), octets.end(), v4.begin());
    return asio::ip::address_v4(v4).to_string();
  }
  if (octets.size() != v6.size()) return "";
  std::copy(octets.begin(), octets.end(), v6.begin());
  return asio::ip::address_v6(v6).to_string();
}

std::string text_of(const GENERAL_NAME* name) {
  switch (name->type) {
    case GEN_DNS:
    case GEN_EMAIL:
    case GEN_URI:
      return text_of(name->d.ia5);
    case GEN_IPADD:
      return text_of_ip(name->d.iPAddress);
    default:
      return "";
  }
}

/// Is one of the certificate's SANs, of type DNS, email, URI or IP, exactly one of these?
bool has_san_of(X509* certificate, const std::vector<std::string>& allowed) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      &GENERAL_NAMES_free);
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const std::string text = text_of(sk_GENERAL_NAME_value(names.get(), i));
    if (!text.empty() && std::ranges::find(allowed, text) != allowed.end()) return true;
  }
  return false;
}

/// Asks whether a client may come in, certificate by certificate, the leaf last. Input: whether the chain must lead to
/// one of ours.
auto judge_by(bool chain_counts, std::vector<std::string> allowed) {
  return [chain_counts, allowed = std::move(allowed)](bool verified, asio::ssl::verify_context& seen) {
    X509_STORE_CTX* context = seen.native_handle();
    const bool is_leaf = X509_STORE_CTX_get_error_depth(context) == 0;
    if (chain_counts && !verified) return false;
    if (!is_leaf || allowed.empty()) return true;
    const bool is_allowed = has_san_of(X509_STORE_CTX_get_current_cert(context), allowed);
    if (!is_allowed) X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
    return is_allowed;
  };
}

void ask_clients(asio::ssl::context& context, const WebTls& tls) {
  if (tls.client_auth == ClientAuth::none) return;
  const auto must = requires_certificate(tls.client_auth) ? asio::ssl::verify_fail_if_no_peer_cert : 0;
  context.set_verify_mode(asio::ssl::verify_peer | must);
  if (verifies(tls.client_auth)) read_client_authorities(context, tls);
  context.set_verify_callback(judge_by(verifies(tls.client_auth), tls.client_allowed_sans));
}

}  // namespace

bool is_cipher_suite(std::string_view name) {
  const std::string text(name);
  const bool protects = text.find("_anon_") == text.npos && text.find("_NULL_") == text.npos;
  return protects && std::string_view(OPENSSL_cipher_name(text.c_str())) != "(NONE)";
}

std::shared_ptr<asio::ssl::context> make_web_tls_context(const WebTls& tls) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX* native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, protocol_of(tls.min_version));
  SSL_CTX_set_max_proto_version(native, protocol_of(tls.max_version));
  // Without a name for its sessions OpenSSL refuses clients with certificates that come back with a ticket.
  constexpr std::string_view kSessions = "mtasts_exporter";
  SSL_CTX_set_session_id_context(native, reinterpret_cast<const unsigned char*>(kSessions.data()), kSessions.size());
  read_certificate(*context, tls);
  choose_ciphers(native, tls);
  choose_groups(native, tls);
  ask_clients(*context, tls);
  return context;
}

}  // namespace mtasts
