// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "exporter/http_server.h"
#include "tests/fuzz/expect.h"
#include "tests/support/raw_client.h"

using namespace mtasts;
using mtasts::fuzz::expect;
namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t kMostBody = 2000;
constexpr std::size_t kMostConnections = 8;
constexpr const char* kHeader = "X-Fuzz";

HttpLimits limits() {
  HttpLimits small;
  small.connections = kMostConnections;
  small.header_bytes = 1024;
  small.body_bytes = 64;
  small.large_bodies = 2;
  small.large_bytes = kMostBody * 2;
  small.gzip_from_bytes = 16;
  return small;
}

/// As report senders' paths: a large body, and headers that may be refused before it.
RouteOptions upload_options() {
  RouteOptions options{.open = true, .body_bytes = kMostBody};
  options.admit = [](const HttpRequest& head) -> std::optional<HttpResponse> {
    if (head.header("content-type") != "no") return std::nullopt;
    return HttpResponse{.status = 415};
  };
  return options;
}

HttpResponse answer_in_pieces() {
  return {.more = [left = 3](std::string& piece) mutable {
    piece += "piece\n";
    return --left > 0;
  }};
}

/// Paths and headers come back in the body, whatever is in them.
HttpResponse echo(const HttpRequest& request) {
  HttpResponse response{.body = request.path + "\n" + request.body};
  for (const auto& [name, value] : request.query) response.body += name + "=" + value + "\n";
  return response;
}

class RunningServer {
 public:
  RunningServer() : server_(limits()) {
    server_.route({"GET"}, "/", [](const HttpRequest& request, const Respond& respond) { respond(echo(request)); });
    server_.route({"GET"}, "/pieces", [](const HttpRequest&, const Respond& respond) { respond(answer_in_pieces()); });
    server_.route({"GET", "POST"}, "/tree/*",
                  [](const HttpRequest& request, const Respond& respond) { respond(echo(request)); });
    server_.route(
        {"POST"}, "/upload", [](const HttpRequest& request, const Respond& respond) { respond(echo(request)); },
        upload_options());
    WebOptions web{.headers = {{kHeader, "there"}}};
    web.authenticate = [](const std::string& authorization) { return authorization != "Basic no"; };
    expect(!server_.set_options(std::move(web)));
    port_ = server_.listen({"127.0.0.1", 0});
    server_.start();
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::size_t connections() const { return server_.connections(); }

 private:
  HttpServer server_;
  std::uint16_t port_{};
};

bool is_known(unsigned status) {
  constexpr std::array<unsigned, 10> kStatuses{100, 200, 400, 401, 404, 405, 413, 415, 431, 503};
  return std::find(kStatuses.begin(), kStatuses.end(), status) != kStatuses.end();
}

/// The first answer is one of ours, header and all.
void expect_answer(std::string_view octets) {
  http::response_parser<http::empty_body> parser;
  parser.skip(true);  // the body, which an answer to HEAD lacks
  boost::system::error_code error;
  parser.put(asio::buffer(octets.data(), octets.size()), error);
  expect(!error && parser.is_header_done() && is_known(parser.get().result_int()));
  if (parser.get().result_int() == 100) return;
  expect(parser.get()[kHeader] == "there" && parser.get().count(http::field::content_type) == 1);
}

/// Somebody who asks properly is served, whatever was asked before.
void expect_service(const RunningServer& server) {
  test::RawClient client(server.port());
  client.send("GET / HTTP/1.0\r\n\r\n");
  expect(client.read_all().starts_with("HTTP/1.0 200 OK\r\n"));
}

}  // namespace

/// The input is everything that a client sends; then it waits for the end.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kEvery = 64;
  static const RunningServer server;
  constexpr int kSources = 250;  // each has ports of its own, which wait a minute after their use
  static int turn = 0;
  const std::string source = "127.0.0." + std::to_string(1 + turn % kSources);
  const std::string_view request(reinterpret_cast<const char*>(data), size);
  {
    test::RawClient client(server.port(), source.c_str());
    expect(client.connected());
    client.send(request);
    client.end();
    const std::string answer = client.read_all();
    expect(client.closed());
    if (!answer.empty()) expect_answer(answer);
  }
  expect(server.connections() <= kMostConnections);
  if (++turn % kEvery == 0) expect_service(server);
  return 0;
}
