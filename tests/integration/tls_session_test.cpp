// Peers that have always something more to say to OpenSSL, which would listen for ever.
// SPDX-License-Identifier: Apache-2.0
#include "probes/net/tls_session.h"

#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tests/integration/hostile_peer.h"

namespace mtasts {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

class TlsSessionTest : public HostilePeer {
 protected:
  /// Shakes hands and reads once. Returns what was read, or why nothing was.
  asio::awaitable<std::string> read_from(std::uint16_t port) {
    HandshakeGate::Pass pass = co_await gate_.enter();
    Connection connection(net_, 10s, std::move(pass));
    co_await connection.connect(here(), port);
    std::string name = "mx.example.test";
    const auto no_session = co_await connection.start_tls(std::move(name));
    if (no_session) co_return no_session->text;
    std::string text;
    const auto failure = co_await connection.read_some(NetStage::greeting, text);
    co_return failure ? failure->text : text;
  }

  /// Sends so many session tickets before a word.
  PeerSession ticket_seller(int tickets) {
    return [this, tickets](Tcp::socket client) { return sell_tickets(std::move(client), tickets); };
  }

 private:
  asio::awaitable<void> sell_tickets(Tcp::socket client, int tickets) {
    lab::TlsSpec spec;
    const auto stream = co_await server_tls_.accept(std::move(client), std::move(spec));
    if (!stream) co_return;
    for (int i = 0; i < tickets; ++i) SSL_new_session_ticket(stream->native_handle());
    std::string word = "220 at last\r\n";
    co_await peer_write(*stream, std::move(word));
    co_await peer_wait_for_end(*stream);
  }
};

constexpr const char* kOnAndOn = "the peer goes on and on with TLS handshake messages";

/// Answers with HelloRequests, which a client in mid-handshake passes over (RFC 5246 section 7.4.1.1).
asio::awaitable<void> request_hellos(Tcp::socket client) {
  co_await peer_read(client);
  std::string record("\x16\x03\x03\x10\x00", 5);
  record.append(4096, '\0');
  while (co_await peer_write(client, record)) {
  }
}

TEST_F(TlsSessionTest, SomeTicketsAreUsual) { EXPECT_EQ(run(read_from(serve(ticket_seller(8)))), "220 at last\r\n"); }

TEST_F(TlsSessionTest, TicketsWithoutEndAreNotWaitedFor) {
  EXPECT_EQ(run(read_from(serve(ticket_seller(500)))), kOnAndOn);
}

TEST_F(TlsSessionTest, HelloRequestsWithoutEndAreNotWaitedFor) {
  EXPECT_EQ(run(read_from(serve(request_hellos))), kOnAndOn);
}

TEST_F(TlsSessionTest, AStepLeavesTheRestToTheNext) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  std::string flight("\x16\x03\x03\x00\x04\x02\x00\xff\x00", 9);  // a ServerHello of 65,280 octets begins
  for (int i = 0; i < 16000; ++i) flight.append("\x16\x03\x03\x00\x01\x00", 6);
  ASSERT_EQ(send(ends[1], flight.data(), flight.size(), 0), static_cast<ssize_t>(flight.size()));
  {
    TlsSession session(tls_, clock_.work(), ends[0], "mx.example.test");
    int left = 0;
    EXPECT_EQ(session.handshake(), TlsStep::wait_read);
    ioctl(ends[0], FIONREAD, &left);
    EXPECT_GT(left, 0) << "all of it was taken in at once";
    while (left > 0 && session.handshake() == TlsStep::wait_read) ioctl(ends[0], FIONREAD, &left);
    EXPECT_EQ(left, 0) << "and nothing is lost";
  }
  for (const int end : ends) close(end);
}

}  // namespace
}  // namespace mtasts
