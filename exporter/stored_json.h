// Verdicts, memories and reports to JSON and back, for the rows of the store.
// Next: store.h, which keeps them; web pages have a JSON form of their own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "exporter/report_tally.h"
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

/// One line of JSON, every member by its name in the struct, with the version beside.
std::string render_json(const DomainVerdict& verdict);
std::string render_json(const MxVerdict& verdict);
std::string render_json(const DomainMemory& memory);
std::string render_json(const ReportContents& contents);

/// The reverse. Members that are missing keep their default, unknown ones are ignored. Errors: StoredJsonError names
/// the member.
DomainVerdict parse_domain_verdict_json(std::string_view text);
MxVerdict parse_mx_verdict_json(std::string_view text);
DomainMemory parse_domain_memory_json(std::string_view text);
ReportContents parse_report_contents_json(std::string_view text);

/// In few octets, for as long as the process lives, and back. Errors: std::out_of_range for what pack() did not make.
std::string pack(const DomainMemory& memory);
DomainMemory unpack_domain_memory(std::string_view packed);

}  // namespace mtasts
