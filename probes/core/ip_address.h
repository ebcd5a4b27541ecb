// An IPv4 or IPv6 address as a value, and whether it is one that mail on the public Internet can use.
// Next: observations.h, where addresses are recorded.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mtasts {

enum class IpFamily { ipv4, ipv6 };

/// "ipv4" or "ipv6", the values of the label `family`.
std::string_view to_string(IpFamily family);

/// An address. IPv4 uses the first four octets; octets are in network order.
struct IpAddress {
  IpFamily family{IpFamily::ipv4};
  std::array<std::uint8_t, 16> octets{};

  auto operator<=>(const IpAddress&) const = default;
};

/// Reads a textual address (dotted quad, or RFC 4291 section 2.2 without a zone). Errors: nullopt for anything else.
std::optional<IpAddress> parse_ip_address(std::string_view text);

/// The address in the form people write (RFC 5952 for IPv6).
std::string to_string(const IpAddress& address);

/// A prefix that a translator of the network turns into IPv4 (NAT64). The octets behind its length are 0.
struct Nat64Prefix {
  std::array<std::uint8_t, 16> octets{};
  unsigned bits{96};  // 32, 40, 48, 56, 64 or 96

  bool operator==(const Nat64Prefix&) const = default;
};

/// Reads "2001:db8:64::/96". Errors: nullopt for anything that cannot be a prefix of RFC 6052 section 2.2.
std::optional<Nat64Prefix> parse_nat64_prefix(std::string_view text);

/// The host that an IPv4-mapped address, or one of NAT64, leads to. Input: `translators` beside the well-known prefix,
/// 64:ff9b::/96. Errors: nullopt for any other address. Source: RFC 4291 section 2.5.5.2, RFC 6052 section 2.2.
std::optional<IpAddress> translated_ipv4(const IpAddress& address, std::span<const Nat64Prefix> translators);

/// Names the special-purpose block that holds `address`, nullopt for a globally reachable unicast address.
/// IPv4-mapped and NAT64 forms (see translated_ipv4), 6to4 and Teredo are judged by the IPv4 address they embed.
/// Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), multicast and reserved space besides.
std::optional<std::string_view> special_purpose_block(const IpAddress& address,
                                                      std::span<const Nat64Prefix> translators = {});

}  // namespace mtasts
