// SPDX-License-Identifier: Apache-2.0
#include "probes/core/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <span>

namespace mtasts {
namespace {

/// The leading `bits` of an address, and what IANA calls the block.
struct Block {
  std::array<std::uint8_t, 16> octets{};
  unsigned bits{};
  std::string_view name{};
};

constexpr Block v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, unsigned bits,
                   std::string_view name) {
  return {{a, b, c, d}, bits, name};
}

/// Input: the leading groups of 16 bits; those left out are 0.
constexpr Block v6(std::initializer_list<std::uint16_t> groups, unsigned bits, std::string_view name) {
  Block block{{}, bits, name};
  std::size_t at = 0;
  for (const std::uint16_t group : groups) {
    block.octets[at++] = static_cast<std::uint8_t>(group >> 8U);
    block.octets[at++] = static_cast<std::uint8_t>(group & 0xffU);
  }
  return block;
}

// Blocks that IANA calls globally reachable are listed too: they hold anycast services and identifiers, where no mail
// host lives, and some of those services (PCP, TURN, AMT, AS112) are answered by the operator's own network.
// A longer prefix stands before the shorter one that holds it.
constexpr auto kIpv4Blocks = std::to_array<Block>({
    v4(0, 0, 0, 0, 32, "unspecified"),                                   // RFC 1122 section 3.2.1.3
    v4(0, 0, 0, 0, 8, "this network"),                                   // RFC 791 section 3.2
    v4(10, 0, 0, 0, 8, "private use"),                                   // RFC 1918
    v4(100, 64, 0, 0, 10, "shared address space"),                       // RFC 6598
    v4(127, 0, 0, 0, 8, "loopback"),                                     // RFC 1122 section 3.2.1.3
    v4(169, 254, 0, 0, 16, "link local"),                                // RFC 3927
    v4(172, 16, 0, 0, 12, "private use"),                                // RFC 1918
    v4(192, 0, 0, 0, 29, "IPv4 service continuity prefix"),              // RFC 7335
    v4(192, 0, 0, 8, 32, "IPv4 dummy address"),                          // RFC 7600
    v4(192, 0, 0, 9, 32, "Port Control Protocol anycast"),               // RFC 7723
    v4(192, 0, 0, 10, 32, "Traversal Using Relays around NAT anycast"),  // RFC 8155
    v4(192, 0, 0, 170, 31, "NAT64/DNS64 discovery"),                     // RFC 7050 section 2.2
    v4(192, 0, 0, 0, 24, "IETF protocol assignments"),                   // RFC 6890 section 2.1
    v4(192, 0, 2, 0, 24, "documentation"),                               // RFC 5737
    v4(192, 31, 196, 0, 24, "AS112"),                                    // RFC 7535
    v4(192, 52, 193, 0, 24, "AMT"),                                      // RFC 7450
    v4(192, 88, 99, 2, 32, "6a44 relay anycast"),                        // RFC 6751
    v4(192, 88, 99, 0, 24, "deprecated 6to4 relay anycast"),             // RFC 7526
    v4(192, 168, 0, 0, 16, "private use"),                               // RFC 1918
    v4(192, 175, 48, 0, 24, "direct delegation AS112 service"),          // RFC 7534
    v4(198, 18, 0, 0, 15, "benchmarking"),                               // RFC 2544
    v4(198, 51, 100, 0, 24, "documentation"),                            // RFC 5737
    v4(203, 0, 113, 0, 24, "documentation"),                             // RFC 5737
    v4(224, 0, 0, 0, 4, "multicast"),                                    // RFC 5771
    v4(255, 255, 255, 255, 32, "limited broadcast"),                     // RFC 8190
    v4(240, 0, 0, 0, 4, "reserved"),                                     // RFC 1112 section 4
});

constexpr auto kIpv6Blocks = std::to_array<Block>({
    v6({0, 0, 0, 0, 0, 0, 0, 1}, 128, "loopback"),                                           // RFC 4291
    v6({}, 128, "unspecified"),                                                              // RFC 4291
    v6({0x64, 0xff9b, 1}, 48, "IPv4-IPv6 translation, local use"),                           // RFC 8215
    v6({0x100}, 64, "discard only"),                                                         // RFC 6666
    v6({0x100, 0, 0, 1}, 64, "dummy IPv6 prefix"),                                           // RFC 9780
    v6({0x2001, 1, 0, 0, 0, 0, 0, 1}, 128, "Port Control Protocol anycast"),                 // RFC 7723
    v6({0x2001, 1, 0, 0, 0, 0, 0, 2}, 128, "Traversal Using Relays around NAT anycast"),     // RFC 8155
    v6({0x2001, 1, 0, 0, 0, 0, 0, 3}, 128, "DNS-SD Service Registration Protocol anycast"),  // RFC 9665
    v6({0x2001, 2}, 48, "benchmarking"),                                                     // RFC 5180
    v6({0x2001, 3}, 32, "AMT"),                                                              // RFC 7450
    v6({0x2001, 4, 0x112}, 48, "AS112"),                                                     // RFC 7535
    v6({0x2001, 0x10}, 28, "deprecated ORCHID"),                                             // RFC 4843
    v6({0x2001, 0x20}, 28, "ORCHIDv2"),                                                      // RFC 7343
    v6({0x2001, 0x30}, 28, "drone remote ID protocol entity tags"),                          // RFC 9374
    v6({0x2001}, 23, "IETF protocol assignments"),                                           // RFC 2928
    v6({0x2001, 0xdb8}, 32, "documentation"),                                                // RFC 3849
    v6({0x2620, 0x4f, 0x8000}, 48, "direct delegation AS112 service"),                       // RFC 7534
    v6({0x3fff}, 20, "documentation"),                                                       // RFC 9637
    v6({0x5f00}, 16, "segment routing (SRv6) SIDs"),                                         // RFC 9602
    v6({0xfc00}, 7, "unique local"),                                                         // RFC 4193
    v6({0xfe80}, 10, "link local"),                                                          // RFC 4291
    v6({0xfec0}, 10, "deprecated site local"),                                               // RFC 3879
    v6({0xff00}, 8, "multicast"),                                                            // RFC 4291 section 2.7
});

/// Everything else outside of it is reserved by the IETF (RFC 4291 section 2.4, IANA IPv6 address space).
constexpr Block kGlobalUnicast = v6({0x2000}, 3, "global unicast");

constexpr Nat64Prefix kIpv4Mapped{v6({0, 0, 0, 0, 0, 0xffff}, 96, "").octets, 96};  // RFC 4291 section 2.5.5.2
constexpr Nat64Prefix kWellKnownPrefix{v6({0x64, 0xff9b}, 96, "").octets, 96};      // RFC 6052 section 2.1
constexpr std::size_t kReservedOctet = 8;                                           // RFC 6052 section 2.2

/// An IPv6 form that carries an IPv4 address at an offset; Teredo (RFC 4380 section 4) stores the client's inverted.
struct Embedding {
  Block prefix{};
  std::size_t offset{};
  std::uint8_t mask{};
};

constexpr auto kEmbeddings = std::to_array<Embedding>({
    {v6({0x2002}, 16, "6to4"), 2, 0},               // RFC 3056 section 2
    {v6({0x2001}, 32, "Teredo client"), 12, 0xff},  // RFC 4380 section 4
    {v6({0x2001}, 32, "Teredo server"), 4, 0},      // RFC 4380 section 4
});

/// Input: a Block or a Nat64Prefix.
template <class Prefix>
bool holds(const Prefix& prefix, const IpAddress& address) {
  const std::size_t whole = prefix.bits / 8;
  if (!std::equal(prefix.octets.begin(), prefix.octets.begin() + whole, address.octets.begin())) return false;
  const unsigned rest = prefix.bits % 8;
  return rest == 0 || ((prefix.octets[whole] ^ address.octets[whole]) >> (8 - rest)) == 0;
}

/// The four octets behind the prefix, without the reserved one between them.
IpAddress ipv4_behind(const Nat64Prefix& prefix, const IpAddress& address) {
  IpAddress found{};
  std::size_t from = prefix.bits / 8;
  for (std::size_t i = 0; i < 4; ++i) {
    if (from == kReservedOctet) ++from;
    found.octets[i] = address.octets[from++];
  }
  return found;
}

std::optional<std::string_view> find_block(std::span<const Block> blocks, const IpAddress& address) {
  for (const Block& block : blocks) {
    if (holds(block, address)) return block.name;
  }
  return std::nullopt;
}

IpAddress embedded_ipv4(const Embedding& form, const IpAddress& address) {
  IpAddress found{};
  for (std::size_t i = 0; i < 4; ++i) found.octets[i] = address.octets[form.offset + i] ^ form.mask;
  return found;
}

std::optional<std::string_view> special_ipv6(const IpAddress& address) {
  bool embeds = false;
  for (const Embedding& form : kEmbeddings) {
    if (!holds(form.prefix, address)) continue;
    embeds = true;
    if (const auto block = find_block(kIpv4Blocks, embedded_ipv4(form, address))) return block;
  }
  if (embeds) return std::nullopt;
  if (const auto block = find_block(kIpv6Blocks, address)) return block;
  if (!holds(kGlobalUnicast, address)) return "reserved";
  return std::nullopt;
}

}  // namespace

