// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "probes/net/dns_message.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

namespace {

using Octets = std::vector<std::uint8_t>;

constexpr std::uint16_t kId = 0x1234;
constexpr std::initializer_list<RrType> kTypes{RrType::a,    RrType::mx,   RrType::txt,
                                               RrType::aaaa, RrType::tlsa, RrType::cname};

void expect_name(const std::string& name) {
  constexpr std::size_t kMostOctets = 1024;  // each as \DDD
  expect(name.size() <= kMostOctets);
  fuzz::expect_printable(name);
}

void expect_tlsa(const std::vector<TlsaRecord>& records) {
  expect(records.size() <= kMaxTlsaRecords);
  for (const TlsaRecord& record : records) expect(record.data.size() % 2 == 0 && all_of(record.data, is_hex_digit));
}

void expect_answer(const DnsAnswer& answer) {
  const bool records = !answer.txt.empty() || !answer.mx.empty() || !answer.addresses.empty() || !answer.tlsa.empty();
  expect(!records || answer.status == DnsStatus::answered || answer.status == DnsStatus::nxdomain ||
         answer.status == DnsStatus::servfail);
  expect(!answer.ttl || (answer.ttl->count() >= 0 && answer.ttl->count() <= INT32_MAX));
  expect_name(answer.canonical_name);
  for (const std::string& alias : answer.aliases) expect_name(alias);
  for (const MxRecord& record : answer.mx) expect_name(record.host);
  expect_tlsa(answer.tlsa);
  fuzz::expect_printable(answer.error_text);
}

/// A server that sends a query back answers it with nothing.
void expect_echo(const std::string& name) {
  const DnsQuestion question{name, RrType::txt};
  Octets wire = encode_query(question, kId);
  expect(wire.empty() != dns_carries(name));
  if (wire.empty()) return;
  expect(!decode_answer(wire, question, kId));
  wire[2] |= 0x80;
  expect(!decode_answer(wire, question, kId + 1));
  const auto answer = decode_answer(wire, question, kId);
  expect(answer && answer->status == DnsStatus::nodata);
}

}  // namespace

/// The input is the answer section behind a right header and question, so that every octet reaches the records; then
/// everything behind the id; then a name to ask for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const RrType type : kTypes) {
    Octets wire{0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 1, 'a', 0, 0};
    wire.insert(wire.end(), {static_cast<std::uint8_t>(type), 0, 1});
    wire.insert(wire.end(), data, data + size);
    const auto answer = decode_answer(wire, {"a", type}, kId);
    expect(answer.has_value());
    const bool records = !answer->txt.empty() || !answer->mx.empty() || !answer->addresses.empty();
    expect(!records || answer->status == DnsStatus::answered);
    expect_answer(*answer);
  }
  Octets message{0x12, 0x34};
  message.insert(message.end(), data, data + size);
  if (size > 0) message[2] |= 0x80;
  for (const RrType type : kTypes)
    if (const auto answer = decode_answer(message, {"a", type}, kId)) expect_answer(*answer);
  const std::string text(reinterpret_cast<const char*>(data), size);
  expect_echo(text.substr(0, text.find('\0')));
  return 0;
}
