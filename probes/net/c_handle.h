// Owning C handles: a deleter for std::unique_ptr made of the library's own free function.
// Next: dns_message.cpp and certificate_check.cpp, which name their handles with it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace mtasts {

/// Frees a handle with `Free`: `std::unique_ptr<X509, Deleter<X509_free>>`.
template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* handle) const {
    Free(handle);
  }
};

}  // namespace mtasts
