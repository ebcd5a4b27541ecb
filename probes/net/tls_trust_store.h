// The certificates that are trusted, all of them read at start: no file is opened while probes run.
// Next: tls_context.h, which owns the store; certificate_check.h, which verifies against it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

struct x509_store_st;

namespace mtasts {

/// Fills `store` from `ca_file`, or with "" from where OpenSSL has the system's certificates: a file and a hashed
/// directory, which SSL_CERT_FILE and SSL_CERT_DIR replace. OpenSSL would read the directory certificate by certificate
/// in the middle of verifications, and could then run out of descriptors and take a trusted root for a stranger's.
/// Errors: std::runtime_error that says what to do, when not a single certificate was found or descriptors run out.
/// Source: SSL_CTX_load_verify_locations(3).
void load_trust_store(x509_store_st* store, const std::string& ca_file);

}  // namespace mtasts
