// One loop with a prober's network context and servers that misbehave, for tests of probes/net against real sockets.
// Next: connection_test.cpp, policy_fetch_test.cpp, smtp_probe_test.cpp and resolver_test.cpp, which use it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>

#include "probes/net/connection.h"
#include "tests/lab/tls.h"

namespace mtasts {

using Tcp = boost::asio::ip::tcp;
using PeerSession = std::function<boost::asio::awaitable<void>(Tcp::socket)>;
constexpr auto kPeerAwait = boost::asio::as_tuple(boost::asio::use_awaitable);

inline std::string lab_root_file(const lab::TlsServer& server) {
  const auto path = std::filesystem::temp_directory_path() / ("mtasts_root." + std::to_string(getpid()) + ".pem");
  std::ofstream(path) << server.root_pem();
  return path.string();
}

/// Reads once; "" at the end.
template <class Stream>
boost::asio::awaitable<std::string> peer_read(Stream& stream) {
  std::array<char, 8192> buffer{};
  const auto [error, size] = co_await stream.async_read_some(boost::asio::buffer(buffer), kPeerAwait);
  co_return std::string(buffer.data(), error ? 0 : size);
}

/// Sends all of it. Returns false once the prober has gone.
template <class Stream>
boost::asio::awaitable<bool> peer_write(Stream& stream, std::string text) {
  const auto [error, size] = co_await boost::asio::async_write(stream, boost::asio::buffer(text), kPeerAwait);
  co_return !error;
}

/// Reads until the prober gives up.
template <class Stream>
boost::asio::awaitable<void> peer_wait_for_end(Stream& stream) {
  while (true) {
    const std::string text = co_await peer_read(stream);
    if (text.empty()) co_return;
  }
}

class HostilePeer : public testing::Test {
 protected:
  HostilePeer()
      : ca_file_(lab_root_file(server_tls_)),
        tls_({.ca_file = ca_file_}),
        gate_(clock_),
        net_{.clock = clock_, .gate = gate_, .peers = peers_, .tls = tls_, .now = now, .allow_private = true} {}
  ~HostilePeer() override { std::filesystem::remove(ca_file_); }

  static UnixTime now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }
  static IpAddress here() { return *parse_ip_address("127.0.0.1"); }

  /// Serves on a free port of every 127.0.0.0/8 address and returns it.
  std::uint16_t serve(PeerSession session) {
    auto acceptor = std::make_shared<Tcp::acceptor>(io_, Tcp::endpoint(boost::asio::ip::address_v4::any(), 0));
    const std::uint16_t port = acceptor->local_endpoint().port();
    boost::asio::co_spawn(io_, accept_all(std::move(acceptor), std::move(session)), boost::asio::detached);
    return port;
  }

  /// Runs the loop until `work` is done. Returns nullopt, and fails the test, when that takes longer than any limit of
  /// a test.
  template <class T>
  std::optional<T> run(boost::asio::awaitable<T> work) {
    std::optional<T> result;
    boost::asio::co_spawn(io_, std::move(work), [this, &result](std::exception_ptr error, T value) {
      EXPECT_EQ(error, nullptr);
      result = std::move(value);
      io_.stop();
    });
    io_.restart();
    io_.run_for(std::chrono::seconds(30));
    EXPECT_TRUE(result.has_value()) << "hangs";
    return result;
  }

  boost::asio::io_context io_{1};
  lab::TlsServer server_tls_;
  std::string ca_file_;
  LoopClock clock_{io_};
  TlsContext tls_;
  HandshakeGate gate_;
  PeerLimits peers_{{}};
  NetContext net_;

 private:
  static boost::asio::awaitable<void> accept_all(std::shared_ptr<Tcp::acceptor> acceptor, PeerSession session) {
    while (true) {
      auto [error, client] = co_await acceptor->async_accept(kPeerAwait);
      if (error) co_return;
      client.set_option(Tcp::no_delay(true));
      boost::asio::co_spawn(acceptor->get_executor(), session(std::move(client)), boost::asio::detached);
    }
  }
};

}  // namespace mtasts
