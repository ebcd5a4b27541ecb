// SPDX-License-Identifier: Apache-2.0
#include "probes/net/dane_check.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

#include "probes/net/c_handle.h"
#include "probes/net/tls_library.h"

namespace mtasts {
namespace {

using Session = std::unique_ptr<SSL, Deleter<SSL_free>>;
using Store = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using VerifyContext = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;
using Octets = std::vector<unsigned char>;

constexpr std::size_t kMostNameOctets = 256;
// Records that are tried one by one; each may cost the verification of a chain. A published set has a handful.
constexpr std::size_t kMostAlone = 16;
constexpr int kMostSent = 16;  // certificates, likewise
constexpr const char* kNeverSent = "unsent.invalid";

int value_of(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

Octets octets_of(const std::string& hex) {
  Octets octets;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    octets.push_back(static_cast<unsigned char>(value_of(hex[i]) * 16 + value_of(hex[i + 1])));
  return octets;
}

/// A session that never connects: OpenSSL keeps TLSA records in one. Adds the indexes of those to `malformed` that
/// should be a certificate or a key and are not.
Session session_with(SSL_CTX* context, std::span<const TlsaRecord> records, const std::string& base_domain,
                     std::vector<std::size_t>& malformed) {
  Session holder(SSL_new(context));
  // Without a name for SNI SSL_dane_enable takes the base domain, and one of any octets (\DDD) may be too long for
  // that.
  if (!holder || SSL_set_tlsext_host_name(holder.get(), kNeverSent) != 1 ||
      SSL_dane_enable(holder.get(), base_domain.c_str()) != 1)
    throw std::bad_alloc();
  SSL_dane_set_flags(holder.get(), DANE_FLAG_NO_DANE_EE_NAMECHECKS);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const TlsaRecord& record = records[i];
    if (!unusable_reason(record).empty()) continue;
    const Octets data = octets_of(record.data);
    const int added =
        SSL_dane_tlsa_add(holder.get(), record.usage, record.selector, record.matching_type, data.data(), data.size());
    if (added == 0) malformed.push_back(i);
  }
  ERR_clear_error();
  return holder;
}

struct Outcome {
  bool good{};
  std::uint8_t usage{};   // of the record that was matched
  std::string problem{};  // in OpenSSL's words
};

/// The trust store is empty: what a public authority vouches for is not asked.
Outcome verify(SSL* holder, X509* leaf, STACK_OF(X509) * sent, UnixTime now) {
  const Store no_store(X509_STORE_new());
  const VerifyContext verification(X509_STORE_CTX_new_ex(tls_library(), nullptr));
  if (!no_store || !verification || X509_STORE_CTX_init(verification.get(), no_store.get(), leaf, sent) != 1)
    throw std::bad_alloc();
  X509_STORE_CTX_set_default(verification.get(), "ssl_server");
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(verification.get());
  X509_VERIFY_PARAM_set_time(parameters, now.time_since_epoch().count());
  X509_VERIFY_PARAM_set_auth_level(parameters, 0);
  X509_STORE_CTX_set0_dane(verification.get(), SSL_get0_dane(holder));
  Outcome outcome{.good = X509_verify_cert(verification.get()) == 1};
  if (outcome.good) {
    SSL_get0_dane_tlsa(holder, &outcome.usage, nullptr, nullptr, nullptr, nullptr);
  } else {
    outcome.problem = X509_verify_cert_error_string(X509_STORE_CTX_get_error(verification.get()));
  }
  ERR_clear_error();
  return outcome;
}

/// "" for one with a NUL: what stands before that may be somebody else's name.
std::string common_name_of(X509* leaf) {
  std::array<char, kMostNameOctets> text{};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, text.data(),
                                             static_cast<int>(text.size()));
  std::string name(text.data());
  return size > 0 && name.size() == static_cast<std::size_t>(size) ? name : std::string();
}

}  // namespace

void enable_dane(SSL_CTX* context) {
  if (SSL_CTX_dane_enable(context) != 1) throw std::runtime_error("this OpenSSL cannot verify DANE");
}

DaneObservation check_dane(SSL* session, std::span<const TlsaRecord> records, const std::string& base_domain,
                           UnixTime now) {
  DaneObservation seen;
  STACK_OF(X509)* sent = SSL_get_peer_cert_chain(session);
  if (sk_X509_num(sent) <= 0) {
    seen.problem = "the peer sent no certificate";
    return seen;
  }
  X509* leaf = sk_X509_value(sent, 0);
  SSL_CTX* context = SSL_get_SSL_CTX(session);
  const Outcome all = verify(session_with(context, records, base_domain, seen.malformed).get(), leaf, sent, now);
  seen.authenticated = all.good;
  seen.problem = all.problem;
  if (records.size() == 1 && all.good) seen.matching.push_back(0);
  const bool affordable = records.size() > 1 && records.size() <= kMostAlone && sk_X509_num(sent) <= kMostSent;
  for (std::size_t i = 0; i < records.size() && affordable; ++i) {
    if (!unusable_reason(records[i]).empty()) continue;
    std::vector<std::size_t> known;
    const Session alone = session_with(context, records.subspan(i, 1), base_domain, known);
    if (verify(alone.get(), leaf, sent, now).good) seen.matching.push_back(i);
  }
  if (!all.good || all.usage == kDaneEe) return seen;
  seen.needs_name = true;
  seen.names_base_domain = X509_check_host(leaf, base_domain.data(), base_domain.size(), 0, nullptr) == 1;
  seen.common_name = common_name_of(leaf);
  return seen;
}

}  // namespace mtasts
