// The algorithms that handshakes and certificates use: OpenSSL's default provider, without the decoders that a client
// never needs where they are expensive.
// Next: tls_context.h, whose SSL_CTX is made in it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

struct ossl_lib_ctx_st;

namespace mtasts {

/// The library context of everything that deals with TLS. For every public key in every certificate, OpenSSL 3.0 and
/// 3.1 lay out all decoders and all kinds of keys there are, which takes a third of what a handshake costs; here they
/// find those that occur in certificates and handshakes, and nothing else. From 3.2 on decoders are remembered, and
/// this is OpenSSL's own default context: nullptr, as everywhere in its interface. Of any thread; lives as long as the
/// process, because OpenSSL has every thread that used a context tell it when the thread ends.
/// Errors: OpenSSL's own default context, when another cannot be made.
/// Source: provider-decoder(7), provider-keymgmt(7), OSSL_LIB_CTX(3).
[[nodiscard]] ossl_lib_ctx_st* tls_library();

}  // namespace mtasts
