// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/policy_server.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <string_view>
#include <utility>

namespace mtasts::lab {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kMaxRequest = 16384;
constexpr std::size_t kMuch = 1 << 20;

asio::awaitable<bool> send(TlsStream& stream, std::string text) {
  const auto [error, size] = co_await asio::async_write(stream, asio::buffer(text), kAwait);
  co_return !error;
}

asio::awaitable<void> pause(TlsStream& stream, std::chrono::milliseconds time) {
  asio::steady_timer timer{stream.get_executor(), time};
  co_await timer.async_wait(kAwait);
}

asio::awaitable<void> wait_for_close(TlsStream& stream) {
  std::array<char, 1024> buffer{};
  for (;;) {
    const auto [error, size] = co_await stream.async_read_some(asio::buffer(buffer), kAwait);
    if (error) co_return;
  }
}

/// Host header without "mta-sts." and port.
std::string domain_of(std::string_view request) {
  constexpr std::string_view kHeader = "\r\nHost: ";
  constexpr std::string_view kPrefix = "mta-sts.";
  const auto at = request.find(kHeader);
  if (at == std::string_view::npos) return {};
  std::string_view host = request.substr(at + kHeader.size());
  host = host.substr(0, host.find_first_of(":\r"));
  if (host.starts_with(kPrefix)) host.remove_prefix(kPrefix.size());
  return std::string(host);
}

std::string expand(std::string body, const std::string& domain) {
  constexpr std::string_view kPlaceholder = "{domain}";
  for (auto at = body.find(kPlaceholder); at != std::string::npos; at = body.find(kPlaceholder, at)) {
    body.replace(at, kPlaceholder.size(), domain);
  }
  return body;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 404:
      return "Not Found";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

std::string head(const PolicyServerSpec& spec, const std::string& framing) {
  std::string text = "HTTP/1.1 " + std::to_string(spec.status) + " " + std::string(reason_phrase(spec.status)) +
                     "\r\nServer: mtasts-lab\r\nConnection: close\r\n";
  if (!spec.content_type.empty()) text += "Content-Type: " + spec.content_type + "\r\n";
  if (!spec.location.empty()) text += "Location: " + spec.location + "\r\n";
  return text + framing + "\r\n\r\n";
}

std::string length_of(std::size_t size) { return "Content-Length: " + std::to_string(size); }

std::string chunk(std::string_view text) {
  std::array<char, 20> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", text.size());
  return size.data() + std::string(text) + "\r\n";
}

asio::awaitable<void> send_endlessly(TlsStream& stream, std::string start, std::string part) {
  bool open = co_await send(stream, std::move(start));
  while (open) open = co_await send(stream, part);
}

asio::awaitable<void> drip(TlsStream& stream, std::string text) {
  constexpr std::chrono::seconds kBetween{1};
  bool open = true;
  for (std::size_t i = 0; open && i < text.size(); ++i) {
    std::string octet(1, text[i]);
    open = co_await send(stream, std::move(octet));
    co_await pause(stream, kBetween);
  }
}

/// What is sent at once, for the faults that send something at once.
std::string response_of(const PolicyServerSpec& spec, const std::string& body) {
  switch (spec.http) {
    case HttpFault::chunked:
      return head(spec, "Transfer-Encoding: chunked") + chunk(body.substr(0, 10)) + chunk(body.substr(10)) + chunk("");
    case HttpFault::lying_length:
      return head(spec, length_of(20)) + body + std::string(kMuch, 'x');
    case HttpFault::huge:
      return head(spec, length_of(body.size() + kMuch)) + body + std::string(kMuch, '\n');
    case HttpFault::short_body:
      return head(spec, length_of(body.size() + 100)) + body;
    case HttpFault::garbage:
      return "220 this is not the protocol you are looking for\r\n\r\n";
    default:
      return head(spec, length_of(body.size())) + body;
  }
}

asio::awaitable<void> respond(TlsStream& stream, const PolicyServerSpec& spec, std::string body) {
  switch (spec.http) {
    case HttpFault::silent:
      co_await wait_for_close(stream);
      co_return;
    case HttpFault::hang_up:
      co_return;
    case HttpFault::drip: {
      std::string text = head(spec, length_of(body.size())) + body;
      co_await drip(stream, std::move(text));
      co_return;
    }
    case HttpFault::endless: {
      std::string start = head(spec, "Transfer-Encoding: chunked") + chunk(body);
      std::string part = chunk(std::string(4096, '\n'));
      co_await send_endlessly(stream, std::move(start), std::move(part));
      co_return;
    }
    case HttpFault::endless_header: {
      std::string start = "HTTP/1.1 200 OK\r\nServer: ";
      std::string part(4096, 'x');
      co_await send_endlessly(stream, std::move(start), std::move(part));
      co_return;
    }
    default: {
      std::string text = response_of(spec, body);
      co_await send(stream, std::move(text));
    }
  }
}

}  // namespace

asio::awaitable<void> serve_policy(TlsServer& tls, std::shared_ptr<const PolicyServerSpec> spec, tcp::socket client) {
  const std::unique_ptr<TlsStream> stream = co_await tls.accept(std::move(client), spec->tls);
  if (!stream) co_return;
  std::string request;
  auto buffer = asio::dynamic_buffer(request, kMaxRequest);
  const auto [error, size] = co_await asio::async_read_until(*stream, buffer, "\r\n\r\n", kAwait);
  if (error) co_return;
  if (spec->latency.count() > 0) co_await pause(*stream, spec->latency);
  const bool found = request.starts_with("GET /.well-known/mta-sts.txt ");
  PolicyServerSpec shown = *spec;
  if (!found) shown.status = 404;
  std::string body = expand(spec->body, domain_of(request));
  co_await respond(*stream, shown, std::move(body));
  co_await stream->async_shutdown(kAwait);
}

}  // namespace mtasts::lab
