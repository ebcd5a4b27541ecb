// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/mx_server.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cctype>
#include <string_view>
#include <utility>

namespace mtasts::lab {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kMaxCommand = 2048;

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\r\n";
  return text;
}

template <class Stream>
asio::awaitable<bool> send(Stream& stream, std::string text) {
  const auto [error, size] = co_await asio::async_write(stream, asio::buffer(text), kAwait);
  co_return !error;
}

template <class Stream>
asio::awaitable<void> pause(Stream& stream, std::chrono::milliseconds time) {
  asio::steady_timer timer{stream.get_executor(), time};
  co_await timer.async_wait(kAwait);
}

/// The next command's verb in capitals, "" when the client is gone. Input: buffer keeps what came after the line.
template <class Stream>
asio::awaitable<std::string> read_verb(Stream& stream, std::string& buffer) {
  auto dynamic = asio::dynamic_buffer(buffer, kMaxCommand);
  const auto [error, size] = co_await asio::async_read_until(stream, dynamic, "\r\n", kAwait);
  if (error) co_return std::string{};
  std::string verb = buffer.substr(0, buffer.find_first_of(" \r"));
  buffer.erase(0, size);
  std::transform(verb.begin(), verb.end(), verb.begin(), [](unsigned char octet) { return std::toupper(octet); });
  if (verb.empty()) verb = "?";  // a blank line is a command too
  co_return verb;
}

std::string reply_to(const std::string& verb, const MxServerSpec& spec, bool secure) {
  if (verb == "EHLO") {
    auto lines = spec.ehlo;
    if (secure) lines = {"250-mx.lab.test", "250 SIZE 10240000"};  // RFC 3207 section 4.2: no STARTTLS inside TLS
    return joined(lines);
  }
  if (verb == "STARTTLS") return joined(spec.starttls);
  if (verb == "HELO") return joined(spec.helo);
  if (verb == "NOOP" || verb == "RSET") return "250 mx.lab.test\r\n";
  if (verb == "QUIT") return "221 2.0.0 bye\r\n";
  return "502 5.5.1 not here\r\n";
}

/// Answers commands. True when the client asked for STARTTLS and was told 220.
template <class Stream>
asio::awaitable<bool> converse(Stream& stream, const MxServerSpec& spec, bool secure) {
  std::string buffer;
  for (;;) {
    const std::string verb = co_await read_verb(stream, buffer);
    if (verb.empty()) co_return false;
    if (spec.latency.count() > 0) co_await pause(stream, spec.latency);
    std::string reply = reply_to(verb, spec, secure);
    const bool upgrade = verb == "STARTTLS" && !secure && reply.starts_with("220");
    const bool sent = co_await send(stream, std::move(reply));
    if (!sent || verb == "QUIT") co_return false;
    if (upgrade) co_return true;
  }
}

asio::awaitable<void> wait_for_close(tcp::socket& client) {
  std::array<char, 512> buffer{};
  for (;;) {
    const auto [error, size] = co_await client.async_read_some(asio::buffer(buffer), kAwait);
    if (error) co_return;
  }
}

asio::awaitable<void> drip(tcp::socket& client, std::string text) {
  constexpr std::chrono::seconds kBetween{1};
  bool open = true;
  for (std::size_t i = 0; open && i < text.size(); ++i) {
    std::string octet(1, text[i]);
    open = co_await send(client, std::move(octet));
    co_await pause(client, kBetween);
  }
}

asio::awaitable<void> send_endlessly(tcp::socket& client, std::string part) {
  bool open = true;
  while (open) open = co_await send(client, part);
}

/// Plays a fault before or instead of the greeting. True when the session goes on.
asio::awaitable<bool> greet(tcp::socket& client, const MxServerSpec& spec) {
  switch (spec.smtp) {
    case SmtpFault::none:
      break;
    case SmtpFault::silent:
      co_await wait_for_close(client);
      co_return false;
    case SmtpFault::hang_up:
      co_return false;
    case SmtpFault::reset:
      client.set_option(tcp::socket::linger{true, 0});
      client.close();  // at once: a shutdown before it would send a FIN
      co_return false;
    case SmtpFault::drip: {
      std::string text = joined(spec.greeting);
      co_await drip(client, std::move(text));
      co_return false;
    }
    case SmtpFault::endless_banner: {
      std::string line = "220-" + std::string(400, '.') + "\r\n";
      co_await send_endlessly(client, std::move(line));
      co_return false;
    }
    case SmtpFault::endless_line: {
      std::string part(400, '2');
      co_await send_endlessly(client, std::move(part));
      co_return false;
    }
  }
  std::string text = joined(spec.greeting);
  co_return co_await send(client, std::move(text));
}

}  // namespace

asio::awaitable<void> serve_mx(TlsServer& tls, std::shared_ptr<const MxServerSpec> spec, tcp::socket client) {
  if (spec->latency.count() > 0) co_await pause(client, spec->latency);
  const bool greeted = co_await greet(client, *spec);
  if (!greeted) co_return;
  const bool upgrade = co_await converse(client, *spec, false);
  if (!upgrade) co_return;
  const std::unique_ptr<TlsStream> stream = co_await tls.accept(std::move(client), spec->tls);
  if (!stream) co_return;
  const bool again = co_await converse(*stream, *spec, true);
  if (again) co_return;
  co_await stream->async_shutdown(kAwait);
}

}  // namespace mtasts::lab
