// Looks at the certificates a peer sent: who they are, and every fault of their path, never only the first.
// Next: tls_session.h, which calls it after a handshake; probes/core/classify.h, which names the faults.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "probes/core/observations.h"
#include "probes/net/tls_context.h"

struct ssl_st;

namespace mtasts {

/// Describes and verifies the chain that `session`'s peer sent, for the DNS-ID `reference_name` at `now`.
/// Input: a session whose handshake completed. Errors: none; faults are in the result's `problems`.
/// Source: RFC 8461 sections 3.3 and 4.2, RFC 5280 section 6, RFC 6125 section 6.4.
TlsObservation check_certificates(ssl_st* session, const std::string& reference_name, TlsContext& context,
                                  UnixTime now);

}  // namespace mtasts
