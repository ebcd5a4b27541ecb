// SPDX-License-Identifier: Apache-2.0
#include "probes/net/dns_message.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <new>
#include <tuple>

#include "probes/core/domain_name.h"
#include "probes/core/octets.h"
#include "probes/net/c_handle.h"

// Last: ldns makes `true` a macro, which the headers of GCC 14 do not survive.
#include <ldns/ldns.h>

namespace mtasts {
namespace {

void free_rdf(ldns_rdf* rdf) { ldns_rdf_deep_free(rdf); }
void free_bytes(std::uint8_t* bytes) { LDNS_FREE(bytes); }
void free_text(char* text) { LDNS_FREE(text); }
using Packet = std::unique_ptr<ldns_pkt, Deleter<ldns_pkt_free>>;
using Rdf = std::unique_ptr<ldns_rdf, Deleter<free_rdf>>;
using Bytes = std::unique_ptr<std::uint8_t, Deleter<free_bytes>>;
using Text = std::unique_ptr<char, Deleter<free_text>>;

constexpr std::size_t kMostErrorOctets = 200;  // of what a server says of a failure

// A chain longer than this is a loop or a joke; resolvers stop at about as many.
constexpr int kMaxCnames = 16;

/// "" for the nullptr of a record that lacks its name. Any other ldns has read, so that no text means no memory.
std::string name_of(const ldns_rdf* name) {
  if (name == nullptr) return {};
  const Text text(ldns_rdf2str(name));
  if (!text) throw std::bad_alloc();
  return normalize_host(text.get());
}

DnsStatus status_of(ldns_pkt_rcode rcode) {
  if (rcode == LDNS_RCODE_NOERROR) return DnsStatus::answered;
  if (rcode == LDNS_RCODE_NXDOMAIN) return DnsStatus::nxdomain;
  return DnsStatus::servfail;
}

/// The strings of a TXT record, joined without a space (RFC 8461 section 3.1).
std::string joined_strings(const ldns_rr* record) {
  std::string joined;
  for (std::size_t i = 0; i < ldns_rr_rd_count(record); ++i) {
    const ldns_rdf* part = ldns_rr_rdf(record, i);
    if (ldns_rdf_size(part) < 1) continue;
    joined.append(reinterpret_cast<const char*>(ldns_rdf_data(part)) + 1, ldns_rdf_size(part) - 1);
  }
  return joined;
}

std::optional<IpAddress> address_of(const ldns_rr* record, IpFamily family) {
  const ldns_rdf* data = ldns_rr_rdf(record, 0);
  const std::size_t size = family == IpFamily::ipv4 ? 4 : 16;
  if (data == nullptr || ldns_rdf_size(data) != size) return std::nullopt;
  IpAddress address{.family = family};
  std::copy_n(ldns_rdf_data(data), size, address.octets.begin());
  return address;
}

std::string hex_of(const ldns_rdf* data) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < ldns_rdf_size(data); ++i) {
    const std::uint8_t octet = ldns_rdf_data(data)[i];
    text += {kDigits[octet >> 4], kDigits[octet & 0xf]};
  }
  return text;
}

void take_tlsa(const ldns_rr* record, DnsAnswer& answer) {
  if (ldns_rr_rd_count(record) < 4) return;
  answer.tlsa.push_back({.usage = ldns_rdf2native_int8(ldns_rr_rdf(record, 0)),
                         .selector = ldns_rdf2native_int8(ldns_rr_rdf(record, 1)),
                         .matching_type = ldns_rdf2native_int8(ldns_rr_rdf(record, 2)),
                         .data = hex_of(ldns_rr_rdf(record, 3))});
}

/// DNS turns the order of records round and round; which ones are kept of too many must not depend on it.
void put_in_order(std::vector<TlsaRecord>& records) {
  std::sort(records.begin(), records.end(), [](const TlsaRecord& a, const TlsaRecord& b) {
    return std::tie(a.usage, a.selector, a.matching_type, a.data) <
           std::tie(b.usage, b.selector, b.matching_type, b.data);
  });
  if (records.size() > kMaxTlsaRecords) records.resize(kMaxTlsaRecords);
}

void take_record(const ldns_rr* record, DnsAnswer& answer) {
  switch (ldns_rr_get_type(record)) {
    case LDNS_RR_TYPE_TXT:
      answer.txt.push_back(joined_strings(record));
      return;
    case LDNS_RR_TYPE_MX:
      if (ldns_rr_rd_count(record) < 2) return;
      answer.mx.push_back(
          {.preference = ldns_rdf2native_int16(ldns_rr_rdf(record, 0)), .host = name_of(ldns_rr_rdf(record, 1))});
      return;
    case LDNS_RR_TYPE_A:
      if (const auto address = address_of(record, IpFamily::ipv4)) answer.addresses.push_back(*address);
      return;
    case LDNS_RR_TYPE_AAAA:
      if (const auto address = address_of(record, IpFamily::ipv6)) answer.addresses.push_back(*address);
      return;
    case LDNS_RR_TYPE_TLSA:
      return take_tlsa(record, answer);
    case LDNS_RR_TYPE_CNAME:
      return answer.aliases.push_back(name_of(ldns_rr_rdf(record, 0)));
    default:
      return;
  }
}

