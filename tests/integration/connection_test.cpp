// One connection against peers that stall at the wrong moment.
// SPDX-License-Identifier: Apache-2.0
#include "probes/net/connection.h"

#include "probes/net/bounded_io.h"
#include "tests/integration/hostile_peer.h"
#include "tests/lab/listener.h"

namespace mtasts {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

class ConnectionTest : public HostilePeer {
 protected:
  static constexpr auto kLimit = 100ms;

  /// Returns after the deadlines of kLimit made before have struck, so that they found nothing to cancel: as when a
  /// read completes at that very moment.
  asio::awaitable<void> let_deadlines_pass() {
    asio::steady_timer passed(io_, SteadyTime::max());
    const Deadline later(clock_, kLimit, [&passed] { passed.cancel(); });
    co_await passed.async_wait(kPeerAwait);
  }

  asio::awaitable<std::string> connect_to(std::string text, std::uint16_t port) {
    HandshakeGate::Pass pass = co_await gate_.enter();
    Connection connection(net_, std::chrono::seconds(10), std::move(pass));
    const IpAddress address = parse_ip_address(text).value();
    const auto failure = co_await connection.connect(address, port);
    if (!failure) co_return "connected";
    co_return failure->error == NetError::address_refused ? "address refused" : failure->text;
  }

  asio::awaitable<NetFailure> connect_too_late(std::uint16_t port) {
    HandshakeGate::Pass pass = co_await gate_.enter();
    Connection connection(net_, kLimit, std::move(pass));
    co_await let_deadlines_pass();
    const auto failure = co_await connection.connect(here(), port);
    co_return failure.value_or(NetFailure());
  }

  asio::awaitable<NetFailure> read_too_late(std::uint16_t port) {
    HandshakeGate::Pass pass = co_await gate_.enter();
    Connection connection(net_, kLimit, std::move(pass));
    co_await connection.connect(here(), port);
    co_await let_deadlines_pass();
    std::string text;
    const auto failure = co_await connection.read_some(NetStage::greeting, text);
    co_return failure.value_or(NetFailure());
  }

  asio::awaitable<NetFailure> write_too_late(std::uint16_t port) {
    HandshakeGate::Pass pass = co_await gate_.enter();
    Connection connection(net_, kLimit, std::move(pass));
    co_await connection.connect(here(), port);
    co_await let_deadlines_pass();
    const auto failure = co_await connection.write(NetStage::hello, std::string(64 << 20, 'x'));
    co_return failure.value_or(NetFailure());
  }

  asio::awaitable<boost::system::error_code> receive_too_late(std::uint16_t port) {
    Tcp::socket socket(io_);
    const Deadline deadline(clock_, kLimit, [&socket] { cancel_waits(socket); });
    co_await socket.async_connect(Tcp::endpoint(asio::ip::address_v4::loopback(), port), kPeerAwait);
    co_await let_deadlines_pass();
    std::array<char, 2> buffer{};
    co_return co_await receive_all(socket, deadline, asio::buffer(buffer));
  }
};

/// Neither reads nor writes, and keeps the connection until the test ends.
asio::awaitable<void> stall(Tcp::socket client) {
  asio::steady_timer never(client.get_executor(), SteadyTime::max());
  co_await never.async_wait(kPeerAwait);
}

TEST_F(ConnectionTest, RefusesEveryFormOfAnAddressThatLeadsInside) {
  const std::uint16_t port = serve(stall);
  ASSERT_EQ(run(connect_to("127.0.0.1", port)), "connected");
  net_.allow_private = false;
  for (const char* address :
       {"127.0.0.1", "127.1.2.3", "0.0.0.0", "169.254.169.254", "10.0.0.1", "::1", "::", "::127.0.0.1",
        "::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::1", "fe80::1", "fd00::1"}) {
    EXPECT_EQ(run(connect_to(address, port)), "address refused") << address;
  }
}

TEST_F(ConnectionTest, AReadBehindTheDeadlineDoesNotWait) {
  const auto failure = run(read_too_late(serve(stall)));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->error, NetError::timeout);
  EXPECT_EQ(failure->stage, NetStage::greeting);
}

TEST_F(ConnectionTest, AWriteBehindTheDeadlineDoesNotWait) {
  const auto failure = run(write_too_late(serve(stall)));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->error, NetError::timeout);
}

TEST_F(ConnectionTest, AConnectBehindTheDeadlineDoesNotWait) {
  Tcp::acceptor port_finder(io_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const Tcp::endpoint where = port_finder.local_endpoint();
  port_finder.close();
  const lab::Listener dead(io_, where, lab::Listening::dead, nullptr);
  const auto failure = run(connect_too_late(where.port()));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->error, NetError::timeout);
}

TEST_F(ConnectionTest, ReceivingWholeMessagesBehindTheDeadlineDoesNotWait) {
  const auto error = run(receive_too_late(serve(stall)));
  ASSERT_TRUE(error);
  EXPECT_EQ(*error, asio::error::operation_aborted);
}

}  // namespace
}  // namespace mtasts
