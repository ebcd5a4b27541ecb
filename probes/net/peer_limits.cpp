// SPDX-License-Identifier: Apache-2.0
#include "probes/net/peer_limits.h"

#include "probes/core/public_suffix.h"

namespace mtasts {
namespace asio = boost::asio;

std::string network_key(const IpAddress& peer, std::span<const Nat64Prefix> translators) {
  const IpAddress address = translated_ipv4(peer, translators).value_or(peer);
  constexpr std::size_t kIpv4Octets = 3;
  constexpr std::size_t kIpv6Octets = 6;
  const std::size_t octets = address.family == IpFamily::ipv4 ? kIpv4Octets : kIpv6Octets;
  std::string key = address.family == IpFamily::ipv4 ? "4" : "6";
  for (std::size_t i = 0; i < octets; ++i) key += " " + std::to_string(address.octets[i]);
  return key;
}

asio::awaitable<PeerLimits::Leave> PeerLimits::enter(IpAddress address, std::string host) {
  if (special_purpose_block(address, options_.translators)) {
    Leave free;
    co_return free;
  }
  // Always in this order: who waits for a network holds a provider, never the other way round.
  std::string provider_key = "p " + registered_domain(host);
  std::string network = network_key(address, options_.translators);
  Turns::Turn at_provider = co_await take(std::move(provider_key), options_.per_provider);
  Turns::Turn at_network = co_await take(std::move(network), options_.per_network);
  Leave leave{std::move(at_provider), std::move(at_network)};
  co_return leave;
}

asio::awaitable<Turns::Turn> PeerLimits::enter_host(std::string host) {
  Turns::Turn turn = co_await hosts_.take(std::move(host), 1);
  co_return turn;
}

asio::awaitable<Turns::Turn> PeerLimits::take(std::string key, std::size_t most) {
  if (most == 0) {
    Turns::Turn free;
    co_return free;
  }
  Turns::Turn turn = co_await peers_.take(std::move(key), most);
  co_return turn;
}

}  // namespace mtasts
