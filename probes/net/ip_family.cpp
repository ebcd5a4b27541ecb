// SPDX-License-Identifier: Apache-2.0
#include "probes/net/ip_family.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

namespace mtasts {
namespace asio = boost::asio;
namespace {

// a.root-servers.net: as public as an address can be.
constexpr const char* kPublic4 = "198.41.0.4";
constexpr const char* kPublic6 = "2001:503:ba3e::2:30";
constexpr std::uint16_t kAnyPort = 53;

bool is_link_local(const asio::ip::address& address) {
  return address.is_v6() ? address.to_v6().is_link_local() : (address.to_v4().to_uint() >> 16) == 0xA9FE;
}

}  // namespace

bool has_public_route(IpFamily family) {
  asio::io_context io;
  asio::ip::udp::socket socket(io);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(family == IpFamily::ipv4 ? kPublic4 : kPublic6);
  socket.connect({address, kAnyPort}, error);  // for UDP this sends nothing
  if (error) return false;
  const auto own = socket.local_endpoint(error).address();
  return !error && !own.is_loopback() && !own.is_unspecified() && !is_link_local(own);
}

}  // namespace mtasts
