// Whether OpenSSL was refused memory. It makes a failed handshake, an untrusted chain or a store with fewer roots of
// that, and none of it would be the peer's fault.
// Next: tls_session.h, which asks after each of its steps.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace mtasts {

/// Has OpenSSL allocate through functions that notice. Input: called before anything of OpenSSL has been used; later
/// calls change nothing, and then no refusal is noticed. Source: OPENSSL_malloc(3).
void watch_tls_memory();

/// From here on: what this thread's calls of OpenSSL run into.
void begin_tls_work();

/// Errors: std::bad_alloc, if memory was refused in this thread since begin_tls_work().
void require_tls_memory();

}  // namespace mtasts
