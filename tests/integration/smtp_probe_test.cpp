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
  SmtpObservation probe(PeerSession session) {
    SmtpProbeOptions options;
    options.port = serve(std::move(session));
    options.timeout = std::chrono::seconds(10);
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

  asio::awaitable<std::unique_ptr<TlsStream>> secured(Tcp::socket client, std::string ready) {
    co_await peer_write(client, "220 mx.example.test ESMTP\r\n");
    co_await peer_read(client);
    co_await peer_write(client, "250-mx.example.test\r\n250 STARTTLS\r\n");
    co_await peer_read(client);
    co_await peer_write(client, ready);
    const lab::TlsSpec spec;
    co_return co_await server_tls_.accept(std::move(client), spec);
  }
};

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

}  // namespace
}  // namespace mtasts
