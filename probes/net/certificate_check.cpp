// SPDX-License-Identifier: Apache-2.0
#include "probes/net/certificate_check.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>

#include "probes/core/date_text.h"
#include "probes/net/c_handle.h"
#include "probes/net/tls_library.h"
#include "probes/net/tls_memory.h"

namespace mtasts {
namespace {

void free_text(char* text) { OPENSSL_free(text); }
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using BigNumber = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using Text = std::unique_ptr<char, Deleter<free_text>>;
using Names = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;
using Policies = std::unique_ptr<CERTIFICATEPOLICIES, Deleter<CERTIFICATEPOLICIES_free>>;
using Access = std::unique_ptr<AUTHORITY_INFO_ACCESS, Deleter<AUTHORITY_INFO_ACCESS_free>>;
using VerifyContext = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;

// Bounds on what is kept of a certificate: memory must not grow with what peers send.
constexpr std::size_t kMaxNames = 128;  // public authorities issue for a hundred
constexpr std::size_t kMaxNameLength = 512;
constexpr int kMaxChain = 16;
constexpr long kMaxPem = 64L * 1024;  // some thirty times what a public authority's certificate takes
// CA/Browser Forum reserved policy identifiers (Baseline Requirements section 7.1.6.1).
constexpr std::string_view kCabForumArc = "2.23.140.1.";

UnixTime time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return UnixTime(std::chrono::seconds(timegm(&parts)));
}

std::string hex(const unsigned char* bytes, std::size_t size) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

std::string name_text(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, std::min(static_cast<std::size_t>(std::max(size, 0L)), kMaxNameLength)};
}

std::string name_der(const X509_NAME* name) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509_NAME(name, &bytes);
  if (size <= 0) return {};
  const Text owner(reinterpret_cast<char*>(bytes));
  return {owner.get(), static_cast<std::size_t>(size)};
}

std::string printable(std::string_view text) {
  std::string safe;
  for (const char c : text.substr(0, kMaxNameLength)) safe += (c > ' ' && c < 127) ? c : '?';
  return safe;
}

/// The SAN DNS-IDs. The subject's common name never counts (RFC 8461 sections 3.3 and 4.2).
std::vector<std::string> dns_names_of(X509* certificate) {
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> found;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()) && found.size() < kMaxNames; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    found.push_back(printable({text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))}));
  }
  return found;
}

std::string serial_of(X509* certificate) {
  const BigNumber number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  const Text text(number ? BN_bn2hex(number.get()) : nullptr);
  return text ? text.get() : std::string{};
}

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Digest sha256_of(X509* certificate) {
  Digest digest{};
  X509_digest(certificate, EVP_sha256(), digest.data(), nullptr);
  return digest;
}

bool is_self_issued(X509* certificate) {
  return X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
}

std::string pem_of(X509* certificate) {
  const Bio memory(BIO_new(BIO_s_mem()));
  if (!memory || PEM_write_bio_X509(memory.get(), certificate) != 1) return "";
  char* text = nullptr;
  const long length = BIO_get_mem_data(memory.get(), &text);
  return length > 0 && length <= kMaxPem ? std::string(text, static_cast<std::size_t>(length)) : "";
}

Certificate describe(X509* certificate, const Digest& digest) {
  Certificate seen{.subject = name_text(X509_get_subject_name(certificate)),
                   .issuer = name_text(X509_get_issuer_name(certificate)),
                   .serial = serial_of(certificate),
                   .sha256 = hex(digest.data(), digest.size()),
                   .not_before = time_of(X509_get0_notBefore(certificate)),
                   .not_after = time_of(X509_get0_notAfter(certificate)),
                   .dns_names = dns_names_of(certificate),
                   .signature = OBJ_nid2ln(X509_get_signature_nid(certificate)),
                   .self_issued = is_self_issued(certificate),
                   .pem = pem_of(certificate)};
  if (EVP_PKEY* key = X509_get0_pubkey(certificate)) {
    const char* type = EVP_PKEY_get0_type_name(key);
    seen.key_type = type != nullptr ? type : "";
    seen.key_bits = EVP_PKEY_get_bits(key);
  }
  return seen;
}

