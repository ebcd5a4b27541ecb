// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "probes/net/dns_message.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

/// The input is the answer section behind a right header and question, so that every octet reaches the records.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const RrType type : {RrType::a, RrType::mx, RrType::txt, RrType::aaaa}) {
    std::vector<std::uint8_t> wire{0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 1, 'a', 0, 0};
    wire.insert(wire.end(), {static_cast<std::uint8_t>(type), 0, 1});
    wire.insert(wire.end(), data, data + size);
    const auto answer = decode_answer(wire, {"a", type}, 0x1234);
    expect(answer.has_value());
    const bool records = !answer->txt.empty() || !answer->mx.empty() || !answer->addresses.empty();
    expect(!records || answer->status == DnsStatus::answered);
  }
  return 0;
}
