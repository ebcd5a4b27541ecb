// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <string_view>
#include <utility>

namespace mtasts::lab {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// Reads until the client gives up, so that nothing of ours resets the connection early.
asio::awaitable<void> drain(tcp::socket& client) {
  std::array<char, 1024> buffer{};
  for (;;) {
    const auto [error, size] = co_await client.async_read_some(asio::buffer(buffer), kAwait);
    if (error) co_return;
  }
}

/// Sends what stands in for a handshake after the ClientHello has come.
asio::awaitable<void> answer_hello(tcp::socket& client, std::string_view bytes) {
  std::array<char, 4096> hello{};
  const auto [no_hello, size] = co_await client.async_read_some(asio::buffer(hello), kAwait);
  if (no_hello) co_return;
  co_await asio::async_write(client, asio::buffer(bytes), kAwait);
  boost::system::error_code ignored;
  client.shutdown(tcp::socket::shutdown_send, ignored);
  co_await drain(client);
}

}  // namespace

TlsServer::TlsServer() : context_{asio::ssl::context::tls_server} {
  SSL_CTX* context = context_.native_handle();
  SSL_CTX_set_security_level(context, 0);  // weak keys and old versions are what we are here for
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cert_cb(context, &TlsServer::choose_by_name, this);
}

int TlsServer::choose_by_name(SSL* ssl, void* self) {
  if (SSL_get_certificate(ssl) != nullptr) return 1;
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  auto* server = static_cast<TlsServer*>(self);
  return name != nullptr && server->dress(ssl, server->kind_by_name_, name) ? 1 : 0;
}

void TlsServer::show_by_name(const std::string& kind) {
  mint_.credentials(kind, "lab.test");
  kind_by_name_ = kind;
}

std::vector<std::uint8_t> TlsServer::tlsa_data(const TlsSpec& spec, int usage, int selector, int matching_type) {
  const Credentials shown = mint_.credentials(spec.certificate, spec.name);
  X509* certificate = usage % 2 == 1 ? shown.chain.front() : shown.chain.back();
  unsigned char* der = nullptr;
  const int size =
      selector == 0 ? i2d_X509(certificate, &der) : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0 || selector > 1 || matching_type > 2) throw std::invalid_argument("no such TLSA record");
  std::vector<std::uint8_t> whole(der, der + size);
  OPENSSL_free(der);
  if (matching_type == 0) return whole;
  std::vector<std::uint8_t> digest(EVP_MAX_MD_SIZE);
  unsigned int length = 0;
  EVP_Digest(whole.data(), whole.size(), digest.data(), &length, matching_type == 1 ? EVP_sha256() : EVP_sha512(),
             nullptr);
  digest.resize(length);
  return digest;
}

void TlsServer::prepare(const TlsSpec& spec) {
  if (!spec.name.empty()) mint_.credentials(spec.certificate, spec.name);
}

bool TlsServer::dress(SSL* ssl, const std::string& kind, const std::string& name) {
  const Credentials shown = mint_.credentials(kind, name);
  if (SSL_use_certificate(ssl, shown.chain.front()) != 1 || SSL_use_PrivateKey(ssl, shown.key) != 1) return false;
  for (std::size_t i = 1; i < shown.chain.size(); ++i) SSL_add1_chain_cert(ssl, shown.chain[i]);
  return true;
}

asio::awaitable<std::unique_ptr<TlsStream>> TlsServer::accept(tcp::socket client, TlsSpec spec) {
  using namespace std::string_view_literals;
  constexpr auto kHandshakeFailure = "\x15\x03\x03\x00\x02\x02\x28"sv;  // a fatal alert, RFC 8446 section 6
  constexpr auto kClearText = "This is not TLS, whatever you were told.\r\n"sv;
  if (spec.fault == TlsFault::alert) co_await answer_hello(client, kHandshakeFailure);
  if (spec.fault == TlsFault::not_tls) co_await answer_hello(client, kClearText);
  if (spec.fault == TlsFault::silent) co_await drain(client);
  if (spec.fault == TlsFault::hang_up) co_await answer_hello(client, ""sv);
  if (spec.fault != TlsFault::none && spec.fault != TlsFault::old_version) co_return nullptr;

  auto stream = std::make_unique<TlsStream>(std::move(client), context_);
  SSL* ssl = stream->native_handle();
  if (spec.fault == TlsFault::old_version) SSL_set_max_proto_version(ssl, TLS1_1_VERSION);
  if (!spec.name.empty()) dress(ssl, spec.certificate, spec.name);
  ERR_clear_error();
  const auto [error] = co_await stream->async_handshake(asio::ssl::stream_base::server, kAwait);
  if (error) co_return nullptr;
  ++sessions_;
  co_return stream;
}

}  // namespace mtasts::lab
