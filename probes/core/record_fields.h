// What the two TXT records share: finding the candidate in a set, and cutting it into fields.
// Next: sts_record.cpp and tlsrpt_record.cpp, which give the fields their meaning.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/parse.h"
#include "probes/core/sts_record.h"

namespace mtasts {

/// What tells one kind of record from the other.
struct RecordKind {
  std::string_view version_tag{};  // "v=STSv1"
  std::string_view word{};         // what a misspelt tag still contains, in lower case: "sts"
  std::string_view owner{};        // the label the record lives at: "_mta-sts"
};

extern const RecordKind kStsRecordKind;
extern const RecordKind kTlsrptRecordKind;

/// The one record of a set that counts. `text` is empty unless status is valid, which here means "not yet refuted".
struct RecordCandidate {
  RecordStatus status{RecordStatus::none};
  std::string_view text{};
  std::vector<ParseError> errors{};
  std::vector<ParseError> warnings{};
};

/// Applies the discard rule and looks at what was discarded for likely typing mistakes.
/// Input: one element per record; the result refers into it. Source: RFC 8461 section 3.1, RFC 8460 section 3.
RecordCandidate find_candidate(std::span<const std::string> records, const RecordKind& kind);

/// One `name=value` of a record. Offsets count from the record's start.
struct RecordField {
  std::string_view name{};
  std::string_view value{};
  std::size_t offset{};
  std::size_t value_offset{};
};

/// Cuts a candidate into its well-formed `name=value` pairs, the version tag left out; everything else goes to
/// `errors`.
std::vector<RecordField> split_record(std::string_view text, const RecordKind& kind, std::vector<ParseError>& errors);

/// Is the value 1*(%x21-3A / %x3C / %x3E-7E)? Source: RFC 8461 section 3.1, RFC 8460 section 3.
bool is_extension_value(std::string_view value);

/// Notes a value that is not an extension's.
void check_extension(const RecordField& field, std::vector<ParseError>& errors);

/// Notes a field that is ignored but was surely meant to count: repeated, or `name` in the wrong case.
void warn_ignored_field(const RecordField& field, std::string_view name, bool repeated,
                        std::vector<ParseError>& warnings);

}  // namespace mtasts
