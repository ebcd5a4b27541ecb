// SPDX-License-Identifier: Apache-2.0
#include "probes/net/ip_family.h"

#include <boost/asio/ip/udp.hpp>
#include <cerrno>

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

std::optional<bool> has_public_route(asio::io_context& io, IpFamily family) {
  const asio::ip::udp::endpoint far(asio::ip::make_address(family == IpFamily::ipv4 ? kPublic4 : kPublic6), kAnyPort);
  asio::ip::udp::socket socket(io);
  boost::system::error_code error;
  socket.open(far.protocol(), error);
  if (error) return error.value() == EAFNOSUPPORT ? std::optional(false) : std::nullopt;
  socket.connect(far, error);  // for UDP this sends nothing
  if (error) return false;
  const auto own = socket.local_endpoint(error).address();
  return !error && !own.is_loopback() && !own.is_unspecified() && !is_link_local(own);
}

bool has_route(asio::io_context& io, const asio::ip::tcp::endpoint& peer, const std::string& source_address) {
  asio::ip::udp::socket socket(io);
  boost::system::error_code error;
  const asio::ip::udp::endpoint far(peer.address(), peer.port());
  socket.open(far.protocol(), error);
  if (!error && !source_address.empty()) {
    const asio::ip::udp::endpoint local(asio::ip::make_address(source_address, error), 0);
    if (!error && local.protocol() == far.protocol()) socket.bind(local, error);
  }
  if (!error) socket.connect(far, error);  // for UDP this sends nothing
  return !error;
}

}  // namespace mtasts
