// SPDX-License-Identifier: Apache-2.0
#include "probes/net/certificate_check.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "probes/core/domain_name.h"
#include "probes/net/dane_check.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/script_reader.h"
#include "tests/fuzz/trust.h"

using namespace mtasts;
using mtasts::fuzz::expect;

namespace {

constexpr UnixTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};
constexpr std::size_t kMostCertificates = 20;
constexpr std::size_t kMostRecords = 6;
// What certificate_check.cpp keeps of one.
constexpr std::size_t kMostChain = 16;
constexpr std::size_t kMostNames = 128;
constexpr std::size_t kMostName = 512;
constexpr std::size_t kMostCommonName = 255;
constexpr std::size_t kMostPem = std::size_t{64} * 1024;
constexpr std::size_t kMostText = 2000;
constexpr std::size_t kSha256Digits = 64;

struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeSession {
  void operator()(SSL* session) const { SSL_free(session); }
};
using Chain = std::unique_ptr<STACK_OF(X509), FreeStack>;

// What the peer of every session sent.
STACK_OF(X509) * sent_chain{};

std::vector<std::uint8_t> hashed(std::vector<std::uint8_t> whole, std::uint8_t matching_type) {
  if (matching_type == 0) return whole;
  std::vector<std::uint8_t> digest(EVP_MAX_MD_SIZE);
  unsigned int size = 0;
  EVP_Digest(whole.data(), whole.size(), digest.data(), &size, matching_type == 1 ? EVP_sha256() : EVP_sha512(),
             nullptr);
  digest.resize(size);
  return digest;
}

/// What a record says that is about this certificate.
std::vector<std::uint8_t> data_about(X509* certificate, const TlsaRecord& record) {
  unsigned char* der = nullptr;
  const int size =
      record.selector == 0 ? i2d_X509(certificate, &der) : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) return {};
  std::vector<std::uint8_t> whole(der, der + size);
  OPENSSL_free(der);
  return hashed(std::move(whole), record.matching_type);
}

template <class Octets>
std::string hex_of(const Octets& octets) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const auto c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    text += {kDigits[octet >> 4U], kDigits[octet & 15U]};
  }
  return text;
}

/// A host as MX records name it: by a domain name, or by any octets (RFC 1035 section 5.1).
std::string host_of(std::string_view octets) {
  constexpr std::size_t kMostOctets = 253;
  if (parse_domain_name(octets)) return std::string(octets);
  std::string name;
  for (const char octet : octets.substr(0, kMostOctets)) {
    std::string number = std::to_string(static_cast<unsigned char>(octet));
    name += "\\" + number.insert(0, 3 - number.size(), '0');
  }
  return name;
}

/// A record before the chain is known. Without data of its own it is about the certificate in that place.
struct Plan {
  TlsaRecord record{};
  bool own_data{};
  std::size_t place{};
};

std::vector<Plan> read_plans(fuzz::ScriptReader& script) {
  std::vector<Plan> plans(script.number(kMostRecords + 1));
  for (Plan& plan : plans) {
    plan.record = {.usage = script.octet(), .selector = script.octet(), .matching_type = script.octet()};
    plan.own_data = script.number(3) == 0;
    plan.place = script.octet();
    if (plan.own_data) plan.record.data = hex_of(script.text());
  }
  return plans;
}

Chain read_der(std::string_view octets) {
  Chain chain(sk_X509_new_null());
  const auto* at = reinterpret_cast<const unsigned char*>(octets.data());
  const auto* end = at + octets.size();
  while (at < end && static_cast<std::size_t>(sk_X509_num(chain.get())) < kMostCertificates) {
    X509* certificate = d2i_X509(nullptr, &at, end - at);
    if (certificate == nullptr) break;
    sk_X509_push(chain.get(), certificate);
  }
  return chain;
}

Chain read_pem(std::string_view text) {
  Chain chain(sk_X509_new_null());
  const std::unique_ptr<BIO, FreeBio> memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  while (static_cast<std::size_t>(sk_X509_num(chain.get())) < kMostCertificates) {
    X509* certificate = PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr);
    if (certificate == nullptr) break;
    sk_X509_push(chain.get(), certificate);
  }
  return chain;
}

std::vector<TlsaRecord> records_of(const std::vector<Plan>& plans, STACK_OF(X509) * chain) {
  std::vector<TlsaRecord> records;
  const auto count = static_cast<std::size_t>(std::max(sk_X509_num(chain), 0));
  for (const Plan& plan : plans) {
    records.push_back(plan.record);
    if (plan.own_data || count == 0) continue;
    records.back().data = hex_of(data_about(sk_X509_value(chain, static_cast<int>(plan.place % count)), plan.record));
  }
  return records;
}

bool is_hex(std::string_view text) { return all_of(text, is_hex_digit); }

/// What is shown is bounded and printable; what can be downloaded is the certificate.
void expect_described(const Certificate& seen) {
  for (const std::string* name : {&seen.subject, &seen.issuer, &seen.key_type, &seen.signature}) {
    expect(name->size() <= kMostName);
    fuzz::expect_printable(*name);
  }
  expect(seen.serial.size() <= kMostName && is_hex(seen.serial.substr(seen.serial.starts_with('-') ? 1 : 0)));
  expect(seen.sha256.size() == kSha256Digits && is_hex(seen.sha256));
  expect(seen.dns_names.size() <= kMostNames && seen.key_bits >= 0);
  for (const std::string& name : seen.dns_names) {
    expect(name.size() <= kMostName && name.find(' ') == std::string::npos);
    fuzz::expect_printable(name);
  }
  expect(seen.pem.size() <= kMostPem);
  if (seen.pem.empty()) return;
  const Chain again = read_pem(seen.pem);
  expect(sk_X509_num(again.get()) == 1);
  std::vector<std::uint8_t> digest(EVP_MAX_MD_SIZE);
  X509_digest(sk_X509_value(again.get(), 0), EVP_sha256(), digest.data(), nullptr);
  digest.resize(kSha256Digits / 2);
  expect(hex_of(digest) == seen.sha256);
}

