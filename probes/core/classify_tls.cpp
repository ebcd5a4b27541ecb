// SPDX-License-Identifier: Apache-2.0
#include "probes/core/classify_tls.h"

#include <algorithm>

namespace mtasts {
namespace {

// CA/Browser Forum Baseline Requirements section 6.1.5.
constexpr int kLeastRsaBits = 2048;
constexpr int kLeastEcBits = 224;

/// A path that ends early is an incomplete chain when the leaf looks publicly issued or its issuer is known as an
/// intermediate; otherwise nobody here knows that authority.
bool is_incomplete_chain(const TlsObservation& tls) { return tls.public_issuance || tls.issuer_seen_elsewhere; }

std::string_view trust_reason(CertificateFault fault, const TlsObservation& tls) {
  switch (fault) {
    case CertificateFault::self_signed:
      return "self-signed";
    case CertificateFault::unknown_ca:
      return "unknown-ca";
    case CertificateFault::missing_issuer:
      return is_incomplete_chain(tls) ? "incomplete-chain" : "unknown-ca";
    case CertificateFault::name_mismatch:
      return "name-mismatch";
    case CertificateFault::no_san:
      return "no-san";
    case CertificateFault::not_yet_valid:
      return "not-yet-valid";
    case CertificateFault::expired:
      return "expired";
    case CertificateFault::chain_error:
      break;
  }
  return "chain-error";
}

ResultType mx_result_type(CertificateFault fault, std::string_view reason, const ClassifyOptions& options) {
  switch (fault) {
    case CertificateFault::expired:
    case CertificateFault::not_yet_valid:
      return ResultType::certificate_expired;
    case CertificateFault::name_mismatch:
    case CertificateFault::no_san:
      return ResultType::certificate_host_mismatch;
    default:
      return reason == "incomplete-chain" ? options.incomplete_chain : ResultType::certificate_not_trusted;
  }
}

template <class T>
void add_once(std::vector<T>& all, T one) {
  if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(std::move(one));
}

void add_fault(std::vector<NamedFault>& faults, NamedFault fault) {
  const auto same = std::find_if(faults.begin(), faults.end(), [&fault](const NamedFault& other) {
    return other.type == fault.type && other.reason == fault.reason;
  });
  if (same == faults.end()) return faults.push_back(std::move(fault));
  same->text += "; " + fault.text;
}

bool weak_key(const Certificate& certificate) {
  if (certificate.key_bits == 0) return false;  // of a kind that cannot be read here: unknown is not weak
  const bool rsa = certificate.key_type.starts_with("RSA") || certificate.key_type == "DSA";
  return certificate.key_bits < (rsa ? kLeastRsaBits : kLeastEcBits);
}

bool weak_signature(const Certificate& certificate) {
  return certificate.signature.find("sha1") != std::string::npos ||
         certificate.signature.find("SHA1") != std::string::npos ||
         certificate.signature.find("md5") != std::string::npos;
}

std::string days_left_text(UnixTime not_after, UnixTime now) {
  const auto days = std::chrono::duration_cast<std::chrono::days>(not_after - now).count();
  return "the certificate or its path expires in " + std::to_string(days) + (days == 1 ? " day" : " days");
}

}  // namespace

std::vector<NamedFault> policy_certificate_faults(const TlsObservation& tls) {
  std::vector<NamedFault> faults;
  for (const CertificateProblem& problem : tls.problems) {
    const bool expired = problem.fault == CertificateFault::expired;
    const std::string_view reason =
        expired ? std::string_view("certificate-expired") : trust_reason(problem.fault, tls);
    add_fault(faults, {ResultType::sts_webpki_invalid, reason, problem.text});
  }
  return faults;
}

std::vector<NamedFault> mx_certificate_faults(const TlsObservation& tls, const ClassifyOptions& options) {
  std::vector<NamedFault> faults;
  for (const CertificateProblem& problem : tls.problems) {
    const std::string_view reason = trust_reason(problem.fault, tls);
    add_fault(faults, {mx_result_type(problem.fault, reason, options), reason, problem.text});
  }
  return faults;
}

std::vector<Finding> certificate_findings(const TlsObservation& tls, const std::string& host,
                                          const ClassifyOptions& options, UnixTime now) {
  std::vector<Finding> findings;
  for (const Certificate& certificate : tls.chain) {
    if (weak_key(certificate)) {
      add_once(findings, {.code = "weak-key",
                          .host = host,
                          .message = certificate.subject + " has a key of " + std::to_string(certificate.key_bits) +
                                     " bits (" + certificate.key_type + ")"});
    }
    if (!certificate.self_issued && weak_signature(certificate)) {
      add_once(findings, {.code = "weak-signature",
                          .host = host,
                          .message = certificate.subject + " is signed with " + certificate.signature});
    }
    const bool unused = tls.problems.empty() && certificate.not_after < now;
    if (unused) {
      add_once(findings, {.code = "unused-expired-certificate",
                          .host = host,
                          .message = "the server also sends " + certificate.subject + ", which has expired"});
    }
  }
  const bool soon = tls.not_after && *tls.not_after >= now && *tls.not_after < now + options.expiry_warning;
  if (soon) {
    findings.push_back(
        {.code = "certificate-expires-soon", .host = host, .message = days_left_text(*tls.not_after, now)});
  }
  return findings;
}

}  // namespace mtasts
