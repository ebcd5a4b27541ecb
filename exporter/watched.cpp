// SPDX-License-Identifier: Apache-2.0
#include "exporter/watched.h"

namespace mtasts {
namespace {

/// Pages show these, from the store; no verdict depends on them.
void drop_what_pages_show(Certificate& certificate) {
  for (std::string* text : {&certificate.issuer, &certificate.serial, &certificate.sha256, &certificate.pem})
    text->clear();
  certificate.dns_names.clear();
  certificate.not_before = {};
}

void drop_what_pages_show(DnsLookup& lookup) {
  lookup.server.clear();
  lookup.canonical_name.clear();
}

void drop_what_pages_show(DomainObservation& seen) {
  for (DnsLookup* lookup : {&seen.sts.lookup, &seen.tlsrpt.lookup, &seen.mx.lookup}) drop_what_pages_show(*lookup);
  if (!seen.policy) return;
  for (auto* lookup : {&seen.policy->lookup.ipv4, &seen.policy->lookup.ipv6})
    if (*lookup) drop_what_pages_show(**lookup);
  for (PolicyFetchAttempt& attempt : seen.policy->attempts) {
    attempt.body_sha256.clear();
    attempt.server.clear();
    if (!attempt.tls) continue;
    for (std::string* text : {&attempt.tls->version, &attempt.tls->cipher, &attempt.tls->key_sha256}) text->clear();
    for (Certificate& certificate : attempt.tls->chain) drop_what_pages_show(certificate);
  }
}

}  // namespace

PackedObservation::PackedObservation(DomainObservation seen) : report_targets_(std::move(seen.report_targets)) {
  drop_what_pages_show(seen);
  octets_ = pack(seen);
}

DomainObservation PackedObservation::unpacked() const {
  DomainObservation seen = unpack_domain_observation(octets_);
  seen.report_targets = report_targets_;
  return seen;
}

}  // namespace mtasts
