// Verdicts and memories to JSON and back, for the rows of the store.
// Next: store.h, which keeps them; web pages have a JSON form of their own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "probes/core/classify.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// Raised with every change that an older reader would misunderstand. A new member needs none: rows without it read
/// as its default.
constexpr int kStoredJsonVersion = 1;

/// The text is not such a row, or one of another version.
class StoredJsonError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One line of JSON, every member by its name in verdicts.h, with the version beside.
std::string render_json(const DomainVerdict& verdict);
std::string render_json(const MxVerdict& verdict);
std::string render_json(const DomainMemory& memory);

/// The reverse. Members that are missing keep their default, unknown ones are ignored. Errors: StoredJsonError names
/// the member.
DomainVerdict parse_domain_verdict_json(std::string_view text);
MxVerdict parse_mx_verdict_json(std::string_view text);
DomainMemory parse_domain_memory_json(std::string_view text);

}  // namespace mtasts
