// SPDX-License-Identifier: Apache-2.0
#include "probes/net/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <csignal>
#include <stdexcept>

#include "probes/net/dane_check.h"
#include "probes/net/tls_library.h"
#include "probes/net/tls_memory.h"
#include "probes/net/tls_trust_store.h"

namespace mtasts {
namespace {

// One entry per certificate chain and name; at the bound all are dropped and verified anew. An entry takes 80 octets
// with what the allocator adds, so that this is 16 MB.
constexpr std::size_t kMaxVerifications = 200000;
constexpr std::size_t kMaxIntermediates = 4096;
// A clock that jumps back by more than this makes every remembered verification doubtful.
constexpr std::chrono::seconds kClockJump{60};

/// Of the key exchange that a peer chooses for TLS 1.2. OpenSSL takes up to 10,000 bits, at half a second for each of
/// two powers, and never looks whether that is a prime. 8,192 are the most of which there is a standard group (RFC
/// 7919).
constexpr int kMostDhBits = 8192;
constexpr int kLeastDhSecurity = 80;  // 1,024 bits, as OpenSSL asks for at level 0

int accept_at_our_cost(const SSL*, const SSL_CTX*, int operation, int security, int, void* subject, void*) {
  if (operation != SSL_SECOP_TMP_DH) return 1;
  const int bits = EVP_PKEY_get_bits(static_cast<const EVP_PKEY*>(subject));
  return security >= kLeastDhSecurity && bits <= kMostDhBits ? 1 : 0;
}

/// Trust is judged after the handshake, so that no fault hides another.
int accept_any_chain(X509_STORE_CTX*, void*) { return 1; }

}  // namespace

TlsContext::TlsContext(const TlsOptions& options)
    : context_(SSL_CTX_new_ex(tls_library(), nullptr, TLS_client_method())) {
  if (context_ == nullptr) throw std::runtime_error("OpenSSL cannot make a TLS context");
  // OpenSSL writes to sockets without MSG_NOSIGNAL; a peer that hangs up must not end the process.
  std::signal(SIGPIPE, SIG_IGN);
  SSL_CTX_set_min_proto_version(context_, options.min_minor_version == 3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  // Debian's default level would turn a weak key into "not trusted"; weakness is a finding of its own.
  SSL_CTX_set_security_level(context_, 0);
  SSL_CTX_set_security_callback(context_, accept_at_our_cost);
  SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
  SSL_CTX_set_read_ahead(context_, 1);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context_, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_cert_verify_callback(context_, accept_any_chain, nullptr);
  try {
    enable_dane(context_);
    begin_tls_work();
    load_trust_store(trust_store(), options.ca_file);
    require_tls_memory();  // without it some roots would be missing, and good hosts be called untrusted
  } catch (...) {
    SSL_CTX_free(context_);
    throw;
  }
  ERR_clear_error();
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

x509_store_st* TlsContext::trust_store() const { return SSL_CTX_get_cert_store(context_); }

const RememberedVerification* TlsContext::recall(const VerificationKey& key, UnixTime now) {
  if (now + kClockJump < last_recall_) verifications_.clear();
  last_recall_ = now;
  const auto found = verifications_.find(key);
  if (found == verifications_.end()) return nullptr;
  if (now >= found->second.valid_from && now < found->second.valid_until) return &found->second;
  verifications_.erase(found);
  return nullptr;
}

void TlsContext::remember(const VerificationKey& key, RememberedVerification verification) {
  if (verifications_.size() >= kMaxVerifications) verifications_.clear();
  verifications_.insert_or_assign(key, verification);
}

void TlsContext::saw_intermediate(const std::string& subject_der) {
  if (intermediates_.size() < kMaxIntermediates) intermediates_.insert(subject_der);
}

bool TlsContext::knows_intermediate(const std::string& subject_der) const {
  return intermediates_.contains(subject_der);
}

}  // namespace mtasts
