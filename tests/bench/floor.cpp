// The floor: the network work of a probe and nothing else. Five DNS queries, one verified HTTPS fetch and one verified
// STARTTLS session per domain, on coroutines of one thread, with one SSL_CTX; no analysis, no schedule, no memory of
// anything. Prints its cost as one line of JSON. README.md says how the benchmark uses it.
// SPDX-License-Identifier: Apache-2.0
#include <arpa/nameser.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <resolv.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/cost.h"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

struct Options {
  std::string domains{};  // a file, one a line
  std::size_t concurrency{64};
  std::string dns{};  // ADDRESS:PORT
  std::uint16_t https_port{};
  std::uint16_t smtp_port{};
  std::string ca_file{};
  unsigned timeout{60};  // seconds, for each connection; a DNS query has five, three times
};

/// Why a domain did not make it: the peer was silent until the time was up, or anything else.
struct Failure : std::runtime_error {
  Failure(const std::string& what, bool time_is_up) : std::runtime_error(what), timeout(time_is_up) {}
  bool timeout;
};

/// A socket whose waits end when its time is up. The timer's handler may be queued when the owner is gone, so both
/// share the state; it cancels and never closes, since a TLS session may still be on the descriptor.
template <class Socket>
class Limited {
 public:
  Limited(const asio::any_io_executor& executor, std::chrono::seconds limit)
      : state_(std::make_shared<State>(executor)), timer_(executor, limit) {
    timer_.async_wait([state = state_](const boost::system::error_code& error) {
      if (error) return;
      state->expired = true;
      boost::system::error_code ignored;
      state->socket.cancel(ignored);
    });
  }
  ~Limited() {
    boost::system::error_code ignored;
    state_->socket.close(ignored);
  }
  Limited(const Limited&) = delete;
  Limited& operator=(const Limited&) = delete;

  Socket& socket() { return state_->socket; }

  /// Errors: Failure when an operation ended badly, or the time is up.
  void check(const boost::system::error_code& error, const char* doing) const {
    if (error || state_->expired) throw Failure(std::string(doing) + ": " + error.message(), state_->expired);
  }

 private:
  struct State {
    explicit State(const asio::any_io_executor& executor) : socket(executor) {}
    Socket socket;
    bool expired{};
  };
  std::shared_ptr<State> state_;
  asio::steady_timer timer_;
};

// ---- DNS: the C library writes and reads the messages ----

using Message = std::vector<unsigned char>;
constexpr std::size_t kMaxAnswer = 1232;
constexpr std::chrono::seconds kDnsTimeout{5};
constexpr int kDnsAttempts = 3;

Message query_for(const std::string& name, int type) {
  static thread_local struct __res_state state {};
  if ((state.options & RES_INIT) == 0 && res_ninit(&state) != 0) throw std::runtime_error("res_ninit");
  Message message(NS_PACKETSZ);
  const int size = res_nmkquery(&state, ns_o_query, name.c_str(), ns_c_in, type, nullptr, 0, nullptr, message.data(),
                                static_cast<int>(message.size()));
  if (size < 0) throw std::runtime_error("no query for " + name);
  message.resize(static_cast<std::size_t>(size));
  return message;
}

/// The first record of that type. Errors: Failure when there is none.
ns_rr first_record(std::span<const unsigned char> answer, int type, ns_msg& message) {
  if (ns_initparse(answer.data(), static_cast<int>(answer.size()), &message) != 0) throw Failure("DNS: garbage", false);
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record{};
    if (ns_parserr(&message, ns_s_an, i, &record) == 0 && ns_rr_type(record) == type) return record;
  }
  throw Failure("DNS: no record", false);
}

// ---- TLS on the raw descriptor ----

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSession {
  void operator()(SSL* session) const { SSL_free(session); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, FreeContext>;
using SessionPtr = std::unique_ptr<SSL, FreeSession>;

ContextPtr make_context(const std::string& ca_file) {
  ContextPtr context{SSL_CTX_new(TLS_client_method())};
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) != 1) throw std::runtime_error("no roots: " + ca_file);
  return context;
}

/// One connection, in clear text and then in TLS.
class Connection {
 public:
  Connection(const asio::any_io_executor& executor, SSL_CTX* context, std::chrono::seconds limit)
      : tcp_(executor, limit), session_(SSL_new(context)) {}

  asio::awaitable<void> connect(tcp::endpoint peer) {
    tcp_.socket().open(peer.protocol());
    const auto [error] = co_await tcp_.socket().async_connect(peer, kAwait);
    tcp_.check(error, "connect");
    tcp_.socket().set_option(tcp::no_delay(true));
    tcp_.socket().native_non_blocking(true);
  }

  /// A certificate that does not hold for the name ends the handshake.
  asio::awaitable<void> start_tls(std::string name) {
    SSL_set_fd(session_.get(), tcp_.socket().native_handle());
    SSL_set_tlsext_host_name(session_.get(), name.c_str());
    SSL_set1_host(session_.get(), name.c_str());
    for (int result = step([this] { return SSL_connect(session_.get()); }); result != 1;) {
      co_await wait_for(result, "handshake");
      result = step([this] { return SSL_connect(session_.get()); });
    }
    secure_ = true;
  }

