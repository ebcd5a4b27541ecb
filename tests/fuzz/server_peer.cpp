// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/server_peer.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "tests/fuzz/expect.h"

namespace mtasts::fuzz {
namespace asio = boost::asio;
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kMostPoured = std::size_t{192} * 1024;

constexpr std::array kKinds{"good",
                            "wildcard",
                            "expired",
                            "not-yet-valid",
                            "expired-intermediate",
                            "wrong-name",
                            "no-san",
                            "self-signed",
                            "unknown-ca",
                            "incomplete-public",
                            "sha1",
                            "weak-key",
                            "incomplete-private",
                            "forged-intermediate",
                            "forged-unsent",
                            "everything",
                            "extra-expired",
                            "name-constraints",
                            "wrong-purpose"};
constexpr std::array kVersions{TLS1_3_VERSION, TLS1_2_VERSION, TLS1_1_VERSION};

constexpr const char* kPolicy =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Mon, 01 Jun 2026 00:00:00 GMT\r\nContent-Length: 70\r\n\r\n"
    "version: STSv1\r\nmode: enforce\r\nmx: mx.example.test\r\nmax_age: 1209600\r\n";
constexpr const char* kRedirect =
    "HTTP/1.1 301 Moved Permanently\r\nLocation: https://mta-sts.example.test/\r\nContent-Length: 0\r\n\r\n";

std::string_view reply_to(std::string_view command, bool in_tls) {
  if (command.starts_with("EHLO") && !in_tls) return "250-mx.example.test\r\n250 STARTTLS\r\n";
  if (command.starts_with("EHLO") || command.starts_with("HELO")) return "250 mx.example.test\r\n";
  if (command.starts_with("STARTTLS")) return "220 go ahead\r\n";
  if (command.starts_with("QUIT")) return "221 bye\r\n";
  return "502 what?\r\n";
}

}  // namespace

PeerTls::PeerTls() : context_(SSL_CTX_new(TLS_server_method())) {
  SSL_CTX* context = context_.get();
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
}

