// Stands before a server of the lab and closes each connection a little later than the one before.
// Next: lab.h, whose bulk mode has peers of this kind.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <utility>

namespace mtasts::lab {

/// The first connection ends before the server has said anything, the next one after its first octet, and so on, TLS
/// records and all. What is over before its turn comes ends as the server has it. Outlives its sessions.
class CutRelay {
 public:
  explicit CutRelay(boost::asio::ip::tcp::endpoint server) : server_{std::move(server)} {}
  CutRelay(const CutRelay&) = delete;
  CutRelay& operator=(const CutRelay&) = delete;

  /// Serves one connection.
  boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket client);

 private:
  boost::asio::ip::tcp::endpoint server_;
  std::size_t next_{};
};

}  // namespace mtasts::lab