  asio::awaitable<void> write(std::string text) {
    if (!secure_) {
      const auto [error, size] = co_await asio::async_write(tcp_.socket(), asio::buffer(text), kAwait);
      tcp_.check(error, "write");
      co_return;
    }
    const auto write_all = [&] { return SSL_write(session_.get(), text.data(), static_cast<int>(text.size())); };
    for (int result = step(write_all); result <= 0;) {
      co_await wait_for(result, "write");
      result = step(write_all);
    }
  }

  /// Appends what comes. Returns whether anything did: false at the end of the stream.
  asio::awaitable<bool> read(std::string& into) {
    std::array<char, 4096> buffer{};
    if (!secure_) {
      const auto [error, size] = co_await tcp_.socket().async_read_some(asio::buffer(buffer), kAwait);
      tcp_.check(error, "read");
      into.append(buffer.data(), size);
      co_return true;
    }
    const auto read_some = [&] { return SSL_read(session_.get(), buffer.data(), static_cast<int>(buffer.size())); };
    int result = step(read_some);
    while (result <= 0) {
      if (SSL_get_error(session_.get(), result) == SSL_ERROR_ZERO_RETURN) co_return false;
      co_await wait_for(result, "read");
      result = step(read_some);
    }
    into.append(buffer.data(), static_cast<std::size_t>(result));
    co_return true;
  }

  void say_goodbye() { SSL_shutdown(session_.get()); }

 private:
  template <class Operation>
  static int step(Operation operation) {
    ERR_clear_error();
    return operation();
  }

  /// Waits for what OpenSSL needs. Errors: Failure when it needs nothing, because the session is broken.
  asio::awaitable<void> wait_for(int result, const char* doing) {
    tcp_.check({}, doing);
    const int reason = SSL_get_error(session_.get(), result);
    if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) {
      const long verified = SSL_get_verify_result(session_.get());
      throw Failure(std::string(doing) + ": TLS failed: " + X509_verify_cert_error_string(verified), false);
    }
    const auto kind = reason == SSL_ERROR_WANT_READ ? tcp::socket::wait_read : tcp::socket::wait_write;
    const auto [error] = co_await tcp_.socket().async_wait(kind, kAwait);
    tcp_.check(error, doing);
  }

  Limited<tcp::socket> tcp_;  // outlives session_, which is on its descriptor
  SessionPtr session_;
  bool secure_{};
};

// ---- one domain ----

/// All that the domains share, and what came of them.
class Floor {
 public:
  Floor(asio::io_context& context, const Options& options)
      : executor_(context.get_executor()),
        options_(options),
        tls_(make_context(options.ca_file)),
        domains_(mtasts::bench::read_lines(options.domains)) {
    const auto colon = options.dns.rfind(':');
    const auto port = static_cast<std::uint16_t>(std::stoi(options.dns.substr(colon + 1)));
    dns_ = udp::endpoint(asio::ip::make_address(options.dns.substr(0, colon)), port);
  }

  /// Takes domain after domain until none is left.
  asio::awaitable<void> work() {
    while (next_ < domains_.size()) {
      const std::string domain = domains_[next_++];
      bool found = true;
      std::string exchange;
      try {
        co_await ask("_mta-sts." + domain, ns_t_txt);
        co_await ask("_smtp._tls." + domain, ns_t_txt);
        exchange = co_await find_exchange(domain);
      } catch (const Failure& failure) {
        count(failure);
        found = false;
      }
      co_await fetch_policy("mta-sts." + domain);
      if (found) co_await greet(exchange);
    }
  }

  std::size_t domains() const { return domains_.size(); }
  std::size_t sessions() const { return sessions_; }
  std::size_t timeouts() const { return timeouts_; }
  const std::map<std::string, std::size_t>& failures() const { return failures_; }

 private:
  void count(const Failure& failure) {
    if (failure.timeout)
      ++timeouts_;
    else
      ++failures_[failure.what()];
  }

  /// One query on a socket of its own, and so from a port that nobody can guess.
  asio::awaitable<Message> ask(std::string name, int type) {
    const Message query = query_for(name, type);
    Message answer(kMaxAnswer);
    for (int attempt = 1;; ++attempt) {
      Limited<udp::socket> limited(executor_, kDnsTimeout);
      limited.socket().open(udp::v4());
      limited.socket().connect(dns_);
      limited.socket().send(asio::buffer(query));
      const auto [error, size] = co_await limited.socket().async_receive(asio::buffer(answer), kAwait);
      if (error && attempt < kDnsAttempts) continue;  // UDP loses some
      limited.check(error, "DNS");
      answer.resize(size);
      if (size < 2 || !std::equal(query.begin(), query.begin() + 2, answer.begin())) throw Failure("DNS: id", false);
      ns_msg message{};
      first_record(answer, type, message);
      co_return answer;
    }
  }

