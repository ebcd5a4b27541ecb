// SHA-256 as text, by OpenSSL.
// Next: policy_fetch.h, which tells two policy bodies apart by it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace mtasts {

/// The digest of `bytes`, hexadecimal, lower case.
std::string sha256_hex(std::string_view bytes);

}  // namespace mtasts