/// Of the SubjectPublicKeyInfo, which a TLSA record with selector 1 is about (RFC 6698 section 2.1.2).
std::string key_sha256_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) return "";
  const Text owner(reinterpret_cast<char*>(der));
  Digest digest{};
  EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr);
  return hex(digest.data(), digest.size());
}

bool has_public_policy(X509* certificate) {
  const Policies policies(
      static_cast<CERTIFICATEPOLICIES*>(X509_get_ext_d2i(certificate, NID_certificate_policies, nullptr, nullptr)));
  for (int i = 0; i < sk_POLICYINFO_num(policies.get()); ++i) {
    std::array<char, 80> oid{};
    OBJ_obj2txt(oid.data(), oid.size(), sk_POLICYINFO_value(policies.get(), i)->policyid, 1);
    if (std::string_view(oid.data()).starts_with(kCabForumArc)) return true;
  }
  return false;
}

bool names_its_issuer(X509* certificate) {
  const Access access(
      static_cast<AUTHORITY_INFO_ACCESS*>(X509_get_ext_d2i(certificate, NID_info_access, nullptr, nullptr)));
  for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access.get()); ++i) {
    const ACCESS_DESCRIPTION* entry = sk_ACCESS_DESCRIPTION_value(access.get(), i);
    if (OBJ_obj2nid(entry->method) == NID_ad_ca_issuers && entry->location->type == GEN_URI) return true;
  }
  return false;
}

/// Does the leaf look as if a public CA had issued it? Then a missing issuer is a forgotten intermediate.
bool shows_public_issuance(X509* leaf) {
  return X509_get_ext_by_NID(leaf, NID_ct_precert_scts, -1) >= 0 || has_public_policy(leaf) || names_its_issuer(leaf);
}

CertificateFault fault_of(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return CertificateFault::expired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return CertificateFault::not_yet_valid;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return CertificateFault::self_signed;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return CertificateFault::unknown_ca;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return CertificateFault::missing_issuer;
    default:
      return CertificateFault::chain_error;
  }
}

void add_problem(std::vector<CertificateProblem>& problems, CertificateProblem problem) {
  const auto same = [&problem](const CertificateProblem& other) {
    if (problem.fault == CertificateFault::missing_issuer) return other.fault == problem.fault;
    return other.fault == problem.fault && other.depth == problem.depth;
  };
  if (std::none_of(problems.begin(), problems.end(), same)) problems.push_back(std::move(problem));
}

/// Notes the error and lets verification go on, so that every fault is found. Dates are looked at afterwards, all of
/// them (check_dates).
int note_error(int ok, X509_STORE_CTX* context) {
  if (ok == 1) return 1;
  auto& problems = *static_cast<std::vector<CertificateProblem>*>(X509_STORE_CTX_get_app_data(context));
  const int error = X509_STORE_CTX_get_error(context);
  const CertificateFault fault = fault_of(error);
  if (fault == CertificateFault::expired || fault == CertificateFault::not_yet_valid) return 1;
  add_problem(
      problems,
      {.fault = fault, .depth = X509_STORE_CTX_get_error_depth(context), .text = X509_verify_cert_error_string(error)});
  return 1;
}

/// Does the path lead to a trust anchor, every signature good? Names and dates are another matter.
bool path_is_good(const std::vector<CertificateProblem>& problems) {
  return std::none_of(problems.begin(), problems.end(), [](const CertificateProblem& problem) {
    return problem.fault == CertificateFault::self_signed || problem.fault == CertificateFault::unknown_ca ||
           problem.fault == CertificateFault::missing_issuer || problem.fault == CertificateFault::chain_error;
  });
}

