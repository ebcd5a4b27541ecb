// The algorithms that are left out change nothing that a peer or a certificate shows.
// SPDX-License-Identifier: Apache-2.0
#include "probes/net/tls_library.h"

#include <gmock/gmock.h>
#include <openssl/dsa.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "probes/net/c_handle.h"

namespace mtasts {
namespace {

using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Deleter<SSL_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Octets = std::basic_string<unsigned char>;

/// What a ClientHello offers, by extension; ciphers are 0, which is no number of an extension that clients send here.
using Offer = std::map<unsigned, Octets>;

constexpr unsigned kCiphers = 0;
constexpr unsigned kGroups = TLSEXT_TYPE_supported_groups;
constexpr unsigned kSignatures = TLSEXT_TYPE_signature_algorithms;

int take_offer(SSL* server, int* /*alert*/, void* into) {
  Offer& offer = *static_cast<Offer*>(into);
  const unsigned char* octets = nullptr;
  std::size_t size = SSL_client_hello_get0_ciphers(server, &octets);
  offer[kCiphers] = Octets(octets, size);
  for (const unsigned type : {kGroups, kSignatures}) {
    if (SSL_client_hello_get0_ext(server, type, &octets, &size) == 1) offer[type] = Octets(octets, size);
  }
  return SSL_CLIENT_HELLO_ERROR;
}

Offer offer_of(OSSL_LIB_CTX* library) {
  const Context client_context(SSL_CTX_new_ex(library, nullptr, TLS_client_method()));
  const Context server_context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_security_level(client_context.get(), 0);
  Offer offer;
  SSL_CTX_set_client_hello_cb(server_context.get(), take_offer, &offer);
  const Session client(SSL_new(client_context.get()));
  const Session server(SSL_new(server_context.get()));
  BIO* near = nullptr;
  BIO* far = nullptr;
  BIO_new_bio_pair(&near, 0, &far, 0);
  SSL_set_bio(client.get(), near, near);
  SSL_set_bio(server.get(), far, far);
  SSL_connect(client.get());
  SSL_accept(server.get());
  return offer;
}

TEST(TlsLibrary, OffersWhatOpenSslOffers) {
  const Offer own = offer_of(tls_library());
  EXPECT_EQ(own, offer_of(nullptr));
  EXPECT_GT(own.at(kCiphers).size(), 50U);
  EXPECT_GE(own.at(kGroups).size(), 10U);
  EXPECT_GE(own.at(kSignatures).size(), 20U);
}

/// As DER.
Octets certificate_with(EVP_PKEY* key) {
  const Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("key"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  const std::string type = EVP_PKEY_get0_type_name(key);
  const bool digests_itself = type == "ED25519" || type == "ED448";
  EXPECT_GT(X509_sign(certificate.get(), key, digests_itself ? nullptr : EVP_sha256()), 0) << type;
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate.get(), &der);
  const Octets octets(der, static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return octets;
}

/// What a certificate shows of its key: kind, bits, and whether its own signature proves good with it.
std::string shown_key(OSSL_LIB_CTX* library, const Octets& der) {
  const Certificate certificate(X509_new_ex(library, nullptr));
  X509* raw = certificate.get();
  const unsigned char* octets = der.data();
  if (d2i_X509(&raw, &octets, static_cast<long>(der.size())) == nullptr) return "no certificate";
  EVP_PKEY* key = X509_get0_pubkey(raw);
  if (key == nullptr) return "no key";
  return std::string(EVP_PKEY_get0_type_name(key)) + " " + std::to_string(EVP_PKEY_get_bits(key)) +
         (X509_verify(raw, key) == 1 ? " good" : " bad");
}

Key dsa_key() {
  EVP_PKEY* made = nullptr;
  const KeyContext parameters(EVP_PKEY_CTX_new_from_name(nullptr, "DSA", nullptr));
  EVP_PKEY_paramgen_init(parameters.get());
  EVP_PKEY_CTX_set_dsa_paramgen_bits(parameters.get(), 1024);
  EVP_PKEY_paramgen(parameters.get(), &made);
  const Key group(made);
  const KeyContext generator(EVP_PKEY_CTX_new_from_pkey(nullptr, group.get(), nullptr));
  made = nullptr;
  EVP_PKEY_keygen_init(generator.get());
  EVP_PKEY_keygen(generator.get(), &made);
  return Key(made);
}

Key rsa_pss_key() {
  EVP_PKEY* made = nullptr;
  const KeyContext generator(EVP_PKEY_CTX_new_from_name(nullptr, "RSA-PSS", nullptr));
  EVP_PKEY_keygen_init(generator.get());
  EVP_PKEY_CTX_set_rsa_keygen_bits(generator.get(), 2048);
  EVP_PKEY_keygen(generator.get(), &made);
  return Key(made);
}

TEST(TlsLibrary, ReadsEveryKindOfKey) {
  std::map<std::string, Key> keys;
  keys["RSA 2048"] = Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
  keys["RSA-PSS 2048"] = rsa_pss_key();
  keys["EC 256"] = Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  keys["EC 384"] = Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384"));
  keys["EC 521"] = Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-521"));
  keys["ED25519 256"] = Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  keys["ED448 456"] = Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448"));
  keys["DSA 1024"] = dsa_key();
  for (const auto& [kind, key] : keys) {
    ASSERT_TRUE(key) << kind;
    const Octets der = certificate_with(key.get());
    EXPECT_EQ(shown_key(tls_library(), der), kind + " good");
    EXPECT_EQ(shown_key(nullptr, der), kind + " good");
  }
}

TEST(TlsLibrary, SurvivesTheThreadsThatUseIt) {
  const Octets der = certificate_with(Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")).get());
  std::vector<std::thread> threads;
  std::vector<std::string> shown(4);
  for (std::string& into : shown) threads.emplace_back([&] { into = shown_key(tls_library(), der); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(shown, testing::Each("EC 256 good"));
}

/// OpenSSL looks through all algorithms for each key, so it matters how many there are.
TEST(TlsLibrary, LeavesTheRestOut) {
  if (tls_library() == nullptr) GTEST_SKIP() << "this OpenSSL remembers decoders";
  const auto count = [](OSSL_LIB_CTX* library) {
    std::size_t found = 0;
    EVP_CIPHER_do_all_provided(
        library, [](EVP_CIPHER*, void* counter) { ++*static_cast<std::size_t*>(counter); }, &found);
    return found;
  };
  EXPECT_LT(count(tls_library()), count(nullptr) / 3);
}

}  // namespace
}  // namespace mtasts