std::string_view to_string(IpFamily family) { return family == IpFamily::ipv4 ? "ipv4" : "ipv6"; }

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string terminated(text);
  IpAddress address{};
  if (inet_pton(AF_INET, terminated.c_str(), address.octets.data()) == 1) return address;
  address.family = IpFamily::ipv6;
  if (inet_pton(AF_INET6, terminated.c_str(), address.octets.data()) == 1) return address;
  return std::nullopt;
}

std::string to_string(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = address.family == IpFamily::ipv4 ? AF_INET : AF_INET6;
  inet_ntop(family, address.octets.data(), text.data(), text.size());
  return text.data();
}

std::optional<Nat64Prefix> parse_nat64_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = parse_ip_address(text.substr(0, slash));
  if (!address || address->family != IpFamily::ipv6) return std::nullopt;
  Nat64Prefix prefix{address->octets, 0};
  const std::string_view length = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), prefix.bits);
  constexpr auto kLengths = std::to_array<unsigned>({32, 40, 48, 56, 64, 96});
  if (error != std::errc{} || end != length.data() + length.size()) return std::nullopt;
  if (std::find(kLengths.begin(), kLengths.end(), prefix.bits) == kLengths.end()) return std::nullopt;
  const auto is_zero = [](std::uint8_t octet) { return octet == 0; };
  if (!std::all_of(prefix.octets.begin() + prefix.bits / 8, prefix.octets.end(), is_zero)) return std::nullopt;
  if (!is_zero(prefix.octets[kReservedOctet])) return std::nullopt;
  return prefix;
}

std::optional<IpAddress> translated_ipv4(const IpAddress& address, std::span<const Nat64Prefix> translators) {
  if (address.family != IpFamily::ipv6) return std::nullopt;
  for (const Nat64Prefix& prefix : {kIpv4Mapped, kWellKnownPrefix}) {
    if (holds(prefix, address)) return ipv4_behind(prefix, address);
  }
  for (const Nat64Prefix& prefix : translators) {
    if (holds(prefix, address)) return ipv4_behind(prefix, address);
  }
  return std::nullopt;
}

std::optional<std::string_view> special_purpose_block(const IpAddress& address,
                                                      std::span<const Nat64Prefix> translators) {
  if (address.family == IpFamily::ipv4) return find_block(kIpv4Blocks, address);
  if (const auto ipv4 = translated_ipv4(address, translators)) return find_block(kIpv4Blocks, *ipv4);
  return special_ipv6(address);
}

}  // namespace mtasts