void expect_problems(const TlsObservation& seen) {
  for (const CertificateProblem& problem : seen.problems) {
    expect(!problem.text.empty() && problem.text.size() <= kMostText && problem.depth >= 0);
    fuzz::expect_printable(problem.text);
    const bool breaks_path =
        problem.fault == CertificateFault::self_signed || problem.fault == CertificateFault::unknown_ca ||
        problem.fault == CertificateFault::missing_issuer || problem.fault == CertificateFault::chain_error;
    expect(!breaks_path || !seen.path_built);
  }
  expect(std::is_sorted(seen.problems.begin(), seen.problems.end(),
                        [](const auto& a, const auto& b) { return a.depth < b.depth; }));
  expect(!seen.problems.empty() || (seen.path_built && seen.not_after && *seen.not_after >= kNow));
}

bool same_certificate(const Certificate& a, const Certificate& b) { return a.sha256 == b.sha256 && a.pem == b.pem; }

/// What was verified before is described and judged as it was.
void expect_same(const TlsObservation& a, const TlsObservation& b) {
  expect(std::equal(a.chain.begin(), a.chain.end(), b.chain.begin(), b.chain.end(), same_certificate));
  expect(a.problems.size() == b.problems.size() && a.path_built == b.path_built && a.not_after == b.not_after);
  expect(a.key_sha256 == b.key_sha256 && a.public_issuance == b.public_issuance);
}

/// A common name that may count is all that the certificate has there.
void expect_common_name(const std::string& name) {
  if (name.empty()) return;
  X509_NAME* subject = X509_get_subject_name(sk_X509_value(sent_chain, 0));
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  expect(at >= 0);
  const int size = ASN1_STRING_length(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  expect(name.size() == std::min<std::size_t>(static_cast<std::size_t>(size), kMostCommonName));
}

void expect_dane(SSL* session, const std::vector<TlsaRecord>& records, const std::string& reference) {
  const DaneObservation seen = check_dane(session, records, reference, kNow);
  for (const auto* places : {&seen.matching, &seen.malformed})
    for (const std::size_t place : *places) expect(place < records.size());
  expect(seen.authenticated == seen.problem.empty());
  expect(seen.authenticated || !seen.needs_name);
  fuzz::expect_printable(seen.problem);
  expect_common_name(seen.common_name);
}

/// The leaf's own digests authenticate it, and another's do not.
void expect_own_digests(SSL* session, const TlsObservation& seen, const std::string& reference) {
  for (const auto& [selector, digest] : {std::pair(0, seen.chain[0].sha256), std::pair(1, seen.key_sha256)}) {
    TlsaRecord record{.usage = kDaneEe, .selector = static_cast<std::uint8_t>(selector), .matching_type = 1};
    record.data = digest;
    const DaneObservation right = check_dane(session, std::span(&record, 1), reference, kNow);
    expect(right.authenticated && right.matching.size() == 1 && !right.needs_name);
    record.data.front() = record.data.front() == '0' ? '1' : '0';
    const DaneObservation wrong = check_dane(session, std::span(&record, 1), reference, kNow);
    expect(!wrong.authenticated && wrong.matching.empty());
  }
}

}  // namespace

/// Stands before that of the library: there is no handshake, and this is what it would have brought.
STACK_OF(X509) * SSL_get_peer_cert_chain(const SSL* /*session*/) { return sent_chain; }

/// The input is a script: the name to verify, TLSA records, and what a peer sent as its chain, in DER or PEM.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static TlsContext tls({.ca_file = fuzz::trust_file()});
  static const std::unique_ptr<SSL, FreeSession> session(SSL_new(tls.native()));
  fuzz::ScriptReader script(data, size);
  const std::string reference = host_of(script.text());
  const std::vector<Plan> plans = read_plans(script);
  const std::string_view octets = script.rest();
  const Chain chain = octets.starts_with("-----BEGIN") ? read_pem(octets) : read_der(octets);
  ERR_clear_error();
  sent_chain = chain.get();
  tls.recall({}, UnixTime{});  // a clock that jumps back: nothing is remembered of other inputs
  const TlsObservation seen = check_certificates(session.get(), reference, tls, kNow);
  const auto sent = static_cast<std::size_t>(sk_X509_num(chain.get()));
  expect(seen.chain.size() == std::min(sent, kMostChain));
  for (const Certificate& certificate : seen.chain) expect_described(certificate);
  expect_problems(seen);
  expect_dane(session.get(), records_of(plans, chain.get()), reference);
  // Nobody completes a handshake without a key that can be read.
  if (sent == 0 || X509_get0_pubkey(sk_X509_value(chain.get(), 0)) == nullptr) return 0;
  expect_same(seen, check_certificates(session.get(), reference, tls, kNow));
  expect_own_digests(session.get(), seen, reference);
  return 0;
}
