// DNS questions to wire bytes, wire bytes to answers. The only door to ldns.
// Next: resolver.h, which sends and receives them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "probes/core/observations.h"

namespace mtasts {

enum class RrType : std::uint16_t { a = 1, ns = 2, cname = 5, soa = 6, mx = 15, txt = 16, aaaa = 28, tlsa = 52 };

struct DnsQuestion {
  std::string name{};  // presentation form, final dot optional
  RrType type{RrType::a};
  bool checking_disabled{};  // CD: the answer is wanted even if validation fails (RFC 4035 section 3.2.2)
};

/// What an answer's section says after its CNAME chain was followed; of a question for CNAME only its own, as alias.
struct DnsAnswer {
  DnsStatus status{DnsStatus::servfail};
  bool authentic_data{};
  bool truncated{};
  std::optional<std::chrono::seconds> ttl{};  // the largest along the chain
  std::string canonical_name{};
  std::vector<std::string> aliases{};  // what the chain's CNAMEs point at, in order
  bool chain_open{};                   // the chain ends in a CNAME whose target is not in this answer
  std::vector<std::string> txt{};
  std::vector<MxRecord> mx{};
  std::vector<IpAddress> addresses{};
  std::vector<TlsaRecord> tlsa{};
  std::optional<std::uint16_t> error_code{};  // why it failed (RFC 8914 section 4), where the server says it
  std::string error_text{};                   // the same in words, the server's own among them
};

/// Does such a code say that name servers could not be asked, and so nothing of what they would have answered?
/// Source: RFC 8914 sections 4.15 (Not Ready), 4.23 (No Reachable Authority), 4.24 (Network Error).
bool says_unreachable(std::uint16_t error_code);

/// Payload size that passes every path without fragments (DNS flag day 2020).
constexpr std::uint16_t kUdpPayload = 1232;

/// Can DNS carry such a name at all? One that is too long, or has a label that is, nobody can have.
bool dns_carries(const std::string& name);

/// The query's bytes: RD, AD (RFC 6840 section 5.7), CD if wanted, EDNS0. Errors: an empty vector for a name that DNS
/// cannot carry.
std::vector<std::uint8_t> encode_query(const DnsQuestion& question, std::uint16_t id);

/// Reads an answer. Errors: nullopt when the bytes are no answer to this question and id, and so must be ignored.
/// Source: RFC 1035 section 4.1, RFC 5452 section 9.1.
std::optional<DnsAnswer> decode_answer(std::span<const std::uint8_t> bytes, const DnsQuestion& question,
                                       std::uint16_t id);

}  // namespace mtasts
