// SPDX-License-Identifier: Apache-2.0
#include "probes/net/tls_library.h"

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace mtasts {
namespace {

constexpr unsigned kFirstWithRememberedDecoders = 2;  // OpenSSL 3.2
constexpr const char* kName = "mtasts-keys";
// How the default provider describes a decoder of what a certificate holds of its key (RFC 5280 section 4.1.2.7).
constexpr std::string_view kKeyInCertificate = "structure=SubjectPublicKeyInfo";
constexpr std::string_view kInDer = "input=der";
// Keys that can sign, as every certificate's must that a handshake shows; DER finds out which of them it is.
constexpr std::array<std::string_view, 7> kSigning{"DER", "RSA", "RSA-PSS", "EC", "ED25519", "ED448", "DSA"};
// Those, keys for the exchange of keys, and HMAC, with which the records of older cipher suites are protected.
constexpr std::array<std::string_view, 10> kKeys{"RSA", "RSA-PSS", "EC",   "ED25519", "ED448",
                                                 "DSA", "X25519",  "X448", "DH",      "HMAC"};

// Ends of the names of ciphers that protect records, with and without a MAC of their own.
constexpr std::array<std::string_view, 7> kRecordCiphers{"-CBC", "-CBC-HMAC-SHA1", "-CBC-HMAC-SHA256", "-GCM",
                                                         "-CCM", "NULL",           "ChaCha20-Poly1305"};

/// The default provider, and what stays of it. All live as long as the process.
struct Algorithms {
  OSSL_PROVIDER* all{};
  std::vector<OSSL_ALGORITHM> decoders{};  // end with an empty one, as OpenSSL wants it
  std::vector<OSSL_ALGORITHM> keys{};
  std::vector<OSSL_ALGORITHM> ciphers{};
};

// A provider's functions get the default provider's context (see provide()), which has no room for what is ours.
Algorithms& algorithms() {
  static auto* const kept = new Algorithms;  // never freed: see tls_library()
  return *kept;
}

/// Of "RSA:rsaEncryption:1.2.840.113549.1.1.1", the first.
std::string_view name_of(const OSSL_ALGORITHM& algorithm) {
  const std::string_view all = algorithm.algorithm_names;
  return all.substr(0, all.find(':'));
}

template <std::size_t Count>
bool is_among(const std::array<std::string_view, Count>& names, const OSSL_ALGORITHM& algorithm) {
  return std::find(names.begin(), names.end(), name_of(algorithm)) != names.end();
}

bool decodes_key_in_certificate(const OSSL_ALGORITHM& decoder) {
  const std::string_view properties = decoder.property_definition;
  return properties.find(kKeyInCertificate) != std::string_view::npos &&
         properties.find(kInDer) != std::string_view::npos && is_among(kSigning, decoder);
}

bool is_key_of_sessions(const OSSL_ALGORITHM& key) { return is_among(kKeys, key); }

bool is_record_cipher(const OSSL_ALGORITHM& cipher) {
  return std::any_of(kRecordCiphers.begin(), kRecordCiphers.end(),
                     [&cipher](std::string_view end) { return name_of(cipher).ends_with(end); });
}

std::vector<OSSL_ALGORITHM> those_of(const OSSL_PROVIDER* provider, int operation,
                                     bool (*wanted)(const OSSL_ALGORITHM&)) {
  std::vector<OSSL_ALGORITHM> kept;
  int no_cache = 0;
  const OSSL_ALGORITHM* algorithm = OSSL_PROVIDER_query_operation(provider, operation, &no_cache);
  for (; algorithm != nullptr && algorithm->algorithm_names != nullptr; ++algorithm)
    if (wanted(*algorithm)) kept.push_back(*algorithm);
  kept.push_back({});
  return kept;
}

const OSSL_ALGORITHM* query(void* /*context*/, int operation, int* no_cache) {
  *no_cache = 0;
  if (operation == OSSL_OP_DECODER) return algorithms().decoders.data();
  if (operation == OSSL_OP_KEYMGMT) return algorithms().keys.data();
  if (operation == OSSL_OP_CIPHER) return algorithms().ciphers.data();
  return OSSL_PROVIDER_query_operation(algorithms().all, operation, no_cache);
}

int get_capabilities(void* /*context*/, const char* capability, OSSL_CALLBACK* callback, void* argument) {
  return OSSL_PROVIDER_get_capabilities(algorithms().all, capability, callback, argument);
}

/// A provider of its own name, whose functions are the default provider's.
int provide(const OSSL_CORE_HANDLE* /*handle*/, const OSSL_DISPATCH* /*core*/, const OSSL_DISPATCH** functions,
            void** context) {
  // OpenSSL's tables hold functions of every kind as one type, and say which by number.
  static const std::array<OSSL_DISPATCH, 3> kFunctions{{
      {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(query)},
      {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, reinterpret_cast<void (*)()>(get_capabilities)},
      {0, nullptr},
  }};
  *functions = kFunctions.data();
  *context = OSSL_PROVIDER_get0_provider_ctx(algorithms().all);
  return 1;
}

/// Errors: nullptr.
OSSL_LIB_CTX* make_library() {
  OSSL_LIB_CTX* home = OSSL_LIB_CTX_new();
  OSSL_LIB_CTX* library = OSSL_LIB_CTX_new();
  if (home == nullptr || library == nullptr) return nullptr;
  algorithms().all = OSSL_PROVIDER_load(home, "default");
  if (algorithms().all == nullptr) return nullptr;
  algorithms().decoders = those_of(algorithms().all, OSSL_OP_DECODER, decodes_key_in_certificate);
  algorithms().keys = those_of(algorithms().all, OSSL_OP_KEYMGMT, is_key_of_sessions);
  algorithms().ciphers = those_of(algorithms().all, OSSL_OP_CIPHER, is_record_cipher);
  const bool provided =
      OSSL_PROVIDER_add_builtin(library, kName, provide) == 1 && OSSL_PROVIDER_load(library, kName) != nullptr;
  return provided ? library : nullptr;
}

bool remembers_decoders() {
  return OPENSSL_version_major() > 3 || OPENSSL_version_minor() >= kFirstWithRememberedDecoders;
}

}  // namespace

OSSL_LIB_CTX* tls_library() {
  static OSSL_LIB_CTX* const library = remembers_decoders() ? nullptr : make_library();
  ERR_clear_error();
  return library;
}

}  // namespace mtasts