SSL* PeerTls::session(const char* host, std::uint8_t number) {
  const lab::Credentials shown = mint_.credentials(kKinds[number % kKinds.size()], host);
  SSL* session = SSL_new(context_.get());
  expect(session != nullptr);
  SSL_use_certificate(session, shown.chain.front());
  SSL_use_PrivateKey(session, shown.key);
  for (std::size_t i = 1; i < shown.chain.size(); ++i) SSL_add1_chain_cert(session, shown.chain[i]);
  SSL_set_max_proto_version(session, kVersions[number / kKinds.size() % kVersions.size()]);
  SSL_set_bio(session, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(session);
  return session;
}

Peer::Peer(ServerScript& script, PeerTls& tls, Track track, Tcp::socket client)
    : script_(script), tls_(tls), track_(track), client_(std::move(client)) {}

asio::awaitable<void> Peer::play() {
  while (!ended_) {
    std::optional<Action> action = script_.next(track_);
    if (!action || static_cast<TcpMove>(action->move % kTcpMoves) == TcpMove::usual) break;
    co_await perform(std::move(*action));
  }
  if (ended_) co_return;
  if (track_ == Track::https) co_await usual_https();
  if (track_ == Track::smtp) co_await usual_smtp();
  if (track_ == Track::http) co_await usual_http();
  co_await end(Ending::polite);
}

asio::awaitable<void> Peer::perform(Action action) {
  switch (static_cast<TcpMove>(action.move % kTcpMoves)) {
    case TcpMove::say:
      co_return co_await say(std::move(action.text));
    case TcpMove::pour:
      co_return co_await pour(std::move(action.text), 16U * (action.number + 1U));
    case TcpMove::listen:
      co_await listen();
      co_return;
    case TcpMove::start_tls:
      co_return co_await start_tls(action.number);
    case TcpMove::raw:
      co_return co_await send(std::move(action.text));
    case TcpMove::end:
      co_return co_await end(static_cast<Ending>(action.number % kEndings));
    case TcpMove::limit:
      left_ = action.number;
      ending_ = static_cast<Ending>(action.text.empty() ? 0 : static_cast<unsigned char>(action.text[0]) % kEndings);
      co_return;
    case TcpMove::pieces:
      piece_ = action.number;
      co_return;
    case TcpMove::corrupt:
      corrupt_in_ = action.number;
      flip_ = action.text.empty() ? '\1' : action.text[0];
      co_return;
    case TcpMove::usual:
      co_return;
  }
}

asio::awaitable<void> Peer::pour(std::string text, std::size_t times) {
  if (text.empty()) co_return;
  for (; times > 0 && !ended_ && poured_ < kMostPoured; --times) {
    std::string many;
    while (many.size() < 4096) many += text;
    poured_ += many.size();
    co_await say(std::move(many));
  }
}

asio::awaitable<void> Peer::end(Ending how) {
  if (how == Ending::polite && session_ && SSL_is_init_finished(session_.get())) {
    SSL_shutdown(session_.get());
    co_await flush();
  }
  if (std::exchange(ended_, true)) co_return;
  boost::system::error_code ignored;
  if (how == Ending::reset) {
    client_.set_option(asio::socket_base::linger(true, 0), ignored);
    client_.close(ignored);
    co_return;
  }
  if (how != Ending::silence) client_.shutdown(Tcp::socket::shutdown_send, ignored);
  while (true) {
    const std::string unread = co_await receive();
    if (unread.empty()) co_return;
  }
}

asio::awaitable<void> Peer::start_tls(std::uint8_t number) {
  if (session_) co_return;
  session_.reset(tls_.session(track_ == Track::smtp ? kMxHost : kPolicyHost, number));
  while (!ended_) {
    ERR_clear_error();
    const int result = SSL_do_handshake(session_.get());
    const int error = SSL_get_error(session_.get(), result);
    co_await flush();
    if (result == 1) co_return;
    if (error != SSL_ERROR_WANT_READ) break;
    const std::string octets = co_await receive();
    if (octets.empty()) break;
    BIO_write(SSL_get_rbio(session_.get()), octets.data(), static_cast<int>(octets.size()));
  }
  co_await end(Ending::cut);
}

asio::awaitable<void> Peer::say(std::string text) {
  spoke_ = true;
  if (track_ == Track::https) co_await start_tls(0);
  if (!session_) co_return co_await send(std::move(text));
  if (text.empty() || !SSL_is_init_finished(session_.get())) co_return;
  ERR_clear_error();
  SSL_write(session_.get(), text.data(), static_cast<int>(text.size()));
  co_await flush();
}

/// Sends what OpenSSL has made.
asio::awaitable<void> Peer::flush() {
  BIO* made = SSL_get_wbio(session_.get());
  std::string octets(BIO_ctrl_pending(made), '\0');
  if (octets.empty()) co_return;
  BIO_read(made, octets.data(), static_cast<int>(octets.size()));
  co_await send(std::move(octets));
}

void Peer::corrupt(std::string& octets) {
  if (!corrupt_in_) return;
  if (*corrupt_in_ >= octets.size()) {
    *corrupt_in_ -= octets.size();
    return;
  }
  octets[*corrupt_in_] = static_cast<char>(octets[*corrupt_in_] ^ flip_);
  corrupt_in_.reset();
}

asio::awaitable<void> Peer::send(std::string octets) {
  if (ended_) co_return;
  corrupt(octets);
  const bool last = left_ && octets.size() >= *left_;
  if (last) octets.resize(*left_);
  if (left_) *left_ -= octets.size();
  const std::size_t piece = piece_ == 0 ? octets.size() : piece_;
  for (std::size_t at = 0; at < octets.size(); at += piece) {
    const auto part = asio::buffer(octets.data() + at, std::min(piece, octets.size() - at));
    const auto [error, size] = co_await asio::async_write(client_, part, kAwait);
    ended_ = ended_ || error.failed();
    if (error) co_return;
    if (piece_ != 0) co_await asio::post(client_.get_executor(), asio::use_awaitable);
  }
  const Ending how = ending_ == Ending::polite ? Ending::cut : ending_;  // no octet more
  if (last) co_await end(how);
}

/// Octets as they come; "" at the end.
asio::awaitable<std::string> Peer::receive() {
  std::array<char, 4096> buffer{};
  const auto room = asio::buffer(buffer);
  const auto [error, size] = co_await client_.async_read_some(room, kAwait);
  co_return std::string(buffer.data(), error ? 0 : size);
}

/// The same of what is inside TLS.
asio::awaitable<std::string> Peer::listen() {
  if (!session_) co_return co_await receive();
  std::array<char, 4096> buffer{};
  while (true) {
    ERR_clear_error();
    const int size = SSL_read(session_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (size > 0) co_return std::string(buffer.data(), static_cast<std::size_t>(size));
    const int error = SSL_get_error(session_.get(), size);
    if (error != SSL_ERROR_WANT_READ) co_return std::string();
    const std::string octets = co_await receive();
    if (octets.empty()) co_return std::string();
    BIO_write(SSL_get_rbio(session_.get()), octets.data(), static_cast<int>(octets.size()));
  }
}

asio::awaitable<void> Peer::usual_https() {
  co_await start_tls(0);
  if (ended_ || spoke_) co_return;
  co_await listen();
  co_await say(kPolicy);
}

asio::awaitable<void> Peer::usual_http() {
  if (spoke_) co_return;
  co_await listen();
  co_await say(kRedirect);
}

asio::awaitable<void> Peer::usual_smtp() {
  if (!spoke_) co_await say("220 mx.example.test ESMTP\r\n");
  std::string heard;
  while (!ended_) {
    for (std::size_t end = 0; (end = heard.find('\n')) != std::string::npos && !ended_; heard.erase(0, end + 1))
      co_await answer_command(heard.substr(0, end));
    if (ended_) co_return;
    const std::string more = co_await listen();
    if (more.empty()) co_return;
    heard += more;
  }
}

asio::awaitable<void> Peer::answer_command(std::string command) {
  std::string reply(reply_to(command, session_ != nullptr));
  co_await say(std::move(reply));
  if (command.starts_with("STARTTLS") && !session_) co_await start_tls(0);
}

}  // namespace mtasts::fuzz
