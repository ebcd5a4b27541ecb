// Where a UTF-8 character ends, for texts of unknown origin.
// Next: log.cpp and yaml_tree.cpp, which use it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace mtasts {

/// Octets of the well-formed UTF-8 character that `text` starts with, 0 when there is none.
/// Input: not empty. Source: RFC 3629 section 4.
std::size_t utf8_length(std::string_view text);

}  // namespace mtasts
