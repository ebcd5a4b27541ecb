// SPDX-License-Identifier: Apache-2.0
#include "probes/core/tlsa_record.h"

#include <algorithm>

namespace mtasts {
namespace {

constexpr std::size_t kSha256Digits = 64;
constexpr std::size_t kSha512Digits = 128;

bool has_length_of_digest(const TlsaRecord& record) {
  switch (record.matching_type) {
    case 1:
      return record.data.size() == kSha256Digits;
    case 2:
      return record.data.size() == kSha512Digits;
    default:
      return !record.data.empty();
  }
}

}  // namespace

std::string to_string(const TlsaRecord& record) {
  return std::to_string(record.usage) + " " + std::to_string(record.selector) + " " +
         std::to_string(record.matching_type) + " " + record.data;
}

std::string unusable_reason(const TlsaRecord& record) {
  if (record.usage == kPkixTa || record.usage == kPkixEe)
    return "usage " + std::to_string(record.usage) + " is not for SMTP";
  if (record.usage > kDaneEe) return "usage " + std::to_string(record.usage) + " is unknown";
  if (record.selector > 1) return "selector " + std::to_string(record.selector) + " is unknown";
  if (record.matching_type > 2) return "matching type " + std::to_string(record.matching_type) + " is unknown";
  if (!has_length_of_digest(record)) return "the data has the wrong length for its matching type";
  return "";
}

bool has_usable(std::span<const TlsaRecord> records) {
  return std::any_of(records.begin(), records.end(),
                     [](const TlsaRecord& record) { return unusable_reason(record).empty(); });
}

}  // namespace mtasts
