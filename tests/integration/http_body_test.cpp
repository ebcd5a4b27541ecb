// Large request bodies against the real server: what is refused before it is read, what is cut, and who gives way.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <future>
#include <memory>
#include <vector>

#include "exporter/http_server.h"
#include "tests/support/raw_client.h"

namespace mtasts {
namespace {

using std::chrono::milliseconds;
using test::RawClient;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::size_t kMost = std::size_t{10} * 1024 * 1024;
constexpr const char* kOther = "127.0.0.2";  // another source than RawClient's usual one
constexpr const char* kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string post(const std::string& path, const std::string& more_headers) {
  return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + more_headers + "\r\n";
}

std::string post_of(const std::string& path, const std::string& body) {
  return post(path, "Connection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") + body;
}

std::string chunk(const std::string& data) {
  std::array<char, 16> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", data.size());
  return size.data() + data + "\r\n";
}

/// The status of each answer, in order.
std::vector<std::string> statuses(const std::string& text) {
  std::vector<std::string> found;
  for (auto at = text.find("HTTP/1.1 "); at != std::string::npos; at = text.find("HTTP/1.1 ", at + 1))
    found.push_back(text.substr(at + 9, 3));
  return found;
}

class HttpBodyTest : public testing::Test {
 protected:
  void serve(HttpLimits limits = {}, RouteOptions options = {.open = true, .body_bytes = kMost}) {
    server_ = std::make_unique<HttpServer>(limits);
    options.admit = [](const HttpRequest& head) {
      std::optional<HttpResponse> refusal;
      if (head.parameter("refuse")) refusal = HttpResponse{.status = 415, .body = "no"};
      return refusal;
    };
    server_->route({"GET"}, "/hello", [](const HttpRequest&, const Respond& respond) { respond({.body = "hello"}); });
    server_->route(
        {"POST"}, "/take",
        [](const HttpRequest& request, const Respond& respond) {
          respond({.body = "took " + std::to_string(request.body.size()) + " " + request.body.substr(0, 10)});
        },
        options);
    server_->route(
        {"POST"}, "/keep",
        [this](HttpRequest request, const Respond& respond) {
          kept_.push_back(std::move(request));
          answers_.push_back(respond);
          arrived_.set_value();
        },
        options);
    EXPECT_EQ(server_->set_options(std::move(web_)), std::nullopt);
    port_ = server_->listen({"127.0.0.1", 0});
    server_->start();
  }
  void TearDown() override { server_.reset(); }

  std::string ask(const std::string& request, const char* source = "127.0.0.1") {
    RawClient client{port_, source};
    client.send(request);
    return client.read_all();
  }

  /// Connections from the usual source, each with a place for a body of which nothing comes.
  std::vector<std::unique_ptr<RawClient>> take_places(std::size_t number) {
    std::vector<std::unique_ptr<RawClient>> slow;
    for (std::size_t i = 0; i < number; ++i) {
      slow.push_back(std::make_unique<RawClient>(port_));
      slow.back()->send(post("/take", "Content-Length: 1000\r\nExpect: 100-continue\r\n"));
      EXPECT_EQ(slow.back()->read_until("\r\n\r\n"), kContinue);
    }
    return slow;
  }

