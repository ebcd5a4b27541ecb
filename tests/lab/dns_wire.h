// DNS messages by hand, so that the lab can also send wrong ones: a query in, an answer out.
// Next: dns_server.h, which decides what to answer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mtasts::lab {

using Octets = std::vector<std::uint8_t>;

enum class DnsType : std::uint16_t { a = 1, cname = 5, soa = 6, mx = 15, txt = 16, aaaa = 28, opt = 41, tlsa = 52 };
enum class DnsCode : std::uint8_t { noerror = 0, formerr = 1, servfail = 2, nxdomain = 3, notimp = 4, refused = 5 };

/// What an answer says of its own failure (RFC 8914 section 4).
enum class ExtendedError : std::uint16_t { dnssec_bogus = 6, no_reachable_authority = 22 };

/// One question as it came. `name` is lower case without a final dot, "" for the root.
struct DnsQuestion {
  std::uint16_t id{};
  std::string name{};
  std::uint16_t type{};
  bool checking_disabled{};           // CD
  Octets section{};                   // the question section as sent, for the echo
  std::optional<std::size_t> edns{};  // UDP payload size the client takes, when it sent an OPT record
};

/// Reads a query. Errors: nullopt for anything but one question with at most an OPT record behind it.
/// Source: RFC 1035 section 4.1, RFC 6891 section 6.1.
std::optional<DnsQuestion> parse_query(std::span<const std::uint8_t> message);

/// One record to send; `data` is the RDATA.
struct DnsRecord {
  std::string name{};
  DnsType type{DnsType::a};
  Octets data{};
};

/// An answer before it is bytes.
struct DnsAnswer {
  DnsCode code{DnsCode::noerror};
  bool truncated{};
  bool authentic{};                               // AD
  std::optional<ExtendedError> extended_error{};  // for clients that sent an OPT record
  std::vector<DnsRecord> answers{};
  std::vector<DnsRecord> authority{};
};

/// Bytes of an answer; a UDP answer that exceeds the client's limit becomes an empty one with TC (RFC 2181 section 9).
Octets render_answer(const DnsQuestion& question, const DnsAnswer& answer, bool over_udp);

/// RDATA of each type. Input: names and addresses as text; TXT strings longer than 255 octets are split.
Octets render_name(const std::string& name);
Octets render_address(const std::string& address);
Octets render_mx(std::uint16_t preference, const std::string& host);
Octets render_txt(const std::string& text);
Octets render_soa();
Octets render_tlsa(std::uint8_t usage, std::uint8_t selector, std::uint8_t matching_type, const Octets& data);

}  // namespace mtasts::lab
