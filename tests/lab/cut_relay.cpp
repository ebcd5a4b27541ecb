// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/cut_relay.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <limits>
#include <memory>
#include <utility>

namespace mtasts::lab {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kLongestSession = 5000;  // octets of a server, with room: then from the beginning again
constexpr std::size_t kNoCut = std::numeric_limits<std::size_t>::max();

struct Ends {
  tcp::socket client;
  tcp::socket server;

  void close() {
    boost::system::error_code ignored;
    client.close(ignored);
    server.close(ignored);
  }
};

/// Copies so many octets, or to the end, and then ends both connections.
asio::awaitable<void> copy(std::shared_ptr<Ends> ends, tcp::socket& from, tcp::socket& to, std::size_t left) {
  std::array<char, 4096> buffer{};
  while (left > 0) {
    const auto room = asio::buffer(buffer.data(), std::min(left, buffer.size()));
    const auto [failed, size] = co_await from.async_read_some(room, kAwait);
    if (failed) break;
    const auto [lost, written] = co_await asio::async_write(to, asio::buffer(buffer.data(), size), kAwait);
    if (lost) break;
    if (left != kNoCut) left -= size;
  }
  ends->close();
}

}  // namespace

asio::awaitable<void> CutRelay::serve(tcp::socket client) {
  const std::size_t octets = std::exchange(next_, (next_ + 1) % kLongestSession);
  const auto executor = co_await asio::this_coro::executor;
  const auto ends = std::make_shared<Ends>(Ends{std::move(client), tcp::socket{executor}});
  const auto [failed] = co_await ends->server.async_connect(server_, kAwait);
  if (failed) co_return;
  asio::co_spawn(executor, copy(ends, ends->client, ends->server, kNoCut), asio::detached);
  co_await copy(ends, ends->server, ends->client, octets);
}

}  // namespace mtasts::lab
