// Reports by HTTP against the real server, intake and database.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/tlsrpt_http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <semaphore>

#include "exporter/gzip_stream.h"
#include "exporter/report_intake.h"
#include "tests/support/raw_client.h"
#include "tests/support/temporary_folder.h"

namespace mtasts::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr UnixTime kNow{std::chrono::seconds{1'800'000'000}};
constexpr const char* kToken = "0123456789abcdef";
const std::string kTokenPath = std::string{"/tlsrpt/"} + kToken;

std::string report(const std::string& id, int successful = 1, const std::string& domain = "example.org") {
  return R"({"organization-name":"Sender","report-id":")" + id +
         R"(","date-range":{"start-datetime":"2026-01-01T00:00:00Z","end-datetime":"2026-01-01T23:59:59Z"},)"
         R"("policies":[{"policy":{"policy-type":"sts","policy-domain":")" +
         domain + R"("},"summary":{"total-successful-session-count":)" + std::to_string(successful) +
         R"(,"total-failure-session-count":0}}]})";
}

/// A mail as a forger would post it: its header claims that the operator's own server saw a DKIM pass.
std::string forged_mail() {
  return "Authentication-Results: mx.example.org; dkim=pass header.d=google.com header.s=s\r\n"
         "DKIM-Signature: v=1; a=rsa-sha256; d=google.com; s=s; h=from; bh=AAAA; b=BBBB\r\n"
         "From: noreply@google.com\r\nSubject: Report\r\nMIME-Version: 1.0\r\n"
         "Content-Type: application/tlsrpt+json\r\n\r\n" +
         report("forged");
}

class TlsrptHttpTest : public testing::Test {
 protected:
  TlsrptHttpTest() {
    intake_.set_rules({.domains = {"example.org"}, .authserv_id = "mx.example.org", .expects_reports = true});
    main_.route({"GET"}, "/metrics", [](const HttpRequest&, const Respond& respond) { respond({.body = "scraped"}); });
    port_ = main_.listen({"127.0.0.1", 0});
    main_.start();
    configure(config_);
  }
  ~TlsrptHttpTest() override { main_.stop(); }

  void configure(const TlsrptHttpConfig& config) { http_.prepare(config, web_, main_)(); }

  httplib::Result post(const std::string& path, const std::string& body,
                       const std::string& type = "application/tlsrpt+json",
                       const httplib::Headers& headers = {}) const {
    return httplib::Client{"127.0.0.1", port_}.Post(path, headers, body, type);
  }

  /// Sends a report each, and does not wait for the answers.
  std::vector<std::unique_ptr<RawClient>> begin_to_send(const std::string& path, int number) const {
    std::vector<std::unique_ptr<RawClient>> senders;
    for (int i = 0; i < number; ++i) {
      const std::string body = report(std::to_string(i));
      senders.push_back(std::make_unique<RawClient>(port_));
      senders.back()->send("POST " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
                           std::to_string(body.size()) + "\r\n\r\n" + body);
    }
    return senders;
  }

  IntakeResult take(std::string_view input, const Arrival& arrival) {
    if (hold_ || (hold_open_ && !arrival.token)) held_.acquire();
    return intake_.take(input, arrival, kNow);
  }

  TemporaryFolder folder_{};
  ReportIntake intake_{ReportStore::open(folder_.file("state.db")), {.now = [] { return kNow; }}};
  std::atomic<bool> hold_{}, hold_open_{};
  std::counting_semaphore<> held_{0};
  TlsrptHttpConfig config_{.enabled = true, .tokens = {kToken}};
  WebOptions web_{};
  TlsrptHttp http_{[this](std::string_view input, const Arrival& arrival) { return take(input, arrival); }};
  HttpServer main_{};
  std::uint16_t port_{};
};

TEST_F(TlsrptHttpTest, AnswersSayWhatBecameOfAReport) {
  const auto answer = [&](const std::string& path, const std::string& body) {
    const auto result = post(path, body);
    return std::to_string(result->status) + " " + result->body;
  };
  EXPECT_EQ(answer(kTokenPath, report("one")), "201 counted: example.org: report one of Sender\n");
  EXPECT_EQ(answer(kTokenPath, report("one")), "201 duplicate: example.org: report one of Sender is known already\n");
  EXPECT_THAT(answer(kTokenPath, report("one", 2)),
              StartsWith("409 conflict: example.org: report one of Sender is known"));
  EXPECT_THAT(answer("/tlsrpt", report("two")), StartsWith("201 uncounted: example.org: stored but not counted: "));
  EXPECT_EQ(
      answer("/tlsrpt", report("three", 1, "stranger.example")),
      "422 unknown_domain: stranger.example: stranger.example is not configured here; add it to domains to count it\n");
  EXPECT_THAT(answer("/tlsrpt", "{\"organization-name\":"), StartsWith("400 invalid: "));
  EXPECT_EQ(answer("/tlsrpt", ""), "400 invalid: the input is empty\n");
  EXPECT_EQ(answer("/tlsrpt/wrong-token-0123", report("four")), "404 There is no such page.\n");
  EXPECT_EQ(httplib::Client("127.0.0.1", port_).Get("/tlsrpt")->status, 405);
  EXPECT_EQ(post("/tlsrpt", report("five"), "text/html")->status, 415);
}