  WebOptions web_{};
  std::unique_ptr<HttpServer> server_{};
  std::uint16_t port_{};
  std::vector<HttpRequest> kept_{};
  std::vector<Respond> answers_{};
  std::promise<void> arrived_{};
};

TEST_F(HttpBodyTest, TakesBodiesUpToTheLimitOfTheRoute) {
  serve();
  EXPECT_THAT(ask(post_of("/take", "0123456789abc")), EndsWith("took 13 0123456789"));
  EXPECT_THAT(ask(post_of("/take", std::string(kMost, 'x'))), EndsWith("took 10485760 xxxxxxxxxx"));
  EXPECT_THAT(ask(post_of("/take", "")), EndsWith("took 0 "));
  EXPECT_THAT(ask(post_of("/hello", std::string(5000, 'x'))), StartsWith("HTTP/1.1 413")) << "other routes as before";
}

TEST_F(HttpBodyTest, TakesChunks) {
  serve();
  EXPECT_THAT(ask(post("/take", "Transfer-Encoding: chunked\r\nConnection: close\r\n") + chunk("hello ") +
                  chunk("world") + "0\r\n\r\n"),
              EndsWith("took 11 hello worl"));
}

TEST_F(HttpBodyTest, RefusesADeclaredGibibyteBeforeItIsRead) {
  serve();
  const std::string answer = ask(post("/take", "Content-Length: 1073741824\r\n"));  // and sends none of it
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_THAT(answer, EndsWith("The body is too large: at most 10485760 octets are taken here.\n"));
}

TEST_F(HttpBodyTest, CutsChunksWithoutEndAtTheLimit) {
  serve({}, {.body_bytes = std::size_t{100} * 1024});
  RawClient endless{port_};
  endless.send(post("/take", "Transfer-Encoding: chunked\r\n"));
  for (int i = 0; i < 11; ++i) endless.send(chunk(std::string(10240, 'x')));
  EXPECT_THAT(endless.read_all(), StartsWith("HTTP/1.1 413"));
  EXPECT_TRUE(endless.closed());
  EXPECT_THAT(ask(post("/take", "Transfer-Encoding: chunked\r\n") + "ffffffffff\r\n"), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(ask(post("/take", "Transfer-Encoding: chunked\r\n") + "fffffffffffffffffffff\r\n"),
              StartsWith("HTTP/1.1 400"));
}

TEST_F(HttpBodyTest, TwoLengthsAreRefused) {
  serve();
  EXPECT_THAT(ask(post("/take", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"),
              StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(ask(post("/take", "Content-Length: 5\r\nContent-Length: 6\r\n") + "hello"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(ask(post("/take", "Content-Length: -1\r\n")), StartsWith("HTTP/1.1 400"));
}

TEST_F(HttpBodyTest, SaysContinueBeforeItWaitsForABody) {
  serve();
  RawClient polite{port_};
  polite.send(post("/take", "Content-Length: 5\r\nExpect: 100-Continue\r\nConnection: close\r\n"));
  EXPECT_EQ(polite.read_until("\r\n\r\n"), kContinue);
  polite.send("hello");
  EXPECT_THAT(polite.read_all(), EndsWith("took 5 hello"));
}

TEST_F(HttpBodyTest, SaysNoInsteadOfContinue) {
  serve();
  for (const char* path : {"/take?refuse=1", "/take"}) {
    const bool large = std::string_view{path} == "/take";
    RawClient polite{port_};
    polite.send(
        post(path, std::string{"Expect: 100-continue\r\nContent-Length: "} + (large ? "99999999" : "5") + "\r\n"));
    EXPECT_THAT(polite.read_all(), StartsWith(large ? "HTTP/1.1 413" : "HTTP/1.1 415"));
    EXPECT_TRUE(polite.closed());
  }
}

TEST_F(HttpBodyTest, GoesOnBehindASmallBodyThatWasRefused) {
  serve();
  const std::string hidden = "GET /hidden HTTP/1.1\r\nHost: evil.test\r\n\r\n";
  const std::string next = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const std::string length = "Content-Length: " + std::to_string(hidden.size()) + "\r\n";
  const std::string both = ask(post("/take?refuse=1", length) + hidden + next);
  EXPECT_THAT(statuses(both), testing::ElementsAre("415", "200"));
  EXPECT_THAT(both, EndsWith("hello"));
}

TEST_F(HttpBodyTest, WhatComesBehindALargeBodyThatWasRefusedIsNoRequest) {
  serve();
  const std::string next = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
  EXPECT_THAT(statuses(ask(post("/take?refuse=1", "Content-Length: 100000\r\n") + next)), testing::ElementsAre("415"));
  EXPECT_THAT(statuses(ask(post("/take", "Content-Length: 1073741824\r\n") + next)), testing::ElementsAre("413"));
}

TEST_F(HttpBodyTest, SlowBodiesOfOneSourceKeepNobodyOut) {
  serve();
  const auto slow = take_places(64);
  EXPECT_THAT(ask(post_of("/take", "quick"), kOther), EndsWith("took 5 quick"));
  const std::string told = slow.front()->read_all();
  EXPECT_THAT(told, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(told, HasSubstr("Retry-After: 60\r\n"));
  slow.back()->send(std::string(1000, 'x'));
  EXPECT_EQ(slow.back()->read_until("\r\n").substr(0, 12), "HTTP/1.1 200");
}

TEST_F(HttpBodyTest, ASlowSenderOnlyGivesWayToItsOwnNextBody) {
  serve({.large_bodies = 2});
  RawClient other{port_, kOther};
  other.send(post("/take", "Content-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n"));
  EXPECT_EQ(other.read_until("\r\n\r\n"), kContinue);
  const auto slow = take_places(2);
  EXPECT_THAT(slow.front()->read_all(), StartsWith("HTTP/1.1 503"));
  other.send("hello");
  EXPECT_THAT(other.read_all(), EndsWith("took 5 hello"));
}

TEST_F(HttpBodyTest, BodiesThatAreDealtWithKeepTheirPlaces) {
  serve({.large_bodies = 1});
  RawClient first{port_};
  first.send(post_of("/keep", "hello"));
  arrived_.get_future().wait();
  const std::string refused = ask(post_of("/take", "more"), kOther);
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(refused, HasSubstr("Retry-After: 60\r\n"));
  EXPECT_EQ(httplib::Client("127.0.0.1", port_).Get("/hello")->status, 200) << "other pages do not wait for places";
  kept_.clear();
  EXPECT_THAT(ask(post_of("/take", "more"), kOther), EndsWith("took 4 more"));
  answers_.front()({.body = "kept"});
  EXPECT_THAT(first.read_all(), EndsWith("kept"));
}

TEST_F(HttpBodyTest, AllBodiesTogetherHaveALimit) {
  serve({.large_bytes = 300'000});
  RawClient large{port_};
  large.send(post("/take", "Content-Length: 1000000\r\n") + std::string(250'000, 'x'));
  EXPECT_THAT(ask(post_of("/take", std::string(200'000, 'y')), kOther), HasSubstr("took 200000 yyyyyyyyyy"));
  large.send(std::string(100'000, 'x'));  // in case it had not been read before
  EXPECT_THAT(large.read_all(), StartsWith("HTTP/1.1 503"));
}

TEST_F(HttpBodyTest, ABodyHasOneDeadlineHoweverItDrips) {
  serve({}, {.body_bytes = kMost, .body = milliseconds{200}});
  RawClient slow{port_};
  slow.send(post("/take", "Content-Length: 1000\r\n") + "x");
  EXPECT_EQ(slow.read_all(), "");
  EXPECT_TRUE(slow.closed());
}

TEST_F(HttpBodyTest, OpenPathsAskForNoPasswordAndNoOthersAreOpen) {
  web_.authenticate = [](const std::string&) { return false; };
  serve();
  EXPECT_THAT(ask(post_of("/take", "hello")), EndsWith("took 5 hello"));
  EXPECT_THAT(ask("GET /take HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(ask("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(ask(post_of("/takes", "hello")), StartsWith("HTTP/1.1 401"));
}

TEST_F(HttpBodyTest, PathsComeAndGoWhileItRuns) {
  serve();
  server_->unroute("/take");
  EXPECT_THAT(ask(post_of("/take", "hello")), StartsWith("HTTP/1.1 404"));
  server_->route({"POST"}, "/new/*",
                 [](const HttpRequest& request, const Respond& respond) { respond({.body = request.path}); });
  EXPECT_THAT(ask(post_of("/new/a", "")), EndsWith("/new/a"));
}

TEST_F(HttpBodyTest, ABodyThatNeverEndsDoesNotHoldUpTheEnd) {
  serve();
  const auto slow = take_places(8);
  server_->stop();
  EXPECT_EQ(slow.front()->read_all(), "");
  EXPECT_TRUE(slow.front()->closed());
}

}  // namespace
}  // namespace mtasts