/// "[T]reat TTL values received with the most significant bit set as if the entire value received was zero" (RFC 2181
/// section 8).
std::chrono::seconds ttl_of(const ldns_rr* record) {
  constexpr std::uint32_t kMostSignificant = 0x80000000;
  const std::uint32_t ttl = ldns_rr_ttl(record);
  return std::chrono::seconds((ttl & kMostSignificant) != 0 ? 0 : ttl);
}

/// Follows the CNAME chain through the answer section and takes the records at its end.
void take_answer_section(const ldns_rr_list* section, const ldns_rdf* question_name, RrType type, DnsAnswer& answer) {
  const ldns_rdf* name = question_name;
  bool found = false;
  for (int hop = 0; hop <= kMaxCnames; ++hop) {
    const ldns_rdf* next = nullptr;
    for (std::size_t i = 0; i < ldns_rr_list_rr_count(section); ++i) {
      const ldns_rr* record = ldns_rr_list_rr(section, i);
      if (ldns_dname_compare(ldns_rr_owner(record), name) != 0) continue;
      const bool wanted = ldns_rr_get_type(record) == static_cast<ldns_rr_type>(type);
      const bool alias = ldns_rr_get_type(record) == LDNS_RR_TYPE_CNAME;
      if (!wanted && !alias) continue;
      const std::chrono::seconds ttl = ttl_of(record);
      answer.ttl = std::max(answer.ttl.value_or(ttl), ttl);
      if (wanted) {
        found = true;
        take_record(record, answer);
      } else {
        next = ldns_rr_rdf(record, 0);
      }
    }
    if (found || next == nullptr) break;
    name = next;
    answer.aliases.push_back(name_of(name));
  }
  answer.canonical_name = name_of(name);
  if (found || answer.status != DnsStatus::answered) return;
  answer.chain_open = name != question_name;
  answer.status = DnsStatus::nodata;
}

bool answers_question(const ldns_pkt* packet, const ldns_rdf* name, RrType type, std::uint16_t id) {
  if (!ldns_pkt_qr(packet) || ldns_pkt_id(packet) != id || ldns_pkt_get_opcode(packet) != LDNS_PACKET_QUERY)
    return false;
  const ldns_rr_list* questions = ldns_pkt_question(packet);
  const std::size_t count = ldns_rr_list_rr_count(questions);
  // A server that could not read the question need not repeat it (RFC 1035 section 4.1.1, FORMERR).
  if (count == 0) return ldns_pkt_get_rcode(packet) != LDNS_RCODE_NOERROR;
  if (count != 1) return false;
  const ldns_rr* question = ldns_rr_list_rr(questions, 0);
  return ldns_rr_get_type(question) == static_cast<ldns_rr_type>(type) &&
         ldns_rr_get_class(question) == LDNS_RR_CLASS_IN && ldns_dname_compare(ldns_rr_owner(question), name) == 0;
}

/// The registry's words (RFC 8914 section 5.2) for what concerns a lookup that failed; "" for other codes, and for
/// DNSSEC Bogus, which every message about a bogus answer says already.
std::string_view words_of(std::uint16_t error_code) {
  switch (error_code) {
    case LDNS_EDE_UNSUPPORTED_DNSKEY_ALG:
      return "unsupported DNSKEY algorithm";
    case LDNS_EDE_UNSUPPORTED_DS_DIGEST:
      return "unsupported DS digest type";
    case LDNS_EDE_DNSSEC_INDETERMINATE:
      return "DNSSEC indeterminate";
    case LDNS_EDE_SIGNATURE_EXPIRED:
      return "signature expired";
    case LDNS_EDE_SIGNATURE_NOT_YET_VALID:
      return "signature not yet valid";
    case LDNS_EDE_DNSKEY_MISSING:
      return "DNSKEY missing";
    case LDNS_EDE_RRSIGS_MISSING:
      return "RRSIGs missing";
    case LDNS_EDE_NO_ZONE_KEY_BIT_SET:
      return "no zone key bit set";
    case LDNS_EDE_NSEC_MISSING:
      return "NSEC missing";
    case LDNS_EDE_NOT_READY:
      return "not ready";
    case LDNS_EDE_NO_REACHABLE_AUTHORITY:
      return "no reachable authority";
    case LDNS_EDE_NETWORK_ERROR:
      return "network error";
    case LDNS_EDE_INVALID_DATA:
      return "invalid data";
    default:
      return "";
  }
}

