// SPDX-License-Identifier: Apache-2.0
#include "exporter/dane_words.h"

#include <algorithm>
#include <array>
#include <set>

#include "exporter/check_report.h"
#include "probes/core/classify_dane.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

// A host has one key, or one for each of its few kinds.
constexpr std::size_t kMostKeys = 4;

const MxHostObservation* find_observation(const CheckResult& result, const std::string& host) {
  const auto& all = result.host_observations;
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const MxHostObservation& seen) { return seen.host == host; });
  return found == all.end() ? nullptr : &*found;
}

std::string counted(std::size_t records) {
  return std::to_string(records) + (records == 1 ? " TLSA record" : " TLSA records");
}

/// "3 1 1 and 2 0 1".
std::string kinds_of(const MxHostObservation* seen) {
  std::set<std::string> kinds;
  if (seen != nullptr && seen->tlsa) {
    for (const TlsaRecord& record : seen->tlsa->records)
      kinds.insert(std::to_string(record.usage) + " " + std::to_string(record.selector) + " " +
                   std::to_string(record.matching_type));
  }
  std::string text;
  for (const std::string& kind : kinds) text += (text.empty() ? " (" : ", ") + kind;
  return text.empty() ? "" : text + ")";
}

std::string_view match_text(const std::optional<bool>& verified) {
  if (!verified) return "not matched: no certificate was seen";
  return *verified ? "verified" : "NOT matched by the certificate";
}

}  // namespace

std::string_view to_string(DaneState state) {
  constexpr std::array<std::string_view, 6> kWords{"unknown",    "bogus",    "insecure-address",
                                                   "no-records", "unusable", "usable"};
  return kWords[static_cast<std::size_t>(state)];
}

std::string dane_text(const CheckResult& result, const MxMembership& mx) {
  const MxVerdict* host = find_host(result, mx.host);
  if (host == nullptr || !host->dane) return "";
  const DaneVerdict& dane = *host->dane;
  const MxHostObservation* seen = find_observation(result, mx.host);
  switch (dane.state) {
    case DaneState::unknown:
    case DaneState::insecure_address:
      return "";
    case DaneState::bogus:
      return "BOGUS: DNSSEC validation fails";
    case DaneState::no_records:
      return "signed, no TLSA records";
    case DaneState::unusable:
      return counted(dane.records) + kinds_of(seen) + ", of no use for SMTP";
    case DaneState::usable:
      break;
  }
  const bool alias = seen != nullptr && seen->tlsa && seen->tlsa->base_domain != mx.host;
  const std::string at = alias ? " of " + escape_unprintable(seen->tlsa->base_domain) : "";
  return counted(dane.records) + kinds_of(seen) + at + ", " + std::string(match_text(mx.dane_verified));
}

std::vector<std::string> tlsa_lines(const CheckResult& result, const MxMembership& mx, std::uint16_t smtp_port) {
  const MxVerdict* host = find_host(result, mx.host);
  const MxHostObservation* seen = find_observation(result, mx.host);
  if (host == nullptr || !host->dane || seen == nullptr) return {};
  const DaneState state = host->dane->state;
  const bool unmatched = state == DaneState::usable && mx.dane_verified == false;
  if (!unmatched && state != DaneState::no_records && state != DaneState::unusable) return {};
  std::set<std::string> keys;
  for (const SmtpObservation& session : dane_sessions(*seen))
    if (session.tls && !session.tls->key_sha256.empty()) keys.insert(session.tls->key_sha256);
  std::vector<std::string> lines;
  const std::string base = seen->tlsa ? seen->tlsa->base_domain : mx.host;
  for (const std::string& key : keys) {
    if (lines.size() == kMostKeys) break;
    lines.push_back("_" + std::to_string(smtp_port) + "._tcp." + escape_unprintable(base) + ". IN TLSA 3 1 1 " + key);
  }
  return lines;
}

}  // namespace mtasts
