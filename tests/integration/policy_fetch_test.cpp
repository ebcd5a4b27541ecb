// The fetch of a policy from servers that send too much, or end too early.
// SPDX-License-Identifier: Apache-2.0
#include "probes/net/policy_fetch.h"

#include <boost/asio/read_until.hpp>

#include "tests/integration/hostile_peer.h"

namespace mtasts {
namespace {

namespace asio = boost::asio;
using lab::TlsStream;
using TlsSpeech = std::function<asio::awaitable<void>(TlsStream&)>;

constexpr const char* kHost = "mta-sts.example.test";
constexpr std::size_t kMaxSize = 4096;
const std::string kPolicy = "version: STSv1\nmode: enforce\nmx: mx.example.test\nmax_age: 1209600\n";

class PolicyFetchTest : public HostilePeer {
 protected:
  /// Fetches from a server that shakes hands, reads the request and then does as it likes.
  PolicyFetchAttempt fetch(TlsSpeech speech) {
    PolicyFetchOptions options;
    options.port = serve([this, speech](Tcp::socket client) { return session(std::move(client), speech); });
    options.timeout = std::chrono::seconds(10);
    options.max_size = kMaxSize;
    return run(fetch_policy(net_, kHost, here(), options)).value_or(PolicyFetchAttempt());
  }

  /// Asks a server that speaks no TLS.
  PolicyFetchAttempt fetch_in_clear_text(std::string answer) {
    PolicyFetchOptions options;
    options.clear_text = true;
    options.port = serve([this, answer](Tcp::socket client) { return clear_text_session(std::move(client), answer); });
    options.timeout = std::chrono::seconds(10);
    return run(fetch_policy(net_, kHost, here(), options)).value_or(PolicyFetchAttempt());
  }

  /// Sends `opening`, then `more` until the client goes. Counts what was sent.
  TlsSpeech endless(std::string opening, std::string more) {
    return [this, opening, more](TlsStream& stream) { return pour(stream, opening, more); };
  }

  /// Sends `text` and closes, with or without close_notify.
  static TlsSpeech once(std::string text, bool notify) {
    return [text, notify](TlsStream& stream) { return say(stream, text, notify); };
  }

  std::size_t sent_{};
  std::string asked_{};

 private:
  asio::awaitable<void> clear_text_session(Tcp::socket client, std::string answer) {
    auto request = asio::dynamic_buffer(asked_, 4096);
    co_await asio::async_read_until(client, request, "\r\n\r\n", kPeerAwait);
    co_await asio::async_write(client, asio::buffer(answer), kPeerAwait);
  }

  asio::awaitable<void> session(Tcp::socket client, TlsSpeech speech) {
    const lab::TlsSpec spec;
    auto stream = co_await server_tls_.accept(std::move(client), spec);
    if (!stream) co_return;
    co_await peer_read(*stream);
    co_await speech(*stream);
  }

  asio::awaitable<void> pour(TlsStream& stream, std::string opening, std::string more) {
    bool taken = co_await peer_write(stream, opening);
    while (taken) {
      taken = co_await peer_write(stream, more);
      sent_ += more.size();
    }
  }