TEST_F(TlsrptHttpTest, GzipIsReadWhateverTheHeadersSay) {
  EXPECT_EQ(post(kTokenPath, gzip(report("a")), "application/tlsrpt+gzip")->status, 201);
  EXPECT_EQ(post(kTokenPath, gzip(report("b")), "application/tlsrpt+json", {{"Content-Encoding", "gzip"}})->status,
            201);
  EXPECT_EQ(post(kTokenPath, gzip(report("c")), "application/tlsrpt+gzip", {{"Content-Encoding", "gzip"}})->status,
            201);
  EXPECT_EQ(post(kTokenPath, report("d"), "application/tlsrpt+gzip")->status, 201);
  EXPECT_EQ(post(kTokenPath, gzip(report("e")), "application/octet-stream")->status, 201);
  EXPECT_EQ(
      post(kTokenPath, gzip(gzip(report("f"))), "application/tlsrpt+gzip", {{"Content-Encoding", "gzip"}})->status,
      400);
}

TEST_F(TlsrptHttpTest, APostedMailVouchesForNobody) {
  const auto answer = post("/tlsrpt", forged_mail(), "message/rfc822");
  EXPECT_EQ(answer->status, 201);
  EXPECT_THAT(answer->body, HasSubstr("the mail came by HTTP, where anybody may write its Authentication-Results"));
}

TEST_F(TlsrptHttpTest, ABombIsRefused) {
  const std::string zeros = gzip(std::string(std::size_t{32} * 1024 * 1024, '\0'));
  std::string bomb;
  while (bomb.size() + zeros.size() <= kMostReportBody) bomb += zeros;  // gigabytes, in many members
  const auto answer = post("/tlsrpt", bomb, "application/tlsrpt+gzip");
  EXPECT_EQ(answer->status, 400);
  EXPECT_THAT(answer->body, StartsWith("invalid: "));
}

TEST_F(TlsrptHttpTest, ScrapesDoNotWaitForTheDisk) {
  hold_ = true;
  const auto senders = begin_to_send(kTokenPath, 20);
  EXPECT_EQ(httplib::Client("127.0.0.1", port_).Get("/metrics")->body, "scraped");
  held_.release(20);
  for (const auto& sender : senders) EXPECT_THAT(sender->read_all(), StartsWith("HTTP/1.1 201"));
}

TEST_F(TlsrptHttpTest, StrangersKeepNobodyOutWhoKnowsAToken) {
  hold_open_ = true;
  const auto strangers = begin_to_send("/tlsrpt", 64);
  EXPECT_EQ(post(kTokenPath, report("counted"))->status, 201);
  held_.release(64);
  for (const auto& sender : strangers) EXPECT_THAT(sender->read_all(), StartsWith("HTTP/1.1 201"));
}

TEST_F(TlsrptHttpTest, AFailureWithinIsForTheSenderToRepeat) {
  TlsrptHttp broken{[](std::string_view, const Arrival&) -> IntakeResult { throw std::bad_alloc{}; }};
  HttpServer server;
  const std::uint16_t port = server.listen({"127.0.0.1", 0});
  broken.prepare(config_, {}, server)();
  server.start();
  const auto answer = httplib::Client{"127.0.0.1", port}.Post("/tlsrpt", report("x"), "application/json");
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->get_header_value("Retry-After"), "300");
  server.stop();
}

TEST_F(TlsrptHttpTest, ANewConfigurationMovesThePath) {
  TlsrptHttpConfig moved = config_;
  moved.path = "/elsewhere";
  moved.tokens = {"another-token-16"};
  configure(moved);
  EXPECT_EQ(post(kTokenPath, report("a"))->status, 404);
  EXPECT_EQ(post("/tlsrpt", report("a"))->status, 404);
  EXPECT_EQ(post("/elsewhere/another-token-16", report("a"))->status, 201);
  EXPECT_EQ(post(std::string{"/elsewhere/"} + kToken, report("b"))->status, 404);
  configure({});
  EXPECT_EQ(post("/elsewhere", report("c"))->status, 404);
  EXPECT_EQ(post("/elsewhere/another-token-16", report("c"))->status, 404);
  configure(config_);
  EXPECT_EQ(post(kTokenPath, report("d"))->status, 201);
}

TEST_F(TlsrptHttpTest, WhatIsPreparedAndNotUsedChangesNothing) {
  static_cast<void>(http_.prepare({}, web_, main_));
  EXPECT_EQ(post(kTokenPath, report("a"))->status, 201);
}

TEST_F(TlsrptHttpTest, AListenerOfItsOwnServesReportsOnly) {
  web_.authenticate = [](const std::string&) { return false; };
  TlsrptHttpConfig own = config_;
  own.listen_address = "127.0.0.1:0";
  configure(own);
  ASSERT_NE(http_.port(), 0);
  httplib::Client client{"127.0.0.1", http_.port()};
  EXPECT_EQ(client.Post(kTokenPath, report("a"), "application/json")->status, 201) << "and nobody is asked to log in";
  EXPECT_EQ(client.Get("/metrics")->status, 404);
  EXPECT_EQ(post(kTokenPath, report("b"))->status, 404) << "gone from the main listeners";
  const std::uint16_t before = http_.port();
  own.tokens = {"another-token-16"};
  configure(own);
  EXPECT_EQ(http_.port(), before) << "the same address keeps its listener";
  EXPECT_EQ(client.Post("/tlsrpt/another-token-16", report("c"), "application/json")->status, 201);
  configure(config_);
  EXPECT_EQ(http_.port(), 0);
  EXPECT_FALSE(httplib::Client("127.0.0.1", before).Get("/tlsrpt"));
}

TEST_F(TlsrptHttpTest, AnAddressThatIsTakenChangesNothing) {
  TlsrptHttpConfig taken = config_;
  taken.listen_address = "127.0.0.1:" + std::to_string(port_);
  try {
    configure(taken);
    FAIL() << "two listeners on one port";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string{error.what()},
              "tlsrpt.http.listen_address: cannot listen on " + taken.listen_address +
                  " (Address already in use); end what listens there, or choose another port");
  }
  EXPECT_EQ(post(kTokenPath, report("a"))->status, 201);
}

}  // namespace
}  // namespace mtasts::test
