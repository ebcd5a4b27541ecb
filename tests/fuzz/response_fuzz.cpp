// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <string>

#include "probes/net/policy_fetch.h"
#include "probes/net/sha256.h"
#include "tests/fuzz/sandbox.h"
#include "tests/fuzz/trust.h"

using namespace mtasts;
using mtasts::fuzz::expect;
namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr UnixTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};
constexpr std::size_t kMaxSize = 2048;
constexpr std::size_t kMostHeaderValue = 512;
// Beyond it, what is too much may hang on how much comes at a time.
constexpr std::size_t kSurelyWithin = 8192;

const fuzz::Listener& listener() {
  static const fuzz::Listener socket(fuzz::Listener::Kind::tcp);
  return socket;
}

/// Reads the request and answers in pieces, between which the prober has its turn; then closes.
asio::awaitable<void> answer(Tcp::socket client, std::string_view response, std::size_t piece) {
  std::array<char, 1024> request{};
  const auto room = asio::buffer(request);
  co_await client.async_read_some(room, kAwait);
  for (std::size_t at = 0; at < response.size(); at += piece) {
    const std::string_view part = response.substr(at, piece);
    const auto octets = asio::buffer(part);
    const auto [error, size] = co_await asio::async_write(client, octets, kAwait);
    if (error) co_return;
    co_await asio::post(client.get_executor(), asio::use_awaitable);
  }
  boost::system::error_code ignored;
  client.shutdown(Tcp::socket::shutdown_send, ignored);
  co_await client.async_read_some(room, kAwait);  // until the prober goes
}

PolicyFetchAttempt fetch(std::string_view response, std::size_t piece) {
  static TlsContext tls({.ca_file = fuzz::trust_file()});
  fuzz::Sandbox sandbox(tls, kNow);
  sandbox.serve(listener(),
                [response, piece](Tcp::socket client) { return answer(std::move(client), response, piece); });
  const PolicyFetchOptions options{.port = listener().port(), .clear_text = true, .max_size = kMaxSize};
  return sandbox.run(fetch_policy(sandbox.net(), "mta-sts.example.test", *parse_ip_address("127.0.0.1"), options));
}

void expect_attempt(const PolicyFetchAttempt& seen) {
  expect(seen.http_status >= 0 && seen.http_status <= 999 && seen.body.size() <= kMaxSize && !seen.tls);
  for (const std::string* value : {&seen.content_type, &seen.location, &seen.server}) {
    expect(value->size() <= kMostHeaderValue);
    fuzz::expect_printable(*value);
  }
  if (!seen.failure) {
    expect(seen.http_status >= 200 && seen.body_sha256 == sha256_hex(seen.body));
    return;
  }
  fuzz::expect_printable(seen.failure->text);
  expect(seen.failure->stage == NetStage::response && seen.body.empty() && seen.body_sha256.empty());
  const NetError error = seen.failure->error;  // what a server does is never taken for our own trouble
  expect(error == NetError::protocol || error == NetError::too_large || error == NetError::closed);
}

/// Beast takes a line that is no HTTP for an error when it sees all of it, else for one that is not complete.
void expect_same(const PolicyFetchAttempt& a, const PolicyFetchAttempt& b) {
  expect(a.http_status == b.http_status && a.body == b.body && a.content_type == b.content_type);
  expect(a.failure.has_value() == b.failure.has_value());
}

}  // namespace

/// The input is what a policy host answers, in clear text. How TCP cuts it makes no difference.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kPieces = 3;
  const std::string_view response(reinterpret_cast<const char*>(data), size);
  const PolicyFetchAttempt whole = fetch(response, std::max<std::size_t>(size, 1));
  expect_attempt(whole);
  const PolicyFetchAttempt cut = fetch(response, size / kPieces + 1);
  expect_attempt(cut);
  if (size <= kSurelyWithin) expect_same(whole, cut);
  return 0;
}
