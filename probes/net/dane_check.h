// Matches the certificates that an MX host sent with its TLSA records, by OpenSSL's own DANE verification.
// Next: tls_session.h, which calls it after a handshake; probes/core/classify_dane.h for what follows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "probes/core/observations.h"

struct ssl_st;
struct ssl_ctx_st;

namespace mtasts {

/// Gets a context ready for check_dane(). Errors: std::runtime_error when this OpenSSL has no DANE.
void enable_dane(ssl_ctx_st* context);

/// Verifies the chain that `session`'s peer sent against the records that are usable for SMTP, at `now`: DANE-EE(3)
/// without names and dates, DANE-TA(2) with dates; whose names match is said apart, as who asks decides which count.
/// Input: a session of a context of enable_dane() whose handshake completed; the TLSA base domain.
/// Source: RFC 7672 section 3, RFC 7671 sections 5 and 9 (digest agility).
DaneObservation check_dane(ssl_st* session, std::span<const TlsaRecord> records, const std::string& base_domain,
                           UnixTime now);

}  // namespace mtasts
