// TLSA records: what their numbers mean, and which of them a sender of mail can use.
// Next: probes/net/dane_check.h, which matches them with certificates; classify_dane.h, which judges what came of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace mtasts {

/// Certificate usages (RFC 7218 section 2.1).
enum TlsaUsage : std::uint8_t { kPkixTa = 0, kPkixEe = 1, kDaneTa = 2, kDaneEe = 3 };

/// Records of one RRset that are looked at; a published set has a handful.
constexpr std::size_t kMaxTlsaRecords = 64;

/// One record. Source: RFC 6698 section 2.1.
struct TlsaRecord {
  std::uint8_t usage{};
  std::uint8_t selector{};       // 0: the certificate, 1: its public key
  std::uint8_t matching_type{};  // 0: all of it, 1: its SHA-256, 2: its SHA-512
  std::string data{};            // hexadecimal, lower case

  bool operator==(const TlsaRecord&) const = default;
};

/// "3 1 1 0123...", as in a zone file.
std::string to_string(const TlsaRecord& record);

/// Why a sender of mail can make nothing of a record, in words; "" when it can use it. PKIX-TA and PKIX-EE are not for
/// SMTP. Source: RFC 7672 section 3.1, RFC 6698 section 2.1.
std::string unusable_reason(const TlsaRecord& record);

/// May some record of the set be used?
bool has_usable(std::span<const TlsaRecord> records);

}  // namespace mtasts
