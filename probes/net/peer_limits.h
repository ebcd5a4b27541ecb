// Good manners: how many connections go to one network or one provider at once.
// Next: connection.h, whose users wait for a place here before they connect.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "probes/core/observations.h"
#include "probes/net/wait_queue.h"

namespace mtasts {

/// 0: no limit.
struct PeerLimitOptions {
  std::size_t per_network{};   // of /24 for IPv4, /48 for IPv6
  std::size_t per_provider{};  // of hosts under one registered domain: *.mail.protection.outlook.com is Microsoft
};

/// Lets so many connections run to each; who is beyond waits in order of arrival. Special-purpose addresses, of a lab
/// or one's own network, are not counted. Used on one loop, and outlives the places it gave.
class PeerLimits {
 public:
  PeerLimits(boost::asio::io_context& io, PeerLimitOptions options) : io_(io), options_(options) {}
  PeerLimits(const PeerLimits&) = delete;
  PeerLimits& operator=(const PeerLimits&) = delete;

  /// Leave to connect, until it dies.
  class Place {
   public:
    Place() = default;
    Place(PeerLimits& owner, std::string key) : owner_(&owner), key_(std::move(key)) {}
    Place(Place&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), key_(std::move(other.key_)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (owner_ != nullptr) owner_->leave(key_);
    }

   private:
    PeerLimits* owner_{};
    std::string key_{};
  };
  struct Leave {
    Place provider{};
    Place network{};
  };

  /// Waits for its turn at the provider of `host`, then at the network of `address`.
  boost::asio::awaitable<Leave> enter(IpAddress address, std::string host);

  /// How many wait: they hold a slot of the probe loop and do nothing.
  [[nodiscard]] std::size_t waiting() const { return waiting_; }
  /// Called when one more waits.
  void on_wait(std::function<void()> told) { told_ = std::move(told); }

 private:
  /// Running connections, and who waits for one to end.
  struct Peer {
    explicit Peer(boost::asio::io_context& io) : line(io) {}

    std::size_t running{};
    WaitQueue line;
  };

  boost::asio::awaitable<Place> take(std::string key, std::size_t most);
  void leave(const std::string& key);

  boost::asio::io_context& io_;
  PeerLimitOptions options_;
  std::map<std::string, std::unique_ptr<Peer>> peers_{};  // those with a connection
  std::size_t waiting_{};
  std::function<void()> told_{};
};

/// "n 192.0.2", "n 2001:db8:0": the network whose connections are counted together.
std::string network_key(const IpAddress& address);

}  // namespace mtasts
