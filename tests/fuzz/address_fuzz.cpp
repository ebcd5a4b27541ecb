// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <span>

#include "exporter/peer_source.h"
#include "probes/core/domain_name.h"
#include "probes/core/host_labels.h"
#include "probes/core/ip_address.h"
#include "probes/net/peer_limits.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;
namespace ip = boost::asio::ip;

namespace {

constexpr std::size_t kIpv4Octets = 4;

/// The IPv6 address that begins with `prefix` and has an IPv4 address at an offset.
IpAddress carrying(const IpAddress& ipv4, std::initializer_list<std::uint8_t> prefix, std::size_t offset) {
  IpAddress form{.family = IpFamily::ipv6};
  std::copy(prefix.begin(), prefix.end(), form.octets.begin());
  std::copy_n(ipv4.octets.begin(), kIpv4Octets, form.octets.begin() + offset);
  return form;
}

/// Whoever gives an address another form must not get past the guard.
void expect_same_guard(const IpAddress& ipv4) {
  const auto block = special_purpose_block(ipv4);
  expect(special_purpose_block(carrying(ipv4, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 12)) == block);
  expect(special_purpose_block(carrying(ipv4, {0, 0x64, 0xff, 0x9b}, 12)) == block);
  expect(special_purpose_block(carrying(ipv4, {0x20, 0x02}, 2)) == block);
  const Nat64Prefix own{.octets = {0x2a}, .bits = 32};
  expect(special_purpose_block(carrying(ipv4, {0x2a}, 4), std::span(&own, 1)) == block);
}

/// What Asio calls special is special here too; only here there is more of it.
void expect_guarded(const IpAddress& address, const ip::address& same) {
  const bool special = same.is_loopback() || same.is_multicast() || same.is_unspecified() ||
                       (same.is_v6() && (same.to_v6().is_link_local() || same.to_v6().is_site_local()));
  const auto block = special_purpose_block(address);
  expect(!special || block);
  if (block) fuzz::expect_printable(*block);
  if (address.family == IpFamily::ipv4) expect_same_guard(address);
}

/// The octets of the host belong to a network, whatever they are.
void expect_one_network(IpAddress address) {
  const std::string network = network_key(address, {});
  address.octets[address.family == IpFamily::ipv4 ? kIpv4Octets - 1 : address.octets.size() - 1] ^= 0xff;
  expect(network_key(address, {}) == network);
}

void expect_address(const IpAddress& address) {
  const std::string text = to_string(address);
  expect(parse_ip_address(text) == address);
  expect(looks_like_ip_address(text) && looks_like_ip_address("[" + text + "]"));
  expect(!parse_domain_name(text));
  const ip::address same = ip::make_address(text);
  expect_guarded(address, same);
  expect_one_network(address);
  const std::string peer = same.is_v6() ? "[" + text + "]:25" : text + ":25";
  expect(source_of_peer(peer).size() <= text.size() + 40);
  expect(!is_loopback_peer(peer) || special_purpose_block(address));
}

}  // namespace

/// The input is the text of an address, and its first octets are one in each family.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  boost::system::error_code no_address;
  const ip::address judged = ip::make_address(std::string(text.substr(0, text.find('\0'))), no_address);
  const auto address = parse_ip_address(text);
  if (text.find_first_of(std::string_view("%\0", 2)) == text.npos) expect(address.has_value() != no_address.failed());
  if (address) expect(to_string(*address) == judged.to_string());
  if (address) expect_address(*address);
  is_loopback_peer(text);
  for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
    IpAddress octets{.family = family};
    const std::size_t most = family == IpFamily::ipv4 ? kIpv4Octets : octets.octets.size();
    std::copy_n(data, std::min(size, most), octets.octets.begin());
    expect_address(octets);
  }
  return 0;
}