/// As many names as a person reads.
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 3;
  constexpr std::size_t kMostOctets = 253;  // of a name in DNS
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i)
    text += (i == 0 ? "" : ", ") + names[i].substr(0, kMostOctets);
  return names.size() > kMost ? text + " and " + std::to_string(names.size() - kMost) + " more" : text;
}

void check_name(X509* leaf, const std::string& reference_name, const std::vector<std::string>& dns_names,
                std::vector<CertificateProblem>& problems) {
  constexpr unsigned int kFlags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
  if (X509_check_host(leaf, reference_name.data(), reference_name.size(), kFlags, nullptr) == 1) return;
  const bool no_san = dns_names.empty();
  problems.push_back({.fault = no_san ? CertificateFault::no_san : CertificateFault::name_mismatch,
                      .depth = 0,
                      .text = no_san ? "the certificate has no SAN DNS-ID at all"
                                     : "the certificate is for " + some_of(dns_names) + ", not for " + reference_name});
}

/// The leaf needs no name; of the others one wants to know which.
std::string certificate_text(X509* certificate, std::size_t depth) {
  return depth == 0 ? "the certificate" : "the chain's certificate " + name_text(X509_get_subject_name(certificate));
}

/// The dates of every certificate of the path.
void check_dates(const std::vector<X509*>& path, UnixTime now, std::vector<CertificateProblem>& problems) {
  for (std::size_t depth = 0; depth < path.size(); ++depth) {
    const UnixTime from = time_of(X509_get0_notBefore(path[depth]));
    const UnixTime until = time_of(X509_get0_notAfter(path[depth]));
    if (now < from) {
      add_problem(problems, {.fault = CertificateFault::not_yet_valid,
                             .depth = static_cast<int>(depth),
                             .text = certificate_text(path[depth], depth) + " is not valid before " + date_text(from)});
    }
    if (now > until) {
      add_problem(problems, {.fault = CertificateFault::expired,
                             .depth = static_cast<int>(depth),
                             .text = certificate_text(path[depth], depth) + " expired on " + date_text(until)});
    }
  }
}

void judge_path(const VerifyContext& verify, TlsContext& context, UnixTime now, TlsObservation& seen) {
  std::vector<X509*> path;
  STACK_OF(X509)* built = X509_STORE_CTX_get0_chain(verify.get());
  for (int i = 0; i < sk_X509_num(built); ++i) path.push_back(sk_X509_value(built, i));
  if (path.empty()) return;
  check_dates(path, now, seen.problems);
  seen.path_built = path_is_good(seen.problems);
  seen.not_after = time_of(X509_get0_notAfter(path.front()));
  if (!seen.path_built) {
    seen.issuer_seen_elsewhere = context.knows_intermediate(name_der(X509_get_issuer_name(path.back())));
    return;
  }
  for (X509* certificate : path) seen.not_after = std::min(*seen.not_after, time_of(X509_get0_notAfter(certificate)));
  for (std::size_t i = 1; i + 1 < path.size(); ++i) {
    context.saw_intermediate(name_der(X509_get_subject_name(path[i])));
  }
}

UnixTime latest_start(const VerifyContext& verify) {
  UnixTime start{};
  STACK_OF(X509)* built = X509_STORE_CTX_get0_chain(verify.get());
  for (int i = 0; i < sk_X509_num(built); ++i) {
    start = std::max(start, time_of(X509_get0_notBefore(sk_X509_value(built, i))));
  }
  return start;
}

/// Everything the outcome depends on: the name, and each certificate as sent, in order. Purpose, minimum version and
/// trust store belong to the context, which owns the memory.
VerificationKey memory_key(const std::vector<Digest>& sent, const std::string& reference_name) {
  std::string all = reference_name + '\0';
  for (const Digest& digest : sent) all.append(digest.begin(), digest.end());
  VerificationKey key{};
  EVP_Digest(all.data(), all.size(), key.data(), nullptr, EVP_sha256(), nullptr);
  return key;
}

