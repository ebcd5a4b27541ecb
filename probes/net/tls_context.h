// What all handshakes share: one SSL_CTX, the trust store parsed once, and what earlier verifications taught.
// Next: tls_trust_store.h for the roots, tls_session.h for a handshake, certificate_check.h for what follows it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>

#include "probes/core/observations.h"

struct ssl_ctx_st;
struct x509_store_st;

namespace mtasts {

struct TlsOptions {
  std::string ca_file{};     // "": the system's trust store
  int min_minor_version{2};  // 2: TLS 1.2 (RFC 8461 section 7.2), 3: TLS 1.3
};

/// What a clean verification came to, good while `now` is inside the path's own validity window. Of one size, whatever
/// the peer sent along; what the certificates say is read anew each time.
struct RememberedVerification {
  UnixTime valid_from{};
  UnixTime valid_until{};  // the earliest end along the path
  bool public_issuance{};
};
static_assert(std::is_trivially_copyable_v<RememberedVerification>);

/// SHA-256 over everything that a verification depends on (see certificate_check.cpp).
using VerificationKey = std::array<std::uint8_t, 32>;

struct VerificationKeyHash {
  std::size_t operator()(const VerificationKey& key) const {
    std::size_t hash = 0;
    std::memcpy(&hash, key.data(), sizeof hash);
    return hash;
  }
};

/// Building a context parses every trusted root (25 ms), so there is one, shared by all sessions of a thread.
class TlsContext {
 public:
  /// Errors: std::runtime_error that says what to do, when the trust store holds no certificate or cannot be read.
  explicit TlsContext(const TlsOptions& options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  [[nodiscard]] ssl_ctx_st* native() const { return context_; }
  [[nodiscard]] x509_store_st* trust_store() const;

  /// Looks a verification up. Outside its validity window it is forgotten.
  const RememberedVerification* recall(const VerificationKey& key, UnixTime now);
  void remember(const VerificationKey& key, RememberedVerification verification);

  /// Names of intermediates that verified paths had, as DER.
  void saw_intermediate(const std::string& subject_der);
  [[nodiscard]] bool knows_intermediate(const std::string& subject_der) const;

 private:
  ssl_ctx_st* context_{};
  std::unordered_map<VerificationKey, RememberedVerification, VerificationKeyHash> verifications_;
  std::set<std::string> intermediates_;
  UnixTime last_recall_{};
};

}  // namespace mtasts
