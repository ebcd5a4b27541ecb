// An IPv4 or IPv6 address as a value, and whether it is one that mail on the public Internet can use.
// Next: observations.h, where addresses are recorded.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
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

/// Names the special-purpose block that holds `address`, nullopt for a globally reachable unicast address.
/// IPv4-mapped, 6to4, Teredo and NAT64 forms (64:ff9b::/96) are judged by the IPv4 address they embed.
/// Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), multicast and reserved space besides.
std::optional<std::string_view> special_purpose_block(const IpAddress& address);

}  // namespace mtasts
