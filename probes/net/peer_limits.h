// Good manners: how many connections go to one network, one provider, one MX host at once.
// Next: turns.h, which keeps the lines; connection.h, whose users wait here before they connect.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "probes/core/ip_address.h"
#include "probes/net/turns.h"

namespace mtasts {

/// 0: no limit.
struct PeerLimitOptions {
  std::size_t per_network{};   // of /24 for IPv4, /48 for IPv6
  std::size_t per_provider{};  // of hosts under one registered domain: *.mail.protection.outlook.com is Microsoft
  std::vector<Nat64Prefix> translators{};
};

/// Lets so many connections run to each; who is beyond waits in order of arrival. Special-purpose addresses, of a lab
/// or one's own network, are not counted. Shared by the loops of all threads, and outlives the leaves it gave.
class PeerLimits {
 public:
  explicit PeerLimits(PeerLimitOptions options) : options_(options) {}
  PeerLimits(const PeerLimits&) = delete;
  PeerLimits& operator=(const PeerLimits&) = delete;

  /// Leave to connect, until it dies.
  struct Leave {
    Turns::Turn provider{};
    Turns::Turn network{};
  };

  /// Waits for its turn at the provider of `host`, then at the network of `address`.
  boost::asio::awaitable<Leave> enter(IpAddress address, std::string host);

  /// Waits until no other probe of the MX host is under way: one connection at a time.
  boost::asio::awaitable<Turns::Turn> enter_host(std::string host);

  /// How many wait at networks and providers: they hold a slot of the probe loop and do nothing.
  [[nodiscard]] std::size_t waiting() const { return peers_.waiting(); }
  /// Called when one more waits, on that one's thread. Input: set before anybody can wait.
  void on_wait(std::function<void()> told) { peers_.on_wait(std::move(told)); }

 private:
  boost::asio::awaitable<Turns::Turn> take(std::string key, std::size_t most);

  PeerLimitOptions options_;
  Turns peers_{};
  Turns hosts_{};
};

/// "4 192 0 2", "6 32 1 13 184 0 0": the network whose connections are counted together. What NAT64 leads to is in the
/// IPv4 host's network: the translator's prefix is as large as the Internet.
std::string network_key(const IpAddress& peer, std::span<const Nat64Prefix> translators);

}  // namespace mtasts
