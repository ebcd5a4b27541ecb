// Who a client is for the purpose of limits: an address, or the network that one customer gets.
// Next: body_gate.h and rate_limit.h, which count by it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace mtasts {

/// The IPv4 address, or the first 64 bits of the IPv6 address, of which one customer has 2^64. Input: ADDRESS:PORT.
/// Errors: the input itself, where it is no address.
std::string source_of_peer(std::string_view peer);

/// Is the peer this machine? Input: ADDRESS:PORT.
bool is_loopback_peer(std::string_view peer);

}  // namespace mtasts
