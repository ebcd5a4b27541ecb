// Gzip data to its content, within a limit.
// Next: report_reader.h, which unpacks reports with it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mtasts {

/// damaged: not gzip, broken or cut off; too_large: the content is above the limit.
enum class GunzipFault { none, damaged, too_large };

struct Gunzipped {
  std::string content{};  // "" with a fault
  GunzipFault fault{GunzipFault::none};
  bool trailing{};  // something else follows the gzip data
};

/// Does the text begin as gzip data does? Source: RFC 1952 section 2.3.1.
bool looks_like_gzip(std::string_view text);

/// Unpacks all members. Needs memory for the content only, none for a content that is too large: it is measured first.
/// Errors: in the result, none thrown. Source: RFC 1952.
Gunzipped gunzip(std::string_view data, std::size_t max_bytes);

}  // namespace mtasts
