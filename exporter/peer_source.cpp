// SPDX-License-Identifier: Apache-2.0
#include "exporter/peer_source.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <optional>

namespace mtasts {
namespace {

namespace ip = boost::asio::ip;

std::optional<ip::address> address_of_peer(std::string_view peer) {
  std::string_view host = peer.substr(0, peer.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const ip::address address = ip::make_address(std::string{host}, error);
  if (error) return std::nullopt;
  if (address.is_v6() && address.to_v6().is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  return address;
}

}  // namespace

std::string source_of_peer(std::string_view peer) {
  const auto address = address_of_peer(peer);
  if (!address) return std::string{peer};
  if (address->is_v4()) return address->to_string();
  auto octets = address->to_v6().to_bytes();
  std::fill(octets.begin() + 8, octets.end(), static_cast<unsigned char>(0));
  return ip::address_v6{octets}.to_string() + "/64";
}

bool is_loopback_peer(std::string_view peer) {
  const auto address = address_of_peer(peer);
  return address && address->is_loopback();
}

}  // namespace mtasts
