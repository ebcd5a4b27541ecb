// SPDX-License-Identifier: Apache-2.0
#include "probes/net/peer_limits.h"

#include "probes/core/ip_address.h"
#include "probes/core/public_suffix.h"

namespace mtasts {
namespace asio = boost::asio;

namespace {

/// Counts a wait for as long as it lasts.
class Wait {
 public:
  explicit Wait(std::size_t& waiting) : waiting_(waiting) { ++waiting_; }
  ~Wait() { --waiting_; }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

 private:
  std::size_t& waiting_;
};

}  // namespace

std::string network_key(const IpAddress& address) {
  constexpr std::size_t kIpv4Octets = 3;
  constexpr std::size_t kIpv6Octets = 6;
  const std::size_t octets = address.family == IpFamily::ipv4 ? kIpv4Octets : kIpv6Octets;
  std::string key = address.family == IpFamily::ipv4 ? "4" : "6";
  for (std::size_t i = 0; i < octets; ++i) key += " " + std::to_string(address.octets[i]);
  return key;
}

asio::awaitable<PeerLimits::Leave> PeerLimits::enter(IpAddress address, std::string host) {
  if (special_purpose_block(address)) {
    Leave free;
    co_return free;
  }
  // Always in this order: who waits for a network holds a provider, never the other way round.
  std::string provider_key = "p " + registered_domain(host);
  std::string network = network_key(address);
  Place at_provider = co_await take(std::move(provider_key), options_.per_provider);
  Place at_network = co_await take(std::move(network), options_.per_network);
  Leave leave{std::move(at_provider), std::move(at_network)};
  co_return leave;
}

asio::awaitable<PeerLimits::Place> PeerLimits::take(std::string key, std::size_t most) {
  if (most == 0) {
    Place free;
    co_return free;
  }
  std::unique_ptr<Peer>& slot = peers_[key];
  if (!slot) slot = std::make_unique<Peer>(io_);
  Peer& peer = *slot;
  if (peer.running < most) {
    ++peer.running;
    Place place(*this, std::move(key));
    co_return place;
  }
  const Wait wait(waiting_);
  if (told_) told_();
  co_await peer.line.wait();  // leave() hands its place over
  Place place(*this, std::move(key));
  co_return place;
}

void PeerLimits::leave(const std::string& key) {
  const auto peer = peers_.find(key);
  if (!peer->second->line.empty()) return peer->second->line.wake_one();
  if (--peer->second->running == 0) peers_.erase(peer);
}

}  // namespace mtasts