/// The first extended error of an answer (RFC 8914 section 2: a code in network byte order, then text) that is more
/// than "from my cache".
void take_extended_error(ldns_pkt* packet, DnsAnswer& answer) {
  const ldns_edns_option_list* options = ldns_pkt_edns_get_option_list(packet);
  if (options == nullptr) return;
  for (std::size_t i = 0; i < ldns_edns_option_list_get_count(options); ++i) {
    const ldns_edns_option* option = ldns_edns_option_list_get_option(options, i);
    if (ldns_edns_get_code(option) != LDNS_EDNS_EDE || ldns_edns_get_size(option) < 2) continue;
    const std::uint8_t* data = ldns_edns_get_data(option);
    const auto code = static_cast<std::uint16_t>(data[0] * 256 + data[1]);
    if (code == LDNS_EDE_CACHED_ERROR) continue;
    answer.error_code = code;
    answer.error_text = words_of(code);
    const std::size_t length = std::min(ldns_edns_get_size(option) - 2, kMostErrorOctets);
    const std::string own = escape_unprintable({reinterpret_cast<const char*>(data) + 2, length});
    if (!own.empty()) answer.error_text += (answer.error_text.empty() ? "" : ": ") + own;
    return;
  }
}

/// Id and QR of the header say that this is the answer, whatever follows (RFC 1035 section 4.1.1).
bool has_answer_header(std::span<const std::uint8_t> bytes, std::uint16_t id) {
  constexpr std::size_t kHeader = 12;
  return bytes.size() >= kHeader && bytes[0] == (id >> 8) && bytes[1] == (id & 0xff) && (bytes[2] & 0x80) != 0;
}

/// An answer that cannot be read. A server may cut one in mid-record as long as it sets TC: "When a DNS client receives
/// a reply with TC set, it should ignore that response, and query again, using a mechanism, such as a TCP connection,
/// that will permit larger replies" (RFC 2181 section 9).
DnsAnswer unreadable(std::span<const std::uint8_t> bytes) {
  DnsAnswer answer;
  answer.status = DnsStatus::servfail;
  answer.truncated = (bytes[2] & 0x02) != 0;
  return answer;
}

}  // namespace

bool says_unreachable(std::uint16_t error_code) {
  return error_code == LDNS_EDE_NOT_READY || error_code == LDNS_EDE_NO_REACHABLE_AUTHORITY ||
         error_code == LDNS_EDE_NETWORK_ERROR;
}

bool dns_carries(const std::string& name) {
  const Rdf dname(ldns_dname_new_frm_str(name.c_str()));
  return dname != nullptr;
}

std::vector<std::uint8_t> encode_query(const DnsQuestion& question, std::uint16_t id) {
  ldns_rdf* name = ldns_dname_new_frm_str(question.name.c_str());
  if (name == nullptr) return {};
  const auto type = static_cast<ldns_rr_type>(question.type);
  const Packet packet(ldns_pkt_query_new(
      name, type, LDNS_RR_CLASS_IN,
      static_cast<std::uint16_t>(LDNS_RD | LDNS_AD |
                                 (question.checking_disabled ? LDNS_CD : 0))));  // takes the name over
  if (!packet) throw std::bad_alloc();
  ldns_pkt_set_id(packet.get(), id);
  ldns_pkt_set_edns_udp_size(packet.get(), kUdpPayload);
  std::uint8_t* wire = nullptr;
  std::size_t size = 0;
  if (ldns_pkt2wire(&wire, packet.get(), &size) != LDNS_STATUS_OK) throw std::bad_alloc();
  const Bytes owner(wire);
  return {wire, wire + size};
}

std::optional<DnsAnswer> decode_answer(std::span<const std::uint8_t> bytes, const DnsQuestion& question,
                                       std::uint16_t id) {
  const Rdf name(ldns_dname_new_frm_str(question.name.c_str()));
  ldns_pkt* raw = nullptr;
  if (!name || !has_answer_header(bytes, id)) return std::nullopt;
  const ldns_status status = ldns_wire2pkt(&raw, bytes.data(), bytes.size());
  if (status == LDNS_STATUS_MEM_ERR) throw std::bad_alloc();
  if (status != LDNS_STATUS_OK) return unreadable(bytes);
  const Packet packet(raw);
  if (!answers_question(raw, name.get(), question.type, id)) return std::nullopt;
  DnsAnswer answer;
  answer.status = status_of(ldns_pkt_get_rcode(raw));
  answer.authentic_data = ldns_pkt_ad(raw);
  answer.truncated = ldns_pkt_tc(raw);
  take_answer_section(ldns_pkt_answer(raw), name.get(), question.type, answer);
  put_in_order(answer.tlsa);
  take_extended_error(raw, answer);
  return answer;
}

}  // namespace mtasts
