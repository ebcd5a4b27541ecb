// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>

#include "probes/net/resolver.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint16_t kDnsPort = 53;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<ResolverServer> servers = parse_resolv_conf(text);
  expect(!servers.empty() && servers.size() <= size + 1);
  const bool told_to_trust = servers.front().trust == AdTrust::always;
  std::string again = told_to_trust ? "options trust-ad\n" : "";
  for (const ResolverServer& server : servers) {
    expect(server.endpoint.port() == kDnsPort);
    expect(server.trust == automatic_trust(server.endpoint.address(), told_to_trust));
    again += "nameserver " + server.endpoint.address().to_string() + "\n";
  }
  const std::vector<ResolverServer> same = parse_resolv_conf(again);
  expect(std::equal(servers.begin(), servers.end(), same.begin(), same.end(),
                    [](const auto& a, const auto& b) { return a.endpoint == b.endpoint && a.trust == b.trust; }));
  return 0;
}
