// SPDX-License-Identifier: Apache-2.0
#include "probes/core/sts_record.h"

#include <array>
#include <set>
#include <utility>

#include "probes/core/octets.h"
#include "probes/core/record_fields.h"

namespace mtasts {
namespace {

constexpr std::size_t kMaxIdOctets = 32;  // RFC 8461 section 3.1: 1*32(ALPHA / DIGIT)

void read_id(const RecordField& field, StsRecordSet& record) {
  const auto fail = [&](std::string_view code, std::string why) {
    record.errors.push_back({.code = code, .offset = field.value_offset, .detail = std::move(why)});
  };
  if (field.value.empty()) return fail("id-empty", "the id is empty: it has 1 to 32 letters and digits");
  if (!all_of(field.value, is_alnum)) {
    return fail("id-syntax", "the id " + in_quotes(field.value) + " has something else than letters and digits");
  }
  if (field.value.size() > kMaxIdOctets) {
    return fail("id-too-long", "the id " + in_quotes(field.value) + " is longer than 32 octets");
  }
  record.id = field.value;
}

void read_fields(std::string_view text, StsRecordSet& record) {
  std::set<std::string_view> seen;
  for (const RecordField& field : split_record(text, kStsRecordKind, record.errors)) {
    const bool first = seen.insert(field.name).second;
    if (first && field.name == "id") {
      read_id(field, record);
    } else {
      check_extension(field, record.errors);
      warn_ignored_field(field, "id", !first, record.warnings);
    }
  }
  if (seen.contains("id")) return;
  record.errors.push_back({.code = "id-missing", .offset = text.size(), .detail = "the record has no `id=` field"});
}

}  // namespace

std::string_view to_string(RecordStatus status) {
  static constexpr std::array<std::string_view, 4> kNames{"none", "valid", "invalid", "multiple"};
  return kNames[static_cast<std::size_t>(status)];
}

StsRecordSet parse_sts_records(std::span<const std::string> records) {
  RecordCandidate found = find_candidate(records, kStsRecordKind);
  StsRecordSet record{.status = found.status, .errors = std::move(found.errors), .warnings = std::move(found.warnings)};
  if (record.status != RecordStatus::valid) return record;
  read_fields(found.text, record);
  if (!record.errors.empty()) record.status = RecordStatus::invalid;
  return record;
}

}  // namespace mtasts
