// The `_mta-sts` TXT set: which record counts, its id, and every rule it breaks.
// Next: sts_policy.h for the file that the record announces.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/parse.h"

namespace mtasts {

/// none: nothing there that could be such a record; invalid: one candidate, broken; multiple: more than one candidate
/// left after the RFC's discard rule, which applies only when several records came back.
enum class RecordStatus : std::uint8_t { none, valid, invalid, multiple };

/// "none", "valid", "invalid", "multiple".
std::string_view to_string(RecordStatus status);

/// What a TXT set at `_mta-sts.DOMAIN` says. `id` is there as soon as it could be read, even from a broken record.
struct StsRecordSet {
  RecordStatus status{RecordStatus::none};
  std::optional<std::string> id{};
  std::vector<ParseError> errors{};
  std::vector<ParseError> warnings{};  // typo hints, among others
};

/// Reads the TXT set. Input: one element per record, its strings already joined without a space. Errors: in the
/// result. Source: RFC 8461 section 3.1, erratum 6285.
StsRecordSet parse_sts_records(std::span<const std::string> records);

}  // namespace mtasts