/// Verification proper. Every fault goes through note_error; what stops it before the first is a fault of its own.
void verify_path(const VerifyContext& verify, std::vector<CertificateProblem>& problems, UnixTime now) {
  X509_STORE_CTX_set_default(verify.get(), "ssl_server");
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(verify.get());
  X509_VERIFY_PARAM_set_time(parameters, now.time_since_epoch().count());
  X509_VERIFY_PARAM_set_auth_level(parameters, 0);
  const std::size_t found_before = problems.size();
  X509_STORE_CTX_set_app_data(verify.get(), &problems);
  X509_STORE_CTX_set_verify_cb(verify.get(), note_error);
  if (X509_verify_cert(verify.get()) > 0 || problems.size() > found_before) return;
  const int error = X509_STORE_CTX_get_error(verify.get());
  problems.push_back(
      {.fault = CertificateFault::chain_error, .depth = 0, .text = X509_verify_cert_error_string(error)});
}

/// Verifies what was sent and fills `seen`, whose chain is described already; remembers a clean outcome under `key`.
void verify_chain(STACK_OF(X509) * sent, const std::string& reference_name, TlsContext& context, UnixTime now,
                  const VerificationKey& key, TlsObservation& seen) {
  X509* leaf = sk_X509_value(sent, 0);
  seen.public_issuance = shows_public_issuance(leaf);
  check_name(leaf, reference_name, seen.chain.front().dns_names, seen.problems);

  const VerifyContext verify(X509_STORE_CTX_new_ex(tls_library(), nullptr));
  if (!verify || X509_STORE_CTX_init(verify.get(), context.trust_store(), leaf, sent) != 1) {
    seen.problems.push_back(
        {.fault = CertificateFault::chain_error, .depth = 0, .text = "the chain cannot be verified"});
    return;
  }
  verify_path(verify, seen.problems, now);
  judge_path(verify, context, now, seen);
  std::stable_sort(seen.problems.begin(), seen.problems.end(),
                   [](const CertificateProblem& a, const CertificateProblem& b) { return a.depth < b.depth; });
  require_tls_memory();
  if (seen.problems.empty() && seen.not_after) {
    context.remember(
        key,
        {.valid_from = latest_start(verify), .valid_until = *seen.not_after, .public_issuance = seen.public_issuance});
  }
}

/// The chain as sent, and what its verification came to, now or when the same was verified last.
void judge_chain(STACK_OF(X509) * sent, const std::string& reference_name, TlsContext& context, UnixTime now,
                 TlsObservation& seen) {
  std::vector<Digest> digests;
  for (int i = 0; i < sk_X509_num(sent); ++i) digests.push_back(sha256_of(sk_X509_value(sent, i)));
  for (int i = 0; i < sk_X509_num(sent) && i < kMaxChain; ++i) {
    seen.chain.push_back(describe(sk_X509_value(sent, i), digests[static_cast<std::size_t>(i)]));
  }
  seen.key_sha256 = key_sha256_of(sk_X509_value(sent, 0));
  const VerificationKey key = memory_key(digests, reference_name);
  const RememberedVerification* known = context.recall(key, now);
  if (known == nullptr) return verify_chain(sent, reference_name, context, now, key, seen);
  seen.path_built = true;
  seen.not_after = known->valid_until;
  seen.public_issuance = known->public_issuance;
}

}  // namespace

TlsObservation check_certificates(ssl_st* session, const std::string& reference_name, TlsContext& context,
                                  UnixTime now) {
  STACK_OF(X509)* sent = SSL_get_peer_cert_chain(session);
  TlsObservation seen;
  if (sk_X509_num(sent) > 0) {
    judge_chain(sent, reference_name, context, now, seen);
  } else {
    seen.problems.push_back(
        {.fault = CertificateFault::chain_error, .depth = 0, .text = "the peer sent no certificate"});
  }
  seen.version = SSL_get_version(session);
  seen.cipher = SSL_get_cipher_name(session);
  return seen;
}

}  // namespace mtasts
