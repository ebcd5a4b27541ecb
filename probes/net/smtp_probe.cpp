// SPDX-License-Identifier: Apache-2.0
#include "probes/net/smtp_probe.h"

#include "probes/core/smtp_dialogue.h"

namespace mtasts {
namespace asio = boost::asio;
namespace {

// Reads of clear text behind the 220 to STARTTLS; whoever sends more gets a handshake that cannot succeed.
constexpr int kMaxClearReads = 8;
// "The receiver-SMTP [...] MUST send a 221 reply" (RFC 5321 section 4.1.1.10). One round trip for those who do.
constexpr std::chrono::milliseconds kPatienceForGoodbye{1000};

NetFailure not_smtp(NetStage stage) {
  return {.stage = stage, .error = NetError::protocol, .text = "what the server sends is no SMTP reply, or has no end"};
}

NetFailure hung_up(NetStage stage) {
  return {.stage = stage, .error = NetError::closed, .text = "the server closed the connection"};
}

/// One probe's connection, dialogue and reply reader, and the performing of actions on them.
class SmtpSession {
 public:
  SmtpSession(NetContext& net, HandshakeGate::Pass pass, std::string host, IpAddress address, SmtpProbeOptions options)
      : connection_(net, options.timeout, std::move(pass)),
        dialogue_(address, options.hello_name),
        host_(std::move(host)),
        address_(address),
        port_(options.port) {
    connection_.expect_tlsa(std::move(options.tlsa));
  }

  asio::awaitable<SmtpObservation> run() {
    auto failure = co_await connection_.connect(address_, port_);
    if (!failure) {
      SmtpAction action = dialogue_.start();
      while (action.kind != SmtpActionKind::finish && !failure) {
        failure = co_await perform(action);
        action = std::move(next_);
      }
    }
    if (failure) dialogue_.on_failure(std::move(*failure));
    dialogue_.observation().lasted = connection_.age();
    co_return std::move(dialogue_.observation());
  }

 private:
  /// Performs one action; the one that follows is left in next_.
  asio::awaitable<std::optional<NetFailure>> perform(SmtpAction action) {
    next_ = SmtpAction();
    if (action.kind == SmtpActionKind::start_tls) co_return co_await start_tls();
    if (!action.line.empty()) {
      auto failure = co_await connection_.write(action.stage, action.line);
      if (action.kind == SmtpActionKind::send_and_finish) {
        // The server may hang up once it has said no; what it said stands.
        if (!failure) co_await connection_.part(kPatienceForGoodbye);
        co_return std::nullopt;
      }
      if (failure) co_return failure;
    }
    co_return co_await read_reply(action.stage);
  }

  asio::awaitable<std::optional<NetFailure>> read_reply(NetStage stage) {
    std::string bytes;
    auto status = reader_.feed(bytes);
    while (status == SmtpReplyReader::Status::incomplete) {
      auto failure = co_await connection_.read_some(stage, bytes);
      if (failure) co_return failure;
      if (bytes.empty()) co_return hung_up(stage);
      status = reader_.feed(bytes);
    }
    if (status == SmtpReplyReader::Status::broken) co_return not_smtp(stage);
    const SmtpReply reply = reader_.take();
    next_ = dialogue_.on_reply(reply);
    co_return std::nullopt;
  }

  /// Notes and throws away what has come in clear text behind the 220, in its segment or in one of its own: no server
  /// says anything before our ClientHello (RFC 3207 section 4). What arrives later than this look cannot be told from a
  /// broken handshake, and ends as one: a race that a server wins only by sending late, and that a man in the middle
  /// gains nothing by, since nothing in clear text is ever taken for a reply inside TLS.
  asio::awaitable<std::optional<NetFailure>> take_clear_text() {
    bool found = reader_.left_over() > 0;
    reader_.discard_left_over();
    std::string bytes;
    for (int i = 0; i < kMaxClearReads && connection_.available() > 0; ++i) {
      auto failure = co_await connection_.read_some(NetStage::handshake, bytes);
      if (failure) co_return failure;
      found = true;
    }
    if (found) dialogue_.on_clear_text_after_starttls();
    co_return std::nullopt;
  }

  asio::awaitable<std::optional<NetFailure>> start_tls() {
    auto failure = co_await take_clear_text();
    if (failure) co_return failure;
    failure = co_await connection_.start_tls(host_);
    if (failure) co_return failure;
    next_ = dialogue_.on_tls(*connection_.tls());
    co_return std::nullopt;
  }

  Connection connection_;
  SmtpDialogue dialogue_;
  SmtpReplyReader reader_;
  SmtpAction next_;
  std::string host_;
  IpAddress address_;
  std::uint16_t port_;
};

}  // namespace

asio::awaitable<SmtpObservation> observe_smtp(NetContext& net, std::string host, IpAddress address,
                                              SmtpProbeOptions options) {
  const PeerLimits::Leave leave = co_await net.peers.enter(address, host);
  HandshakeGate::Pass pass = co_await net.gate.enter();
  SmtpSession session(net, std::move(pass), std::move(host), address, std::move(options));
  co_return co_await session.run();
}

}  // namespace mtasts
