// What peers may choose that costs us more than them.
// SPDX-License-Identifier: Apache-2.0
#include "probes/net/tls_context.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "probes/net/c_handle.h"

namespace mtasts {
namespace {

using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Deleter<SSL_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;

/// A group whose p is no prime, as nobody looks: 2^bits - 1.
Key group_of(int bits) {
  const Number one(BN_new()), p(BN_new()), g(BN_new());
  BN_one(one.get());
  BN_lshift(p.get(), one.get(), bits);
  BN_sub_word(p.get(), 1);
  BN_set_word(g.get(), 3);
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_FFC_P, p.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_FFC_G, g.get());
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "DH", nullptr));
  EVP_PKEY* group = nullptr;
  EVP_PKEY_fromdata_init(context.get());
  EXPECT_EQ(EVP_PKEY_fromdata(context.get(), &group, EVP_PKEY_KEY_PARAMETERS, parameters.get()), 1);
  return Key(group);
}

/// One of RFC 7919.
Key standard_group(const char* name) {
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "DH", nullptr));
  EVP_PKEY* group = nullptr;
  EVP_PKEY_paramgen_init(context.get());
  EXPECT_EQ(EVP_PKEY_CTX_set_group_name(context.get(), name), 1);
  EXPECT_EQ(EVP_PKEY_paramgen(context.get(), &group), 1);
  return Key(group);
}

/// A server that has nothing but an exchange over this group.
Context server_with(Key group) {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
  const Certificate certificate(X509_new());
  X509_set_pubkey(certificate.get(), key.get());
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  Context context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context.get(), "DHE-RSA-AES128-GCM-SHA256");
  SSL_CTX_use_certificate(context.get(), certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), key.get());
  if (SSL_CTX_set0_tmp_dh_pkey(context.get(), group.get()) == 1) static_cast<void>(group.release());
  return context;
}

/// Does a handshake with that server come to its end?
bool shakes_hands(SSL_CTX* ours, SSL_CTX* theirs) {
  const Session client(SSL_new(ours));
  const Session server(SSL_new(theirs));
  BIO* near = nullptr;
  BIO* far = nullptr;
  BIO_new_bio_pair(&near, 0, &far, 0);
  SSL_set_bio(client.get(), near, near);
  SSL_set_bio(server.get(), far, far);
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
  for (int flight = 0; flight < 8 && SSL_is_init_finished(client.get()) == 0; ++flight) {
    SSL_do_handshake(client.get());
    SSL_do_handshake(server.get());
  }
  return SSL_is_init_finished(client.get()) == 1;
}

TEST(TlsContext, APeerDoesNotChooseHowLongWeCompute) {
  const TlsContext ours(TlsOptions{});
  EXPECT_TRUE(shakes_hands(ours.native(), server_with(standard_group("ffdhe2048")).get()));
  EXPECT_TRUE(shakes_hands(ours.native(), server_with(standard_group("ffdhe8192")).get()));
  EXPECT_FALSE(shakes_hands(ours.native(), server_with(group_of(8193)).get()));
  EXPECT_FALSE(shakes_hands(ours.native(), server_with(group_of(512)).get())) << "as OpenSSL has it at any level";
}

}  // namespace
}  // namespace mtasts
