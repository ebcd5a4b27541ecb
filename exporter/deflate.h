// What takes time in gzip_stream.h. The only door to ISA-L: the build takes deflate_isal.cpp, or deflate_zlib.cpp where
// there is none (MTASTS_ISAL).
// Next: gzip_stream.h, the only user.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mtasts {

/// The text at level 1, in blocks as `Deflated` describes them. Input: below 4 GiB. Errors: std::bad_alloc.
std::string deflate_apart(std::string_view text);

/// RFC 1952 section 8.
std::uint32_t crc32_of(std::string_view text);

}  // namespace mtasts
