// The server against real sockets, with cpp-httplib as the client and raw sockets as the ill-behaved ones.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <future>
#include <list>
#include <thread>

#include "exporter/routes.h"
#include "tests/support/raw_client.h"

namespace mtasts {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::RawClient;
using Clock = std::chrono::steady_clock;

/// A self-signed certificate and its key as PEM files in the test's temporary folder.
struct TestCertificate {
  std::string cert_file = ::testing::TempDir() + "http_server_test.crt";
  std::string key_file = ::testing::TempDir() + "http_server_test.key";

  TestCertificate() {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME* name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1,
                               0);
    X509_set_issuer_name(cert, name);
    X509_sign(cert, key, EVP_sha256());
    write(cert_file, [&](FILE* file) { PEM_write_X509(file, cert); });
    write(key_file, [&](FILE* file) { PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr); });
    X509_free(cert);
    EVP_PKEY_free(key);
  }

 private:
  template <class Write>
  static void write(const std::string& path, Write use) {
    FILE* file = std::fopen(path.c_str(), "w");
    use(file);
    std::fclose(file);
  }
};

constexpr milliseconds kLimit{300};

class HttpServerTest : public ::testing::Test {
 protected:
  void serve(HttpLimits limits = {}, WebOptions options = {}) {
    server_ = std::make_unique<HttpServer>(limits);
    server_->route({"GET"}, "/hello", [](const HttpRequest& request, const Respond& respond) {
      HttpResponse response;
      response.body = "hello " + request.parameter("name").value_or("you");
      respond(response);
    });
    server_->route({"GET"}, "/big", [](const HttpRequest&, const Respond& respond) {
      HttpResponse response;
      response.body = std::string(8'000'000, 'x');
      respond(response);
    });
    server_->route({"GET"}, "/pieces", [](const HttpRequest& request, const Respond& respond) {
      const bool breaks = request.parameter("breaks").has_value();
      const bool endless = request.parameter("endless").has_value();
      const bool late = request.parameter("late").has_value();
      respond({.more = [left = 40, breaks, endless, late](std::string& piece) mutable {
        if (late && left == 20) std::this_thread::sleep_for(kLimit * 2);
        if (breaks && left == 20) throw std::runtime_error{"no more"};
        if (endless || left % 4 != 0)
          piece.append(100'000, static_cast<char>('a' + left % 26));  // some have nothing to say
        return endless || --left > 0;
      }});
    });
    server_->route({"GET"}, "/parts", [](const HttpRequest&, const Respond& respond) {
      const auto part = std::make_shared<const Deflated>(deflated(std::string(50'000, 'p')));
      respond({.more = [](std::string& piece) { return piece.append("plain"), false; },
               .more_gzip =
                   [part, left = 9](GzipStream& body) mutable {
                     body.add(left % 2 == 0 ? "text" : "");
                     body.add(*part);
                     return --left > 0;
                   }});
    });
    server_->route({"POST", "PUT"}, "/act", [](const HttpRequest&, const Respond& respond) { respond({}); });
    server_->route({"POST"}, "/upload",
                   [](const HttpRequest& request, const Respond& respond) {
                     respond({.body = std::to_string(request.body.size())});
                   },
                   {.body_bytes = 2'000'000});
    server_->route({"GET"}, "/throw", [](const HttpRequest&, const Respond&) { throw std::runtime_error{"oh"}; });
    server_->route({"GET"}, "/later", [this](const HttpRequest& request, const Respond& respond) {
      later_.push_back(respond);
      watch_.emplace(request.disconnected, [this] { disconnected_.set_value(); });
      arrived_.set_value();
    });
    server_->route({"GET"}, "/slow",
                   [this](const HttpRequest&, const Respond& respond) {
                     slow_.fetch_add(1);
                     slow_.notify_all();
                     may_end_.wait(false);
                     respond({.body = "at last"});
                   },
                   {.slow = true});
    server_->route({"GET"}, "/open", [](const HttpRequest&, const Respond& respond) { respond({}); }, {.open = true});
    server_->route({"GET"}, "/tree/*", [](const HttpRequest& request, const Respond& respond) {
      HttpResponse response;
      response.body = request.path;
      respond(response);
    });
    EXPECT_EQ(server_->set_options(std::move(options)), std::nullopt);
    port_ = server_->listen({"127.0.0.1", 0});
    server_->start();
  }
  void TearDown() override {
    let_slow_end();
    watch_.reset();
    server_.reset();
  }
  void let_slow_end() {
    may_end_ = true;
    may_end_.notify_all();
  }

  /// Until there are so many, or five seconds are over.
  void wait_for_connections(std::size_t number) const {
    const auto until = Clock::now() + seconds{5};
    while (server_->connections() != number && Clock::now() < until) std::this_thread::yield();
    EXPECT_EQ(server_->connections(), number);
  }

  httplib::Client client() const {
    httplib::Client client{"127.0.0.1", port_};
    client.set_read_timeout(5);
    return client;
  }

  std::unique_ptr<HttpServer> server_{};
  std::uint16_t port_{};
  std::vector<Respond> later_{};
  std::promise<void> arrived_{};
  std::promise<void> disconnected_{};
  std::atomic<int> slow_{};  // requests begun
  std::atomic<bool> may_end_{};
  std::optional<std::stop_callback<std::function<void()>>> watch_{};
};

TEST_F(HttpServerTest, AnswersWithDecodedParameters) {
  serve();
  const auto result = client().Get("/hello?name=a%20b");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200);
  EXPECT_EQ(result->body, "hello a b");
}

TEST_F(HttpServerTest, HeadHasLengthAndNoBody) {
  serve();
  const auto result = client().Head("/hello");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->get_header_value("Content-Length"), "9");
  EXPECT_EQ(result->body, "");
}

TEST_F(HttpServerTest, UnknownPathsMethodsAndTargets) {
  serve();
  EXPECT_EQ(client().Get("/nothing")->status, 404);
  const auto wrong = client().Post("/hello");
  EXPECT_EQ(wrong->status, 405);
  EXPECT_EQ(wrong->get_header_value("Allow"), "GET, HEAD");
  EXPECT_EQ(client().Put("/act")->status, 200);
  EXPECT_EQ(client().Get("/throw")->status, 500);
  EXPECT_EQ(client().Get("/tree/a/b")->body, "/tree/a/b");
  RawClient raw{port_};
  raw.send("GET /%zz HTTP/1.0\r\n\r\n");
  EXPECT_THAT(raw.read_all(), ::testing::StartsWith("HTTP/1.0 400"));
  RawClient proxied{port_};
  proxied.send("GET http://localhost/hello?name=proxy HTTP/1.0\r\n\r\n");
  EXPECT_THAT(proxied.read_all(), ::testing::EndsWith("hello proxy"));
}

/// RFC 9112 sections 3.2, 6.1 and 6.3: behind a proxy that reads them otherwise, what follows would be another's.
TEST_F(HttpServerTest, RequestsWhoseEndIsInDoubtAreRefusedAndTheirConnectionsClosed) {
  serve();
  const std::string smuggled = "GET /hello?name=smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const char* head : {"GET /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
                           "GET /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n",
                           "GET /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
                           "GET /hello HTTP/1.1\r\n\r\n", "GET /hello HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"}) {
    RawClient raw{port_};
    raw.send(head + smuggled);
    const std::string answer = raw.read_all();
    EXPECT_THAT(answer, ::testing::StartsWith("HTTP/1.1 400")) << head;
    EXPECT_THAT(answer, ::testing::Not(::testing::HasSubstr("smuggled"))) << head;
  }
  RawClient old{port_};
  old.send("POST /act HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  EXPECT_THAT(old.read_all(), ::testing::StartsWith("HTTP/1.0 400"));
}

TEST_F(HttpServerTest, LimitsOfHeadersAndBody) {
  serve();
  EXPECT_EQ(client().Post("/act", "x", "text/plain")->status, 200);  // small: taken, and not looked at
  EXPECT_EQ(client().Post("/act", std::string(4097, 'x'), "text/plain")->status, 413);
  EXPECT_EQ(client().Post("/act", std::string(500'000, 'x'), "text/plain")->status, 413);
  RawClient raw{port_};
  raw.send("GET /hello HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(20000, 'a') + "\r\n\r\n");
  EXPECT_THAT(raw.read_all(), ::testing::StartsWith("HTTP/1.1 431"));
  RawClient garbage{port_};
  garbage.send("\x16\x03\x01 this is not HTTP\r\n\r\n");
  EXPECT_THAT(garbage.read_all(), ::testing::StartsWith("HTTP/1.1 400"));
}

TEST_F(HttpServerTest, KeepsConnectionsAndServesPipelinedRequests) {
  serve();
  RawClient raw{port_};
  raw.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /hello?name=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string text = raw.read_all();
  EXPECT_THAT(text, ::testing::HasSubstr("hello you"));
  EXPECT_THAT(text, ::testing::HasSubstr("hello 2"));
}

TEST_F(HttpServerTest, CompressesWhenAsked) {
  serve();
  auto asking = client();
  asking.set_decompress(true);
  const auto packed = asking.Get("/big", {{"Accept-Encoding", "gzip"}});
  ASSERT_TRUE(packed);
  EXPECT_EQ(packed->get_header_value("Content-Encoding"), "gzip");
  EXPECT_EQ(packed->body.size(), 8'000'000U);
  const auto plain = client().Get("/big", {{"Accept-Encoding", "identity"}});
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->has_header("Content-Encoding"));
  EXPECT_EQ(plain->body.size(), 8'000'000U);
}

TEST_F(HttpServerTest, SendsABodyInPieces) {
  serve();
  auto asking = client();
  asking.set_keep_alive(true);
  asking.set_decompress(true);
  const auto plain = asking.Get("/pieces", {{"Accept-Encoding", "identity"}});
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->get_header_value("Transfer-Encoding"), "chunked");
  EXPECT_FALSE(plain->has_header("Content-Length"));
  EXPECT_EQ(plain->body.size(), 3'000'000U);
  const auto packed = asking.Get("/pieces", {{"Accept-Encoding", "gzip"}});
  ASSERT_TRUE(packed);
  EXPECT_EQ(packed->get_header_value("Content-Encoding"), "gzip");
  EXPECT_EQ(packed->body, plain->body);
  EXPECT_EQ(asking.Head("/pieces")->body, "");
  EXPECT_EQ(server_->connections(), 1U) << "the connection outlives the answers";
}

TEST_F(HttpServerTest, SendsPartsThatAreCompressedAlreadyToWhoTakesThem) {
  serve();
  auto asking = client();
  asking.set_decompress(true);
  EXPECT_EQ(asking.Get("/parts", {{"Accept-Encoding", "identity"}})->body, "plain");
  const auto packed = asking.Get("/parts", {{"Accept-Encoding", "gzip"}});
  ASSERT_TRUE(packed);
  EXPECT_EQ(packed->get_header_value("Content-Encoding"), "gzip");
  EXPECT_EQ(packed->body.size(), 9 * 50'000U + 4 * 4U);
  EXPECT_THAT(packed->body, ::testing::StartsWith("pp"));
  EXPECT_EQ(packed->body.substr(50'000, 5), "textp");
}

TEST_F(HttpServerTest, PiecesForAnOldClientEndWithTheConnection) {
  serve();
  RawClient old{port_};
  old.send("GET /pieces HTTP/1.0\r\n\r\n");
  const std::string answer = old.read_all();
  EXPECT_THAT(answer, ::testing::StartsWith("HTTP/1.0 200"));
  EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, 3'000'000U);
}

TEST_F(HttpServerTest, ABodyThatBreaksOffLooksBroken) {
  serve();
  EXPECT_FALSE(client().Get("/pieces?breaks", {{"Accept-Encoding", "identity"}}));
  RawClient raw{port_};
  raw.send("GET /pieces?breaks HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(raw.read_all(), ::testing::Not(::testing::EndsWith("0\r\n\r\n")));
}

TEST_F(HttpServerTest, ALargeAnswerHasMoreTime) {
  serve({.response = kLimit, .least_pace = 1'000'000});
  const auto answer = client().Get("/pieces?late", {{"Accept-Encoding", "identity"}});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body.size(), 3'000'000U);
  serve({.response = kLimit, .least_pace = 1'000'000'000});
  EXPECT_FALSE(client().Get("/pieces?late", {{"Accept-Encoding", "identity"}}));
}

TEST_F(HttpServerTest, WhoReadsNothingOfAnAnswerIsLeft) {
  serve({.response = kLimit});
  RawClient lazy{port_};
  lazy.send("GET /pieces?endless HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(lazy.read_until("\r\n\r\n"), ::testing::StartsWith("HTTP/1.1 200"));
  wait_for_connections(0);
}

TEST_F(HttpServerTest, SlowAndIdleClientsDelayNobody) {
  serve();
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(std::make_unique<RawClient>(port_));
    slow.back()->send(i % 2 == 0 ? "" : "G");
  }
  for (int i = 0; i < 10; ++i) {  // and these ask for much and never read it
    slow.push_back(std::make_unique<RawClient>(port_));
    slow.back()->send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  const auto begin = Clock::now();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client().Get("/hello")->status, 200);
  // A client that held a worker would hold it for limits.request, 10 s.
  EXPECT_LT(Clock::now() - begin, seconds{5});
  const auto stop = Clock::now();
  server_->stop();
  EXPECT_LT(Clock::now() - stop, seconds{5});
}

TEST_F(HttpServerTest, SlowRoutesDelayOnlyEachOther) {
  serve();
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (int i = 0; i < 8; ++i) {
    waiting.push_back(std::make_unique<RawClient>(port_));
    waiting.back()->send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  slow_.wait(0);
  const auto result = client().Get("/hello");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->body, "hello you");
  EXPECT_EQ(slow_, 1);
  let_slow_end();
  EXPECT_THAT(waiting.back()->read_until("at last"), ::testing::HasSubstr("at last"));
}

TEST_F(HttpServerTest, ARequestHasOneDeadlineHoweverItDrips) {
  HttpLimits limits;
  limits.request = milliseconds{300};
  serve(limits);
  RawClient raw{port_};
  const auto begin = Clock::now();
  for (int i = 0; i < 8; ++i) {
    raw.send("G");
    std::this_thread::sleep_for(milliseconds{100});
  }
  EXPECT_EQ(raw.read_all(), "");
  EXPECT_LT(Clock::now() - begin, seconds{3});
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(HttpServerTest, TheLongestIdleConnectionMakesRoom) {
  HttpLimits limits;
  limits.connections = 3;
  serve(limits);
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 6; ++i) {
    idle.push_back(std::make_unique<RawClient>(port_));
    std::this_thread::sleep_for(milliseconds{20});
  }
  EXPECT_EQ(client().Get("/hello")->status, 200);
  EXPECT_LE(server_->connections(), 3U);
  EXPECT_EQ(idle.front()->read_all(), "");
}

TEST_F(HttpServerTest, AnswersFromAnotherThreadLater) {
  serve();
  auto answer = std::async(std::launch::async, [&] { return client().Get("/later"); });
  arrived_.get_future().wait();
  HttpResponse response;
  response.body = "at last";
  later_.front()(response);
  later_.front()(response);  // only the first counts
  const auto result = answer.get();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->body, "at last");
}

TEST_F(HttpServerTest, TellsTheHandlerThatTheClientLeft) {
  serve();
  RawClient raw{port_};
  raw.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  arrived_.get_future().wait();
  raw.close();
  EXPECT_EQ(disconnected_.get_future().wait_for(seconds{2}), std::future_status::ready);
}

TEST_F(HttpServerTest, WhoHangsUpTakesTheRequestAlong) {
  serve();
  RawClient patient{port_};
  patient.send("GET /slow HTTP/1.0\r\n\r\n");
  slow_.wait(0);  // the worker is busy
  std::list<RawClient> others;
  for (int i = 0; i < 20; ++i) others.emplace_back(port_).send("GET /slow HTTP/1.0\r\n\r\n");
  RawClient last{port_};
  last.send("GET /slow HTTP/1.0\r\n\r\n");
  wait_for_connections(22);
  others.clear();
  wait_for_connections(2);
  let_slow_end();
  EXPECT_THAT(patient.read_all(), testing::HasSubstr("at last"));
  EXPECT_THAT(last.read_all(), testing::HasSubstr("at last"));
  EXPECT_EQ(slow_, 2);
}

TEST_F(HttpServerTest, AnAnswerAfterTheServerIsGoneIsHarmless) {
  serve();
  RawClient raw{port_};
  raw.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  arrived_.get_future().wait();
  watch_.reset();
  server_.reset();
  EXPECT_NO_THROW(later_.front()({}));
}

TEST_F(HttpServerTest, BasicAuthenticationAndExtraHeaders) {
  WebOptions options;
  options.authenticate = [](const std::string& authorization) {
    return authorization == "Basic YWxpY2U6czpjcmV0";  // alice:s:cret
  };
  options.headers = {{"X-Frame-Options", "deny"}};
  serve({}, options);
  const auto refused = client().Get("/hello");
  EXPECT_EQ(refused->status, 401);
  EXPECT_EQ(refused->get_header_value("WWW-Authenticate"), "Basic");
  auto alice = client();
  alice.set_basic_auth("alice", "s:cret");
  const auto welcome = alice.Get("/hello");
  EXPECT_EQ(welcome->status, 200);
  EXPECT_EQ(welcome->get_header_value("X-Frame-Options"), "deny");
  alice.set_basic_auth("alice", "wrong");
  EXPECT_EQ(alice.Get("/hello")->status, 401);
}

TEST_F(HttpServerTest, NobodyTakesAllConnections) {
  serve({.connections = 3});
  std::vector<std::unique_ptr<RawClient>> busy;
  for (int i = 0; i < 3; ++i) {
    arrived_ = {};
    busy.push_back(std::make_unique<RawClient>(port_));
    busy.back()->send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    arrived_.get_future().wait();
  }
  EXPECT_FALSE(client().Get("/hello")) << "the source that has all of them gets no more";
  auto other = client();
  other.set_interface("127.0.0.2");
  const auto answer = other.Get("/hello");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(busy.front()->read_all(), "");
}

TEST_F(HttpServerTest, PasswordsAreJudgedWhereNobodyElseWaits) {
  std::promise<void> judged;
  std::atomic<int> asked{0};
  WebOptions options;
  options.authenticate = [go = judged.get_future().share()](const std::string& authorization) {
    go.wait();
    return authorization == "right";
  };
  options.remembers = [&asked](const std::string& authorization) {
    ++asked;
    return authorization == "known";
  };
  serve({.logins = 2}, options);
  RawClient right{port_};
  RawClient wrong{port_};
  right.send("GET /hello HTTP/1.1\r\nHost: x\r\nAuthorization: right\r\n\r\n");
  wrong.send("GET /hello HTTP/1.1\r\nHost: x\r\nAuthorization: wrong\r\n\r\n");
  while (asked < 2) std::this_thread::yield();
  EXPECT_EQ(client().Get("/hello", {{"Authorization", "known"}})->status, 200);
  EXPECT_EQ(client().Get("/hello", {{"Authorization", "third"}})->status, 503);
  judged.set_value();
  EXPECT_THAT(right.read_until("hello you"), ::testing::StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(wrong.read_until("\r\n\r\n"), ::testing::StartsWith("HTTP/1.1 401"));
}

TEST_F(HttpServerTest, Tls) {
  const TestCertificate certificate;
  WebOptions options;
  options.tls = WebTls{};
  options.tls->certificate.file = certificate.cert_file;
  options.tls->key.file = certificate.key_file;
  serve({}, options);
  RawClient silent{port_};  // never begins its handshake
  httplib::SSLClient client{"127.0.0.1", port_};
  client.enable_server_certificate_verification(false);
  const auto result = client.Get("/hello");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->body, "hello you");
  EXPECT_EQ(client.Get("/big")->body.size(), 8'000'000U);
  EXPECT_EQ(client.Post("/upload", std::string(1'900'000, 'x'), "text/plain")->body, "1900000");
}

TEST_F(HttpServerTest, NewTlsOptionsEndTheConnectionsOfTheOld) {
  const TestCertificate certificate;
  WebOptions options;
  options.tls = WebTls{.certificate = {.file = certificate.cert_file}, .key = {.file = certificate.key_file}};
  serve({}, options);
  httplib::SSLClient idle{"127.0.0.1", port_};
  idle.enable_server_certificate_verification(false);
  idle.set_keep_alive(true);
  ASSERT_TRUE(idle.Get("/hello"));
  ASSERT_EQ(server_->connections(), 1U);
  std::promise<int> busy;
  std::thread asker{[this, &busy] {
    httplib::SSLClient client{"127.0.0.1", port_};
    client.enable_server_certificate_verification(false);
    client.set_keep_alive(true);
    const auto answer = client.Get("/slow");
    busy.set_value(answer ? answer->status : 0);
    wait_for_connections(0);  // while this client is still there
  }};
  slow_.wait(0);
  EXPECT_EQ(server_->set_options(options), std::nullopt);
  wait_for_connections(1);
  let_slow_end();
  EXPECT_EQ(busy.get_future().get(), 200);
  asker.join();
}

TEST_F(HttpServerTest, ARateLimitHoldsForAllButOpenRoutes) {
  WebOptions options;
  std::atomic<int> left{2};
  options.has_room = [&left] { return left-- > 0; };
  serve({}, options);
  EXPECT_EQ(client().Get("/hello")->status, 200);
  EXPECT_EQ(client().Get("/nowhere")->status, 404);
  EXPECT_EQ(client().Get("/hello")->status, 429);
  EXPECT_EQ(client().Get("/open")->status, 200);
}

TEST_F(HttpServerTest, BadTlsFilesKeepTheOldOptions) {
  serve();
  WebOptions options;
  options.tls = WebTls{};
  options.tls->certificate.file = "/nonexistent.crt";
  EXPECT_EQ(server_->set_options(options), "TLS: /nonexistent.crt: No such file or directory");
  EXPECT_EQ(client().Get("/hello")->status, 200);
}

std::string listen_error(const ListenAddress& address) {
  try {
    HttpServer{}.listen(address);
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

TEST_F(HttpServerTest, SaysWhichAddressItCannotTake) {
  serve();
  EXPECT_EQ(listen_error({"192.0.2.1", 1}),
            "cannot listen on 192.0.2.1:1 (Cannot assign requested address); write an address of this machine, or "
            ":PORT for all of them");
  EXPECT_EQ(listen_error({"127.0.0.1", port_}),
            "cannot listen on 127.0.0.1:" + std::to_string(port_) +
                " (Address already in use); end what listens there, or choose another port");
  EXPECT_THAT(listen_error({"2001:db8::1", 1}), ::testing::StartsWith("cannot listen on [2001:db8::1]:1 ("));
  EXPECT_THAT(listen_error({"nothing.invalid", 1}),
              ::testing::AllOf(::testing::StartsWith("cannot listen on nothing.invalid:1 ("),
                               ::testing::EndsWith("); write a name that resolves on this machine, an IP address, or "
                                                   ":PORT for every address")));
  EXPECT_EQ(listen_error({"", 0}), "");
}

TEST_F(HttpServerTest, ListensOnAHostName) {
  HttpServer named;
  const std::uint16_t port = named.listen({"localhost", 0});
  named.start();
  EXPECT_EQ(httplib::Client("localhost", port).Get("/")->status, 404);
}

class RoutesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store_.set_domains({{"bad.example", {{"team", "mail"}}}, {"good.example", {}}});
    DomainVerdict verdict;
    verdict.domain = "good.example";
    verdict.state = DomainState::ok;
    verdict.success = true;
    verdict.probed = kNow;
    store_.publish(verdict);
    RouteCallbacks callbacks;
    callbacks.snapshot = [this] { return store_.snapshot(); };
    callbacks.reports = [] { return ReportView{}; };
    callbacks.rollout = [] { return RolloutOptions{}; };
    callbacks.now = [] { return kNow; };
    callbacks.ready = [this] { return ready_.load(); };
    callbacks.reload = [this]() -> std::optional<std::string> {
      return reload_ok_ ? std::nullopt : std::optional<std::string>{"line 3: no"};
    };
    callbacks.probe = [this](std::string domain, milliseconds limit, const auto& done, const std::stop_token&) {
      limit_ = limit;
      ProbeAnswer answer;
      answer.snapshot = snapshot_of_domain(store_.snapshot(), domain);
      if (answer.snapshot.domains.empty()) answer.refused = "not configured: " + domain;
      answer.overloaded = overloaded_;
      done(answer);
    };
    callbacks.probe_timeout = [] { return milliseconds{60000}; };
    callbacks.self = &self_;
    add_routes(server_, callbacks);
    port_ = server_.listen({"127.0.0.1", 0});
    server_.start();
  }

  httplib::Result get(const std::string& path, const httplib::Headers& headers = {}) const {
    return httplib::Client{"127.0.0.1", port_}.Get(path, headers);
  }

  static constexpr UnixTime kNow{seconds{1'800'000'000}};
  SnapshotStore store_{};
  SelfMetrics self_{{"1.2.3", ""}};
  std::atomic<bool> ready_{true};
  std::atomic<bool> reload_ok_{true};
  std::atomic<bool> overloaded_{};
  milliseconds limit_{};
  HttpServer server_{};
  std::uint16_t port_{};
};

TEST_F(RoutesTest, MetricsAndHealth) {
  const auto metrics = get("/metrics");
  EXPECT_EQ(metrics->get_header_value("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(metrics->body, ::testing::HasSubstr("mtasts_domain_state{domain=\"bad.example\",state=\"pending\"} 1\n"));
  EXPECT_THAT(metrics->body, ::testing::HasSubstr("mtasts_exporter_domains_pending 1\n"));
  EXPECT_EQ(get("/-/healthy")->status, 200);
  EXPECT_EQ(get("/-/ready")->status, 200);
  ready_ = false;
  EXPECT_EQ(get("/-/ready")->status, 503);
}

TEST_F(RoutesTest, MetricsOfSomeDomainsOrFamilies) {
  const std::string one = get("/metrics?domain=GOOD.example.")->body;
  EXPECT_THAT(one, ::testing::HasSubstr("mtasts_domain_state{domain=\"good.example\",state=\"ok\"} 1\n"));
  EXPECT_THAT(one, ::testing::Not(::testing::HasSubstr("bad.example")));
  EXPECT_THAT(one, ::testing::Not(::testing::HasSubstr("mtasts_exporter_domains")));
  EXPECT_EQ(get("/metrics?domain=good.example&domain=other.example")->status, 404);
  EXPECT_EQ(
      get("/metrics?name[]=mtasts_probe_success&name[]=mtasts_exporter_domains_pending")->body,
      "# HELP mtasts_probe_success Whether record and policy are valid and every MX is covered and verified; 0 also "
      "without MTA-STS.\n# TYPE mtasts_probe_success gauge\nmtasts_probe_success{domain=\"good.example\"} 1\n"
      "# HELP mtasts_exporter_domains_pending Domains of which no probe has ended yet.\n"
      "# TYPE mtasts_exporter_domains_pending gauge\nmtasts_exporter_domains_pending 1\n");
  EXPECT_EQ(get("/metrics?name%5B%5D=no_such_family")->body, "");
}

TEST_F(RoutesTest, MetricsAreTheSameCompressed) {
  const std::string path =
      "/metrics?name[]=mtasts_domain_state&name[]=mtasts_probe_success&name[]=mtasts_exporter_domains_pending";
  const auto packed = get(path, {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(packed->get_header_value("Content-Encoding"), "gzip");
  const auto plain = get(path, {{"Accept-Encoding", "identity"}});
  EXPECT_FALSE(plain->has_header("Content-Encoding"));
  EXPECT_EQ(packed->body, plain->body);
  EXPECT_THAT(plain->body, ::testing::EndsWith("mtasts_exporter_domains_pending 1\n"));
}

TEST_F(RoutesTest, ReloadByPostOnly) {
  httplib::Client client{"127.0.0.1", port_};
  EXPECT_EQ(client.Get("/-/reload")->status, 405);
  EXPECT_EQ(client.Post("/-/reload")->status, 200);
  reload_ok_ = false;
  const auto failed = client.Put("/-/reload");
  EXPECT_EQ(failed->status, 500);
  EXPECT_THAT(failed->body, ::testing::HasSubstr("line 3: no"));
}

TEST_F(RoutesTest, ServiceDiscoveryAndJson) {
  EXPECT_EQ(get("/sd")->body,
            R"([{"targets":["bad.example"],"labels":{"team":"mail"}},{"targets":["good.example"],"labels":{}}])"
            "\n");
  EXPECT_EQ(boost::json::parse(get("/api/v1/domains")->body).as_array().size(), 2U);
  const auto one = boost::json::parse(get("/api/v1/domains/Good.Example.")->body);
  EXPECT_EQ(one.at("state").as_string(), "ok");
  EXPECT_EQ(get("/api/v1/domains/other.example")->status, 404);
}

TEST_F(RoutesTest, Pages) {
  const auto landing = get("/");
  EXPECT_THAT(landing->body, ::testing::HasSubstr("<a href=\"/domains/good.example\">"));
  EXPECT_THAT(landing->get_header_value("Content-Security-Policy"), ::testing::StartsWith("default-src 'none'"));
  EXPECT_EQ(get("/domains/good.example")->status, 200);
  EXPECT_EQ(get("/domains/other.example")->status, 404);
  EXPECT_EQ(get("/?page=x&sort=<b>")->status, 200);
  EXPECT_EQ(get("/style.css")->get_header_value("Content-Type"), "text/css; charset=utf-8");
  EXPECT_THAT(get("/runbooks")->body, ::testing::HasSubstr("id=\"starttls-not-supported\""));
}

TEST_F(RoutesTest, EveryPageIsFencedIn) {
  for (const char* path : {"/", "/domains/good.example", "/domains/other.example", "/reports", "/runbooks", "/check",
                           "/check?domain=good.example", "/check?domain=-bad-", "/check?domain=other.example"}) {
    const auto page = get(path);
    EXPECT_EQ(page->get_header_value("Content-Security-Policy"),
              "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
        << path;
    EXPECT_EQ(page->get_header_value("X-Content-Type-Options"), "nosniff") << path;
    EXPECT_EQ(page->get_header_value("Referrer-Policy"), "no-referrer") << path;
    EXPECT_EQ(page->get_header_value("Cache-Control"), "no-store") << path;
  }
}

TEST_F(RoutesTest, CheckProbesUnderTheRuleOfProbe) {
  const auto good = get("/check?domain=+Good.Example.+");
  EXPECT_EQ(good->status, 200);
  EXPECT_EQ(limit_, milliseconds{60000});
  EXPECT_THAT(good->body, ::testing::HasSubstr("Probed for this page"));
  EXPECT_EQ(get("/check")->status, 200);
  EXPECT_EQ(get("/check?domain=-bad-")->status, 400);
  const auto refused = get("/check?domain=other.example");
  EXPECT_EQ(refused->status, 404);
  EXPECT_THAT(refused->body, ::testing::HasSubstr("probe.allow_unconfigured: true"));
}

TEST_F(RoutesTest, WithoutAStoreThereIsNoChain) {
  EXPECT_EQ(get("/domains/good.example/chain.pem?host=mta-sts.good.example&address=127.0.0.1")->status, 404);
  EXPECT_EQ(get("/domains/other.example/chain.pem")->status, 404);
}

TEST_F(RoutesTest, Probe) {
  const auto result = get("/probe?target=good.example", {{"X-Prometheus-Scrape-Timeout-Seconds", "10"}});
  EXPECT_EQ(limit_, milliseconds{9500});
  EXPECT_THAT(result->body, ::testing::HasSubstr("\nprobe_success 1\n"));
  EXPECT_THAT(result->body, ::testing::Not(::testing::HasSubstr("bad.example")));
  EXPECT_EQ(get("/probe")->status, 400);
  EXPECT_EQ(get("/probe?target=-bad-")->status, 400);
  EXPECT_EQ(get("/probe?target=other.example")->status, 404);
  overloaded_ = true;
  const auto too_many = get("/probe?target=good.example");
  EXPECT_EQ(too_many->status, 503);
  EXPECT_EQ(too_many->get_header_value("Retry-After"), "10");
}

}  // namespace
}  // namespace mtasts