  static asio::awaitable<void> say(TlsStream& stream, std::string text, bool notify) {
    co_await peer_write(stream, text);
    if (notify) co_await stream.async_shutdown(kPeerAwait);
    stream.next_layer().shutdown(Tcp::socket::shutdown_send);
    co_await peer_wait_for_end(stream.next_layer());
  }
};

constexpr const char* kChunked = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
// What the kernel's buffers on both sides may take beyond what the prober read.
constexpr std::size_t kMuch = 32 << 20;

TEST_F(PolicyFetchTest, AChunkExtensionWithoutEndIsTooLarge) {
  const auto attempt = fetch(endless(std::string(kChunked) + "1;a=", std::string(16384, 'b')));
  ASSERT_TRUE(attempt.failure);
  EXPECT_EQ(attempt.failure->error, NetError::too_large) << attempt.failure->text;
  EXPECT_LT(sent_, kMuch);
}

TEST_F(PolicyFetchTest, ChunkHeadersThatOutweighTheBodyAreTooLarge) {
  const auto attempt = fetch(endless(kChunked, "1;a=" + std::string(4000, 'b') + "\r\nx\r\n"));
  ASSERT_TRUE(attempt.failure);
  EXPECT_EQ(attempt.failure->error, NetError::too_large) << attempt.failure->text;
  EXPECT_LT(sent_, kMuch);
}

TEST_F(PolicyFetchTest, TrailersWithoutEndAreTooLarge) {
  const auto attempt = fetch(endless(std::string(kChunked) + "0\r\n", "a: " + std::string(1000, 'b') + "\r\n"));
  ASSERT_TRUE(attempt.failure);
  EXPECT_EQ(attempt.failure->error, NetError::too_large) << attempt.failure->text;
  EXPECT_LT(sent_, kMuch);
}

TEST_F(PolicyFetchTest, ChunksOfOneOctetAreWithinTheLimit) {
  std::string text = kChunked;
  for (std::size_t i = 0; i < kMaxSize; ++i) text += "1\r\nx\r\n";
  const auto attempt = fetch(once(text + "0\r\n\r\n", true));
  EXPECT_FALSE(attempt.failure) << attempt.failure->text;
  EXPECT_EQ(attempt.body.size(), kMaxSize);
}

TEST_F(PolicyFetchTest, HeadersOfAnyOctetsAreFitForAMessage) {
  const std::string long_one(1000, '\xff');
  const auto attempt =
      fetch(once("HTTP/1.1 200 OK\r\nContent-Type: text/pl\x9a"
                 "in;\tcharset=x\r\nServer: " +
                     long_one + "\r\n\r\n" + kPolicy,
                 true));
  EXPECT_EQ(attempt.content_type, "text/pl\\x9ain; charset=x");
  EXPECT_EQ(attempt.server.size(), 512U);
  EXPECT_TRUE(attempt.server.starts_with("\\xff\\xff"));
}

constexpr const char* kUntilClose = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";

TEST_F(PolicyFetchTest, ABodyThatEndsWithTheConnectionNeedsCloseNotify) {
  const auto whole = fetch(once(kUntilClose + kPolicy, true));
  EXPECT_FALSE(whole.failure) << whole.failure->text;
  EXPECT_EQ(whole.body, kPolicy);
  const auto cut = fetch(once(kUntilClose + kPolicy.substr(0, 40), false));
  ASSERT_TRUE(cut.failure);
  EXPECT_EQ(cut.failure->error, NetError::closed);
  EXPECT_EQ(cut.body, "");
}

TEST_F(PolicyFetchTest, ABodyOfAnnouncedLengthNeedsNoCloseNotify) {
  const std::string header =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(kPolicy.size()) + "\r\n\r\n";
  const auto attempt = fetch(once(header + kPolicy, false));
  EXPECT_FALSE(attempt.failure) << attempt.failure->text;
  EXPECT_EQ(attempt.body, kPolicy);
}

TEST_F(PolicyFetchTest, ABodyShorterThanItsLengthIsCutShort) {
  const auto attempt = fetch(once("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", false));
  ASSERT_TRUE(attempt.failure);
  EXPECT_EQ(attempt.failure->error, NetError::closed);
}

TEST_F(PolicyFetchTest, ClearTextIsAskedWithoutTls) {
  const PolicyFetchAttempt seen =
      fetch_in_clear_text("HTTP/1.1 301 Moved\r\nLocation: https://www.example.test/\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(seen.failure, std::nullopt);
  EXPECT_EQ(seen.http_status, 301);
  EXPECT_EQ(seen.location, "https://www.example.test/");
  EXPECT_EQ(seen.tls, std::nullopt);
  EXPECT_TRUE(asked_.starts_with("GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test:")) << asked_;
}

}  // namespace
}  // namespace mtasts