  asio::awaitable<std::string> find_exchange(std::string domain) {
    const Message answer = co_await ask(std::move(domain), ns_t_mx);
    ns_msg message{};
    const ns_rr record = first_record(answer, ns_t_mx, message);
    std::array<char, NS_MAXDNAME> name{};
    const auto* exchange = ns_rr_rdata(record) + NS_INT16SZ;
    if (dn_expand(ns_msg_base(message), ns_msg_end(message), exchange, name.data(), name.size()) < 0)
      throw Failure("DNS: MX", false);
    co_return std::string(name.data());
  }

  asio::awaitable<tcp::endpoint> find_address(std::string name, std::uint16_t port) {
    const Message answer = co_await ask(std::move(name), ns_t_a);
    ns_msg message{};
    const ns_rr record = first_record(answer, ns_t_a, message);
    asio::ip::address_v4::bytes_type octets{};
    if (ns_rr_rdlen(record) != octets.size()) throw Failure("DNS: A", false);
    std::copy_n(ns_rr_rdata(record), octets.size(), octets.begin());
    co_return tcp::endpoint(asio::ip::address_v4(octets), port);
  }

  asio::awaitable<void> fetch_policy(std::string host) {
    try {
      const tcp::endpoint peer = co_await find_address(host, options_.https_port);
      Connection connection(executor_, tls_.get(), std::chrono::seconds(options_.timeout));
      co_await connection.connect(peer);
      co_await connection.start_tls(host);
      co_await connection.write("GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: " + host +
                                "\r\nConnection: close\r\n\r\n");
      std::string response;
      while (co_await connection.read(response)) continue;
      connection.say_goodbye();
      if (!response.starts_with("HTTP/1.1 200 ") || response.find("version: STSv1") == std::string::npos)
        throw Failure("no policy", false);
      ++sessions_;
    } catch (const Failure& failure) {
      count(failure);
    }
  }

  /// Does the text end with the last line of a reply, `250 ` and not `250-`?
  static bool is_whole(std::string_view reply) {
    if (!reply.ends_with("\r\n")) return false;
    const auto before = reply.rfind('\n', reply.size() - 2);
    const std::string_view line = reply.substr(before == std::string_view::npos ? 0 : before + 1);
    return line.size() > 3 && line[3] == ' ';
  }

  static asio::awaitable<void> expect(Connection& connection, std::string code) {
    std::string reply;
    while (!is_whole(reply)) {
      const bool more = co_await connection.read(reply);
      if (!more) throw Failure("SMTP: closed", false);
    }
    if (!reply.starts_with(code)) throw Failure("SMTP: no " + code, false);
  }

  asio::awaitable<void> greet(std::string host) {
    try {
      const tcp::endpoint peer = co_await find_address(host, options_.smtp_port);
      Connection connection(executor_, tls_.get(), std::chrono::seconds(options_.timeout));
      co_await connection.connect(peer);
      co_await expect(connection, "220");
      co_await connection.write("EHLO probe.lab.test\r\n");
      co_await expect(connection, "250");
      co_await connection.write("STARTTLS\r\n");
      co_await expect(connection, "220");
      co_await connection.start_tls(host);
      co_await connection.write("EHLO probe.lab.test\r\n");
      co_await expect(connection, "250");
      co_await connection.write("QUIT\r\n");
      co_await expect(connection, "221");
      connection.say_goodbye();
      ++sessions_;
    } catch (const Failure& failure) {
      count(failure);
    }
  }

  asio::any_io_executor executor_;
  const Options& options_;
  ContextPtr tls_;
  std::vector<std::string> domains_;
  udp::endpoint dns_;
  std::size_t next_{};
  std::size_t sessions_{};
  std::size_t timeouts_{};
  std::map<std::string, std::size_t> failures_;  // by what went wrong
};

Options read_options(int argc, char** argv) {
  Options options;
  CLI::App app{"Does a probe's network work for each domain, and nothing else; prints what that cost."};
  app.add_option("--domains", options.domains, "a file, one a line")->required()->check(CLI::ExistingFile);
  app.add_option("--concurrency", options.concurrency, "domains in flight")->capture_default_str();
  app.add_option("--dns", options.dns, "ADDRESS:PORT of the resolver")->required();
  app.add_option("--https-port", options.https_port, "of every policy host")->required();
  app.add_option("--smtp-port", options.smtp_port, "of every MX host")->required();
  app.add_option("--ca-file", options.ca_file, "trusted roots")->required();
  app.add_option("--timeout", options.timeout, "seconds, for each connection")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return options;
}

void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

void measure(const Options& options) {
  asio::io_context context{1};
  Floor floor{context, options};
  const mtasts::bench::Meter meter;
  for (std::size_t i = 0; i < options.concurrency; ++i) asio::co_spawn(context, floor.work(), rethrow);
  context.run();
  std::cout << "{\"domains\": " << floor.domains() << ", \"sessions\": " << floor.sessions()
            << ", \"timeouts\": " << floor.timeouts() << ", ";
  meter.render(std::cout);
  std::cout << ", \"failures\": {";
  const char* separator = "";
  for (const auto& [what, count] : floor.failures()) {
    std::cout << separator << '"' << what << "\": " << count;
    separator = ", ";
  }
  std::cout << "}}" << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    measure(options);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "floor: " << error.what() << '\n';
    return 1;
  }
}
