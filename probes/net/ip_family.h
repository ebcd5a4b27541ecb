// Can this machine reach the Internet over IPv4, over IPv6, and one peer in particular?
// Next: connection.h, where a missing route shows as NetError::no_route.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>

#include "probes/core/ip_address.h"

namespace mtasts {

/// Is there a route to public addresses of the family, and an address of ours to send from that is not link-local?
/// Sends nothing: the kernel only looks the route up. Says nothing about whether packets arrive.
/// Errors: nullopt when the kernel cannot say, for want of descriptors or memory.
std::optional<bool> has_public_route(boost::asio::io_context& io, IpFamily family);

/// Would the kernel send something to this peer? Sends nothing. Input: source_address is "" for the kernel's choice.
bool has_route(boost::asio::io_context& io, const boost::asio::ip::tcp::endpoint& peer,
               const std::string& source_address);

}  // namespace mtasts
