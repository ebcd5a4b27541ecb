// One listening address, or one that deliberately does not answer.
// Next: policy_server.h and mx_server.h for the sessions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <vector>

namespace mtasts::lab {

/// open: serves; refused: nobody listens; dead: the backlog is full, so that the kernel drops every SYN.
enum class Listening { open, refused, dead };

/// Takes over an accepted connection; runs until the session is over.
using Session = std::function<boost::asio::awaitable<void>(boost::asio::ip::tcp::socket)>;

/// Listens while it lives, and on its context's thread or before that runs; sessions it has started go on without it.
class Listener {
 public:
  /// Errors: boost::system::system_error when the address cannot be bound.
  Listener(boost::asio::io_context& context, const boost::asio::ip::tcp::endpoint& where, Listening how,
           Session session);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  std::shared_ptr<boost::asio::ip::tcp::acceptor> acceptor_;
  std::vector<boost::asio::ip::tcp::socket> fillers_;  // connections that fill a dead one's backlog
};

}  // namespace mtasts::lab
