// SMTP sessions with servers that say the right words at the wrong time.
// SPDX-License-Identifier: Apache-2.0
#include "probes/net/smtp_probe.h"

#include "tests/integration/hostile_peer.h"

namespace mtasts {
namespace {

namespace asio = boost::asio;
using lab::TlsStream;

constexpr const char* kHost = "mx.example.test";

class SmtpProbeTest : public HostilePeer {
 protected:
  SmtpObservation probe(PeerSession session, std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
    SmtpProbeOptions options;
    options.port = serve(std::move(session));
    options.timeout = timeout;
    return run(observe_smtp(net_, kHost, here(), options)).value_or(SmtpObservation());
  }

  /// A session that answers STARTTLS with `ready`, goes on in TLS, and ends with the EHLO there.
  asio::awaitable<void> greet_and_secure(Tcp::socket client, std::string ready) {
    auto stream = co_await secured(std::move(client), ready);
    if (!stream) co_return;
    co_await peer_read(*stream);
    co_await peer_write(*stream, "250 mx.example.test\r\n");
    co_await peer_wait_for_end(*stream);
  }

  asio::awaitable<std::unique_ptr<TlsStream>> secured(Tcp::socket client, std::string ready,
                                                      std::chrono::milliseconds pause = {}) {
    co_await peer_write(client, "220 mx.example.test ESMTP\r\n");
    co_await peer_read(client);
    co_await peer_write(client, "250-mx.example.test\r\n250 STARTTLS\r\n");
    co_await peer_read(client);
    co_await peer_write(client, ready);
    asio::steady_timer thinking(io_, pause);
    co_await thinking.async_wait(kPeerAwait);
    const lab::TlsSpec spec;
    co_return co_await server_tls_.accept(std::move(client), spec);
  }
};

class SmtpFarewell : public SmtpProbeTest {
 protected:
  /// Answers QUIT with `goodbye` and notes how the prober ends the connection.
  asio::awaitable<void> see_off(Tcp::socket client, std::string goodbye) {
    auto stream = co_await secured(std::move(client), "220 go ahead\r\n");
    if (!stream) co_return;
    co_await peer_read(*stream);
    co_await peer_write(*stream, "250 mx.example.test\r\n");
    quit_ = co_await peer_read(*stream);
    if (!goodbye.empty()) co_await peer_write(*stream, goodbye);
    std::array<char, 16> buffer{};
    const auto [error, size] = co_await stream->async_read_some(asio::buffer(buffer), kPeerAwait);
    end_ = error;
  }

  SmtpObservation probe_until_the_end(std::string goodbye) {
    SmtpObservation seen = probe([this, goodbye](Tcp::socket client) { return see_off(std::move(client), goodbye); });
    io_.restart();
    while (!end_ && io_.run_one_for(std::chrono::seconds(5)) > 0) {
    }
    return seen;
  }

  std::string quit_;
  std::optional<boost::system::error_code> end_;
};

TEST_F(SmtpFarewell, WaitsForThe221AndEndsTheTlsSession) {
  const auto seen = probe_until_the_end("221 2.0.0 bye\r\n");
  EXPECT_EQ(quit_, "QUIT\r\n");
  EXPECT_EQ(end_, asio::error::eof) << "close_notify, not a cut";
  EXPECT_TRUE(seen.hello_after_tls);
  EXPECT_FALSE(seen.failure);
}

TEST_F(SmtpFarewell, APeerThatDoesNotAnswerQuitChangesNothing) {
  const auto seen = probe_until_the_end("");
  EXPECT_EQ(end_, asio::error::eof);
  EXPECT_TRUE(seen.hello_after_tls);
  EXPECT_FALSE(seen.failure);
  EXPECT_LT(seen.lasted, std::chrono::seconds(5)) << "its limit is 10 s";
}

/// A reply to STARTTLS that fills one read to the last octet, so that what follows waits in the socket.
std::string reply_of(std::size_t size) {
  const std::string line = "220-" + std::string(1018, 'x') + "\r\n";  // 1024 octets
  std::string reply;
  while (reply.size() + 2 * line.size() <= size) reply += line;
  return reply + "220 " + std::string(size - reply.size() - 6, 'x') + "\r\n";
}

TEST_F(SmtpProbeTest, ClearTextBehindThe220IsFoundInASegmentOfItsOwnToo) {
  for (const std::string& ready : {std::string("220 go ahead\r\n"), reply_of(8192)}) {
    const auto seen = probe(
        [this, ready](Tcp::socket client) { return greet_and_secure(std::move(client), ready + "250 injected\r\n"); });
    EXPECT_TRUE(seen.bytes_after_starttls);
    EXPECT_TRUE(seen.tls);
    EXPECT_TRUE(seen.hello_after_tls);
    EXPECT_FALSE(seen.failure) << seen.failure->text;
  }
}

TEST_F(SmtpProbeTest, ALongReplyToStarttlsIsNoClearTextBehindIt) {
  const auto seen = probe([this](Tcp::socket client) { return greet_and_secure(std::move(client), reply_of(8192)); });
  EXPECT_FALSE(seen.bytes_after_starttls);
  EXPECT_TRUE(seen.tls);
}

TEST_F(SmtpProbeTest, AHandshakeGetsTimeWhenThePeerUsedItUpBefore) {
  const auto slow = [this](Tcp::socket client) -> asio::awaitable<void> {
    asio::steady_timer pause(io_, std::chrono::milliseconds(800));  // of one second
    co_await pause.async_wait(kPeerAwait);
    auto stream = co_await secured(std::move(client), "220 go ahead\r\n", std::chrono::milliseconds(500));
    if (stream) co_await peer_wait_for_end(*stream);
  };
  const auto seen = probe(slow, std::chrono::seconds(1));
  EXPECT_TRUE(seen.tls) << seen.failure->text;
}

}  // namespace
}  // namespace mtasts
