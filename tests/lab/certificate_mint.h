// Certificates of every good and bad kind, minted at start, so that no file can expire in the repository.
// Next: tls.h, which puts a chain on a connection; certificate_mint.cpp for the table of kinds.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mtasts::lab {

struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using X509Ptr = std::unique_ptr<X509, FreeX509>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;

/// What a server sends: certificates leaf first, and the leaf's private key. Owned by the mint.
struct Credentials {
  std::vector<X509*> chain{};
  EVP_PKEY* key{};
};

/// A small public key infrastructure: a root that clients are told to trust, an intermediate under it, and their
/// broken relatives. Errors: std::runtime_error when OpenSSL refuses, which is a bug of the lab.
class CertificateMint {
 public:
  CertificateMint();
  ~CertificateMint();
  CertificateMint(const CertificateMint&) = delete;
  CertificateMint& operator=(const CertificateMint&) = delete;

  /// Credentials of a kind for a host, minted once. Errors: std::invalid_argument for an unknown kind.
  Credentials credentials(std::string_view kind, const std::string& host);

  /// The trusted roots as PEM, for tls.ca_file: one, and another once a certificate of kind `letsencrypt` was made.
  std::string root_pem() const;

 private:
  struct Authority {
    KeyPtr key{};
    X509Ptr certificate{};
  };
  struct LeafPlan;

  static Authority make_authority(KeyPtr key, const std::string& name, const Authority* issuer, long from_days,
                                  long to_days, const char* name_constraints = nullptr);
  void add_letsencrypt();
  X509* mint_leaf(const LeafPlan& plan, const std::string& host);
  LeafPlan plan_of(std::string_view kind);
  X509* keep(X509Ptr certificate);

  KeyPtr leaf_key_;
  KeyPtr weak_key_;
  std::map<std::string, Authority, std::less<>> authorities_;
  std::vector<X509Ptr> kept_;
  std::map<std::pair<std::string, std::string>, Credentials> minted_;  // by kind and host
};

}  // namespace mtasts::lab
