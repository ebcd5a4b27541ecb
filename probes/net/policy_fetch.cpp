// SPDX-License-Identifier: Apache-2.0
#include "probes/net/policy_fetch.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "probes/core/http_date.h"
#include "probes/core/octets.h"
#include "probes/net/sha256.h"

namespace mtasts {
namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace {

constexpr std::uint32_t kMaxHeader = 16 * 1024;
constexpr std::size_t kMaxHeaderValue = 512;
// What a response may take on the wire for each octet of its body: one octet per chunk takes six (RFC 9112
// section 7.1).
constexpr std::size_t kMaxFraming = 8;
// Interim 1xx responses skipped before a real one must come.
constexpr int kMaxInterim = 8;

using Parser = http::response_parser<http::string_body>;

std::string request_for(const std::string& host, const PolicyFetchOptions& options) {
  const std::uint16_t usual = options.clear_text ? 80 : 443;
  const std::string authority = options.port == usual ? host : host + ":" + std::to_string(options.port);
  return "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: " + authority +
         "\r\nUser-Agent: mtasts_exporter\r\nAccept: text/plain\r\nCache-Control: no-cache\r\n"
         "Connection: close\r\n\r\n";
}

/// A value may have any octets but line ends (RFC 9110 section 5.5), and ends up in messages. A tab is a blank in it.
std::string header(const Parser& parser, http::field name) {
  const auto value = parser.get()[name];
  std::string text(value.data(), std::min(value.size(), kMaxHeaderValue));
  std::ranges::replace(text, '\t', ' ');
  text = escape_unprintable(text);
  text.resize(std::min(text.size(), kMaxHeaderValue));
  return text;
}

NetFailure failure_of(const boost::system::error_code& error) {
  const bool too_large = error == http::error::body_limit;
  return {.stage = NetStage::response,
          .error = too_large ? NetError::too_large : NetError::protocol,
          .text = too_large ? "the body is larger than the limit" : "broken HTTP: " + error.message()};
}

/// The parser bounds header and body, but neither chunk headers and their extensions nor trailers: of those it takes
/// what comes, and the whole of one before it uses any.
NetFailure too_long() {
  return {.stage = NetStage::response,
          .error = NetError::too_large,
          .text = "the response takes more octets than its body may need"};
}

NetFailure cut_short() {
  return {.stage = NetStage::response,
          .error = NetError::closed,
          .text = "the server closed the connection before the response was complete"};
}

/// "[A] response message with neither a Content-Length nor chunked ends with the connection" (RFC 9112 section 6.3),
/// and over TLS only close_notify says that it is the end and no attacker's cut (section 9.8).
NetFailure end_not_announced() {
  return {.stage = NetStage::response,
          .error = NetError::closed,
          .text = "the connection ended without close_notify, and nothing else says that the body is complete"};
}

/// Most octets of one response that may wait for the parser, and that may come in all.
std::size_t most_pending(std::size_t max_size) { return kMaxHeader + max_size; }
std::size_t most_on_wire(std::size_t max_size) { return kMaxHeader + kMaxFraming * max_size; }

/// Reads one response into `parser`, byte limits included. Bytes behind it stay in `pending` for the next.
asio::awaitable<std::optional<NetFailure>> read_response(Connection& connection, std::size_t max_size, Parser& parser,
                                                         std::string& pending) {
  std::string bytes;
  std::size_t on_wire = pending.size();
  while (true) {
    boost::system::error_code error;
    while (!pending.empty() && !parser.is_done()) {
      const std::size_t used = parser.put(asio::buffer(pending), error);
      pending.erase(0, used);
      if (error == http::error::need_more) break;
      if (error) co_return failure_of(error);
    }
    if (parser.is_done()) co_return std::nullopt;
    auto failure = co_await connection.read_some(NetStage::response, bytes);
    if (failure) co_return failure;
    pending += bytes;
    on_wire += bytes.size();
    if (pending.size() > most_pending(max_size) || on_wire > most_on_wire(max_size)) co_return too_long();
    if (!bytes.empty()) continue;
    if (!parser.got_some()) co_return cut_short();
    if (parser.need_eof() && !connection.end_announced()) co_return end_not_announced();
    parser.put_eof(error);
    if (error || !parser.is_done()) co_return cut_short();
  }
}

/// Our clock minus the server's. A response that lay in a cache carries the time when it was made (RFC 9110 section
/// 6.6.1), which says nothing.
std::optional<std::chrono::seconds> clock_ahead(const Parser& parser, UnixTime now) {
  if (parser.get().count(http::field::age) > 0) return std::nullopt;
  const std::optional<UnixTime> date = parse_http_date(header(parser, http::field::date));
  if (!date) return std::nullopt;
  return now - *date;
}

void take_response(const Parser& parser, UnixTime now, PolicyFetchAttempt& attempt) {
  if (!parser.is_header_done()) return;
  attempt.clock_ahead = clock_ahead(parser, now);
  attempt.http_status = static_cast<int>(parser.get().result_int());
  attempt.content_type = header(parser, http::field::content_type);
  attempt.location = header(parser, http::field::location);
  attempt.server = header(parser, http::field::server);
}

asio::awaitable<std::optional<NetFailure>> exchange(Connection& connection, std::string host,
                                                    PolicyFetchOptions options, std::function<UnixTime()> now,
                                                    PolicyFetchAttempt& attempt) {
  const std::string request = request_for(host, options);
  auto failure = co_await connection.write(NetStage::request, request);
  if (failure) co_return failure;
  std::string pending;
  for (int interim = 0; interim < kMaxInterim; ++interim) {
    Parser parser;
    parser.eager(true);
    parser.header_limit(kMaxHeader);
    parser.body_limit(options.max_size);
    failure = co_await read_response(connection, options.max_size, parser, pending);
    take_response(parser, now(), attempt);
    if (failure) co_return failure;
    if (attempt.http_status >= 200) {
      attempt.body = std::move(parser.get().body());
      attempt.body_sha256 = sha256_hex(attempt.body);
      co_return std::nullopt;
    }
  }
  co_return cut_short();
}

}  // namespace

asio::awaitable<PolicyFetchAttempt> fetch_policy(NetContext& net, std::string host, IpAddress address,
                                                 PolicyFetchOptions options) {
  PolicyFetchAttempt attempt;
  attempt.address = address;
  const PeerLimits::Leave leave = co_await net.peers.enter(address, host);
  HandshakeGate::Pass pass = co_await net.gate.enter();
  Connection connection(net, options.timeout, std::move(pass));
  auto failure = co_await connection.connect(address, options.port);
  if (!failure && !options.clear_text) failure = co_await connection.start_tls(host);
  attempt.tls = connection.tls();
  if (!failure) failure = co_await exchange(connection, host, options, net.now, attempt);
  attempt.failure = std::move(failure);
  attempt.lasted = connection.age();
  co_return attempt;
}

}  // namespace mtasts
