// SPDX-License-Identifier: Apache-2.0
#include "exporter/http_server.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>

#include "exporter/body_gate.h"
#include "exporter/log.h"
#include "exporter/peer_source.h"
#include "exporter/request_queue.h"
#include "exporter/route_table.h"
#include "exporter/worker_pool.h"
#include "probes/core/domain_name.h"

namespace mtasts {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;
using PlainStream = beast::tcp_stream;
using TlsContext = std::shared_ptr<asio::ssl::context>;
using WireParser = http::request_parser<http::buffer_body>;
using WireResponse = http::response<http::string_body>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// How often a connection whose answer is being made is looked at: is the client still there?
constexpr std::chrono::milliseconds kDisconnectCheck{200};
constexpr std::chrono::seconds kTlsShutdown{1};
/// How long and how much is read from a client that has had its last answer.
constexpr std::chrono::seconds kLinger{1};
constexpr std::size_t kLingerBytes = 1 << 20;
/// A body is read in pieces of this size, so that it takes room only as it comes.
constexpr std::size_t kBodyPiece = std::size_t{16} * 1024;
constexpr const char* kRetryAfterSeconds = "60";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// The client closed its side, or the connection broke. Works for TLS too, where a read would take octets away.
bool peer_gone(int descriptor) {
  pollfd watched{};
  watched.fd = descriptor;
  watched.events = POLLRDHUP;
  return poll(&watched, 1, 0) > 0 && (watched.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

HttpResponse plain_response(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(text) + "\n";
  return response;
}

HttpResponse too_large_response(std::size_t limit) {
  return plain_response(413, "The body is too large: at most " + std::to_string(limit) + " octets are taken here.");
}

HttpResponse no_room_response() {
  HttpResponse response = plain_response(503, "Too many bodies are being received; send it again later.");
  response.headers.emplace_back("Retry-After", kRetryAfterSeconds);
  return response;
}

std::string endpoint_text(const tcp::endpoint& peer) {
  const std::string address = peer.address().to_string();
  return (peer.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(peer.port());
}

/// The options in force, immutable once made.
struct ActiveOptions {
  WebOptions web{};
  TlsContext tls{};
};

std::string host_and_port(const std::string& host, std::uint16_t port) {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

/// What to do about an address that cannot be listened on.
std::string listen_advice(const error_code& error) {
  if (error == asio::error::address_in_use) return "end what listens there, or choose another port";
  if (error == asio::error::access_denied)
    return "choose a port from 1024 on, or give the process CAP_NET_BIND_SERVICE";
  if (error == boost::system::errc::address_not_available)
    return "write an address of this machine, or :PORT for all of them";
  const bool lookup =
      error.category() == asio::error::get_netdb_category() || error.category() == asio::error::get_addrinfo_category();
  if (lookup) return "write a name that resolves on this machine, an IP address, or :PORT for every address";
  return "choose another address";
}

/// A host name counts for one of its addresses, IPv4 rather than IPv6, as in other exporters (Go's net.Listen).
/// Errors: boost::system::system_error.
asio::ip::address address_of(asio::io_context& io, const std::string& host) {
  error_code is_name;
  asio::ip::address literal = asio::ip::make_address(host, is_name);
  if (!is_name) return literal;
  const auto found = tcp::resolver{io}.resolve(host, "");
  const auto v4 = std::ranges::find_if(found, [](const auto& entry) { return entry.endpoint().address().is_v4(); });
  return (v4 == found.end() ? found.begin() : v4)->endpoint().address();
}

/// One request, from its headers to its answer.
struct Exchange {
  std::shared_ptr<HttpRequest> request{std::make_shared<HttpRequest>()};
  std::shared_ptr<const Route> route{};   // nullptr: no such page
  std::optional<HttpResponse> refusal{};  // the answer, when it is known before a handler has seen the request
  std::shared_ptr<BodyPlace> place{};     // of a large body
  std::size_t body_bytes{};               // limit
  unsigned version{11};
  bool head{};              // the method
  bool may_gzip{};          // the client takes it
  bool expects_continue{};  // the client waits for a word before it sends the body (RFC 9110 section 10.1.1)
  bool keep{};              // the connection outlives the exchange
};

/// An answer on its way from a handler to the connection that waits for it; used on the I/O thread only.
struct Pending {
  explicit Pending(const asio::any_io_executor& executor) : ready{executor} {}

  asio::steady_timer ready;
  std::optional<HttpResponse> response{};
};

/// The body of an answer that is made while it is sent.
struct PieceSource {
  std::function<bool(std::string& piece)> more{};
  std::function<bool(GzipStream& body)> more_gzip{};
  std::optional<GzipStream> gzip{};
  bool ended{};
  std::size_t octets{};  // made so far, before compression

  /// The next octets to send; may be empty.
  std::string next() { return gzip ? next_of_gzip() : next_of_text(); }

 private:
  std::string next_of_text() {
    std::string text;
    ended = !more(text);
    octets += text.size();
    return text;
  }

  std::string next_of_gzip() {
    if (more_gzip) {
      ended = !more_gzip(*gzip);
    } else {
      gzip->add(next_of_text());
    }
    octets = gzip->text_octets();
    if (ended) gzip->finish();
    return gzip->take();
  }
};

/// A piece on its way from a worker to the connection that sends it; used on the I/O thread only.
struct PendingPiece {
  explicit PendingPiece(const asio::any_io_executor& executor) : ready{executor} {}

  asio::steady_timer ready;
  std::optional<std::string> piece{};  // nullopt at `done`: it could not be made
  bool done{};
};

/// One open connection, as the cap and stop() see it; used on the I/O thread only.
struct Connection {
  explicit Connection(tcp::socket accepted) : stream{std::move(accepted)} {}

  PlainStream stream;
  std::shared_ptr<const ActiveOptions> options{};  // that it was taken in by
  std::string peer{};
  bool waiting{true};  // for a complete request: may be closed to make room
  bool gave_way{};     // its body had to make room for another
  std::chrono::steady_clock::time_point since{std::chrono::steady_clock::now()};
  std::stop_source gone{};

  void close() {
    gone.request_stop();
    stream.close();
  }

  /// Ends the reading of its body; its client is still told why.
  void give_way() {
    gave_way = true;
    stream.cancel();
  }
};

}  // namespace

class HttpServer::Core : public std::enable_shared_from_this<HttpServer::Core> {
 public:
  explicit Core(HttpLimits limits)
      : limits_{limits},
        workers_{std::max<std::size_t>(limits.workers, 1), limits.connections},
        slow_workers_{std::max<std::size_t>(limits.slow_workers, 1), limits.connections} {}

  RouteTable& routes() { return routes_; }

  std::optional<std::string> set_options(WebOptions options) {
    try {
      auto next = std::make_shared<ActiveOptions>();
      if (options.tls) next->tls = make_web_tls_context(*options.tls);
      next->web = std::move(options);
      const std::scoped_lock lock{options_mutex_};
      asio::post(io_, [this] { close_outdated(); });  // waits for the lock
      options_ = std::move(next);
      return std::nullopt;
    } catch (const std::exception& error) {
      return std::string{"TLS: "} + error.what();
    }
  }

  std::uint16_t listen(const ListenAddress& address) {
    try {
      if (!address.host.empty()) return bind({address_of(io_, address.host), address.port}, true);
      return bind_every_address(address.port);
    } catch (const boost::system::system_error& error) {
      throw std::runtime_error{"cannot listen on " + host_and_port(address.host, address.port) + " (" +
                               error.code().message() + "); " + listen_advice(error.code())};
    }
  }

  void start() {
    for (auto& acceptor : acceptors_) accept_on(acceptor);
    io_thread_ = std::thread{[this] { run_loop(io_); }};
  }

  std::function<void(std::function<void()>)> slow_workers() {
    return [core = weak_from_this()](std::function<void()> task) {
      const auto alive = core.lock();
      if (alive)
        asio::post(alive->slow_workers_.pool().get_executor(),
                   [core, task = std::move(task)] { run_task(core, task); });
    };
  }

  void stop() {
    if (std::exchange(stopped_, true)) return;
    asio::post(io_, [this] { close_all(); });
    if (io_thread_.joinable()) io_thread_.join();
    for (WorkerPool* pool : {&door_, &workers_.pool(), &slow_workers_.pool()}) pool->stop();
  }

  /// Begins again when there was no memory for a connection: nobody else would listen.
  void accept_on(tcp::acceptor& acceptor) {
    asio::co_spawn(io_, accept_loop(acceptor), [this, &acceptor](const std::exception_ptr& error) {
      if (!error || !acceptor.is_open()) return;
      log_error("a connection could not be taken; the listener goes on");
      accept_on(acceptor);
    });
  }

  void after_a_turn(std::function<void()> task) {
    asio::post(io_, [this, task = std::move(task)] { asio::post(workers_.pool().get_executor(), task); });
  }

  std::size_t connections() const { return open_.load(); }

 private:
  using ConnectionPtr = std::shared_ptr<Connection>;

  std::uint16_t bind(const tcp::endpoint& endpoint, bool v6_only) {
    tcp::acceptor acceptor{io_};
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    if (endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(v6_only));
    acceptor.bind(endpoint);
    acceptor.listen();
    acceptors_.push_back(std::move(acceptor));
    return acceptors_.back().local_endpoint().port();
  }

  /// One socket for both families; IPv4 alone on a machine without IPv6.
  std::uint16_t bind_every_address(std::uint16_t port) {
    try {
      return bind({tcp::v6(), port}, false);
    } catch (const boost::system::system_error& error) {
      if (error.code() != asio::error::address_family_not_supported) throw;
      return bind({tcp::v4(), port}, true);
    }
  }

  asio::awaitable<void> accept_loop(tcp::acceptor& acceptor) {
    asio::steady_timer pause{io_};
    while (acceptor.is_open()) {
      tcp::socket socket{io_};
      auto [error] = co_await acceptor.async_accept(socket, kAwait);
      if (!acceptor.is_open()) co_return;
      if (error) {  // out of descriptors, most likely: let some close
        pause.expires_after(kDisconnectCheck);
        co_await pause.async_wait(kAwait);
        continue;
      }
      admit(std::move(socket));
    }
  }

  /// Takes a connection in, when there are too many in place of another one.
  void admit(tcp::socket socket) {
    error_code ignored;
    const std::string peer = endpoint_text(socket.remote_endpoint(ignored));
    if (list_.size() >= limits_.connections && !close_longest_idle() && !close_one_of_many(peer)) return;
    socket.set_option(tcp::no_delay(true), ignored);
    auto connection = std::make_shared<Connection>(std::move(socket));
    connection->peer = peer;
    list_.push_back(connection);
    open_ = list_.size();
    asio::co_spawn(io_, serve(connection), [this, connection](const std::exception_ptr&) {
      connection->close();
      list_.remove(connection);
      open_ = list_.size();
    });
  }

  bool close_longest_idle() {
    ConnectionPtr oldest;
    for (const ConnectionPtr& connection : list_) {
      if (connection->waiting && (!oldest || connection->since < oldest->since)) oldest = connection;
    }
    if (!oldest) return false;
    oldest->close();
    list_.remove(oldest);
    return true;
  }

  /// Closes the oldest connection of the source that has the most. Does nothing for a newcomer whose source would have
  /// as many then.
  bool close_one_of_many(const std::string& newcomer) {
    std::map<std::string, std::size_t> counts;
    for (const ConnectionPtr& connection : list_) ++counts[source_of_peer(connection->peer)];
    const auto greediest = std::ranges::max_element(counts, {}, [](const auto& count) { return count.second; });
    if (greediest == counts.end() || greediest->second <= counts[source_of_peer(newcomer)] + 1) return false;
    const auto oldest = std::ranges::find_if(
        list_, [&](const ConnectionPtr& connection) { return source_of_peer(connection->peer) == greediest->first; });
    (*oldest)->close();
    list_.erase(oldest);
    return true;
  }

  void close_all() {
    for (tcp::acceptor& acceptor : acceptors_) acceptor.close();
    for (const ConnectionPtr& connection : list_) connection->close();
  }

  /// Was a connection taken in under a TLS configuration that no longer counts?
  bool is_outdated(const Connection& connection) const {
    const auto active = options();
    return connection.options && connection.options != active && (connection.options->tls || active->tls);
  }

  void close_outdated() {
    for (const ConnectionPtr& connection : list_)
      if (connection->waiting && is_outdated(*connection)) connection->close();
  }

  std::shared_ptr<const ActiveOptions> options() const {
    const std::scoped_lock lock{options_mutex_};
    return options_;
  }

  asio::awaitable<void> serve(ConnectionPtr connection) {
    connection->options = options();
    const TlsContext tls = connection->options->tls;
    if (tls) {
      co_await serve_tls(connection, tls);
    } else {
      co_await serve_requests(connection, connection->stream);
    }
    co_await linger(connection);
  }

  asio::awaitable<void> serve_tls(ConnectionPtr connection, TlsContext tls) {
    asio::ssl::stream<PlainStream&> stream{connection->stream, *tls};
    connection->stream.expires_after(limits_.request);
    auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, kAwait);
    if (error) co_return;
    co_await serve_requests(connection, stream);
    connection->stream.expires_after(kTlsShutdown);
    co_await stream.async_shutdown(kAwait);
  }

  /// Closes gently: a close with octets unread would reset the connection and take the answer away from the client
  /// (RFC 9112 section 9.6).
  asio::awaitable<void> linger(ConnectionPtr connection) {
    error_code ignored;
    connection->stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    connection->waiting = true;
    connection->stream.expires_after(kLinger);
    std::array<char, 4096> unread{};
    const auto room = asio::buffer(unread);
    for (std::size_t taken = 0; taken < kLingerBytes;) {
      auto [error, octets] = co_await connection->stream.async_read_some(room, kAwait);
      if (error) co_return;
      taken += octets;
    }
  }

  template <class Stream>
  asio::awaitable<void> serve_requests(ConnectionPtr connection, Stream& stream) {
    beast::flat_buffer buffer{limits_.header_bytes + limits_.body_bytes + 1024};
    for (bool again = true; again && !connection->gone.stop_requested();) {
      const bool more = co_await serve_one(connection, stream, buffer);
      again = more && !is_outdated(*connection);
    }
  }

  /// Serves one request; false when the connection ends with it.
  template <class Stream>
  asio::awaitable<bool> serve_one(ConnectionPtr connection, Stream& stream, beast::flat_buffer& buffer) {
    const bool begun = co_await request_begins(connection, stream, buffer);
    if (!begun) co_return false;
    WireParser parser;
    parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
    parser.body_limit(boost::none);  // judged by the route, once the headers are there
    connection->stream.expires_after(limits_.request);
    auto [error, octets] = co_await http::async_read_header(stream, buffer, parser, kAwait);
    Exchange exchange;
    exchange.refusal = refusal_of(error);
    if (error && !exchange.refusal) co_return false;
    if (!error) {
      read_head(*connection, parser, exchange);
      const bool there = co_await receive_body(connection, stream, buffer, parser, exchange);
      if (!there) co_return false;
    }
    const bool written = co_await answer(connection, stream, exchange);
    if (!written) co_return false;
    co_return exchange.keep;
  }

  /// Waits for the first octet, if none is there: the request's own time begins with it.
  template <class Stream>
  asio::awaitable<bool> request_begins(ConnectionPtr connection, Stream& stream, beast::flat_buffer& buffer) {
    connection->waiting = true;
    connection->since = std::chrono::steady_clock::now();
    if (buffer.size() > 0) co_return true;
    connection->stream.expires_after(limits_.keep_alive);
    auto room = buffer.prepare(1024);
    auto [error, octets] = co_await stream.async_read_some(room, kAwait);
    if (!error) buffer.commit(octets);
    co_return !error;
  }

  /// Takes over what the headers say, and decides by them whether the body is wanted.
  void read_head(const Connection& connection, const WireParser& parser, Exchange& exchange) const {
    const auto& wire = parser.get();
    HttpRequest& request = *exchange.request;
    fill_request(connection, wire, request);
    exchange.version = wire.version();
    exchange.head = wire.method() == http::verb::head;
    exchange.keep = wire.keep_alive() && !is_outdated(connection);
    exchange.may_gzip = accepts_gzip(request.header("accept-encoding").value_or(""));
    exchange.expects_continue =
        exchange.version >= 11 && to_lower(request.header("expect").value_or("")) == "100-continue";
    exchange.body_bytes = limits_.body_bytes;
    if (has_doubtful_framing(parser) || has_no_host(wire)) {
      exchange.refusal = plain_response(400, "The request is not well formed: Transfer-Encoding or Host.");
      exchange.keep = false;  // a proxy before us may see another end of it
      return;
    }
    if (!parse_target({wire.target().data(), wire.target().size()}, request.path, request.query)) {
      exchange.refusal = plain_response(400, "The request target is not well formed.");
      return;
    }
    exchange.route = routes_.find(request.path);
    if (!has_room(exchange))
      exchange.refusal = plain_response(429, "Too many requests: rate_limit of the web configuration.");
    if (takes_large_body(exchange)) exchange.body_bytes = exchange.route->options.body_bytes;
    const auto declared = parser.content_length();
    if (declared && *declared > exchange.body_bytes) exchange.refusal = too_large_response(exchange.body_bytes);
  }

  /// Coded in a way that tells nobody where the body ends, or by a client that cannot mean it (RFC 9112 sections 6.1
  /// and 6.3).
  static bool has_doubtful_framing(const WireParser& parser) {
    const auto& wire = parser.get();
    return wire.count(http::field::transfer_encoding) > 0 && (!parser.chunked() || wire.version() < 11);
  }

  /// None, or more than one (RFC 9112 section 3.2).
  static bool has_no_host(const WireParser::value_type& wire) {
    return wire.version() >= 11 && wire.count(http::field::host) != 1;
  }

  bool has_room(const Exchange& exchange) const {
    const auto active = options();
    return !active->web.has_room || (exchange.route && exchange.route->options.open) || active->web.has_room();
  }

  static bool takes_large_body(const Exchange& exchange) {
    const Route* route = exchange.route.get();
    return route && route->options.body_bytes > 0 && route->allows(exchange.request->method);
  }

  /// Reads the body, or the small one of a request that is refused, so that the connection can go on. Errors: false
  /// when nobody is there to hear the answer.
  template <class Stream>
  asio::awaitable<bool> receive_body(ConnectionPtr connection, Stream& stream, beast::flat_buffer& buffer,
                                     WireParser& parser, Exchange& exchange) {
    if (!exchange.refusal && takes_large_body(exchange)) admit_large_body(connection, exchange);
    const bool unwanted = exchange.refusal.has_value();
    const auto declared = parser.content_length().value_or(0);
    if (unwanted && (exchange.expects_continue || declared > limits_.body_bytes)) {
      exchange.keep = false;
      co_return true;
    }
    if (unwanted) exchange.body_bytes = limits_.body_bytes;
    if (exchange.expects_continue && !parser.is_done() && buffer.size() == 0) {
      const auto word = asio::buffer(kContinue);
      co_await asio::async_write(stream, word, kAwait);
    }
    co_return co_await read_body(connection, stream, buffer, parser, exchange);
  }

  /// Asks the route, then for room.
  void admit_large_body(const ConnectionPtr& connection, Exchange& exchange) {
    const RouteOptions& options = exchange.route->options;
    if (options.admit) exchange.refusal = options.admit(*exchange.request);
    if (exchange.refusal) return;
    const BodySource source{source_of_peer(connection->peer), is_loopback_peer(connection->peer)};
    BodyGate& gate = options.bodies ? *options.bodies : *gate_;
    exchange.place = gate.enter(source, [weak = std::weak_ptr{connection}] {
      const auto slow = weak.lock();  // of another server's thread, perhaps: listeners may share a gate
      if (slow) asio::dispatch(slow->stream.get_executor(), [slow] { slow->give_way(); });
    });
    if (!exchange.place) {
      exchange.refusal = no_room_response();
      return;
    }
    connection->gave_way = false;
    connection->waiting = false;  // who gives way is the gate's to say from here on
    connection->stream.expires_after(options.body);
  }

  /// Reads to the end of the body, or to its limit: then `refusal` says so. Errors: as for receive_body.
  template <class Stream>
  asio::awaitable<bool> read_body(ConnectionPtr connection, Stream& stream, beast::flat_buffer& buffer,
                                  WireParser& parser, Exchange& exchange) {
    std::string& body = exchange.request->body;
    parser.body_limit(exchange.body_bytes);
    while (!parser.is_done()) {
      const std::size_t before = body.size();
      body.resize(before + kBodyPiece);
      auto& piece = parser.get().body();
      piece.data = body.data() + before;
      piece.size = kBodyPiece;
      piece.more = true;
      auto [error, octets] = co_await http::async_read_some(stream, buffer, parser, kAwait);
      body.resize(before + kBodyPiece - piece.size);
      const bool room = !exchange.place || exchange.place->grow(body.capacity());  // what it takes, not what is in it
      if (!error && room) continue;
      if (error == http::error::need_buffer && room) continue;
      exchange.keep = false;
      body = std::string{};  // before its room is given back
      exchange.place.reset();
      if (!exchange.refusal) exchange.refusal = body_refusal(*connection, error, room, exchange.body_bytes);
      co_return exchange.refusal.has_value();
    }
    if (exchange.place && !exchange.place->complete()) {
      body = std::string{};
      exchange.place.reset();
      exchange.refusal = no_room_response();
    }
    exchange.request->room = std::move(exchange.place);
    co_return true;
  }

  static std::optional<HttpResponse> body_refusal(const Connection& connection, const error_code& error, bool room,
                                                  std::size_t limit) {
    if (connection.gave_way || !room) return no_room_response();
    if (error == http::error::body_limit) return too_large_response(limit);
    return refusal_of(error);
  }

  /// Makes the answer known and writes it. Errors: false when it could not be.
  template <class Stream>
  asio::awaitable<bool> answer(ConnectionPtr connection, Stream& stream, Exchange& exchange) {
    connection->waiting = false;
    connection->stream.expires_never();
    auto pending = std::make_shared<Pending>(stream.get_executor());
    pending->response = std::move(exchange.refusal);
    if (!pending->response) {
      begin(exchange, pending);
      co_await answer_of(connection, pending);
    }
    if (!pending->response) co_return false;
    if (pending->response->more) {
      const bool sent = co_await send_pieces(connection, stream, exchange, pending->response);
      co_return sent;
    }
    WireResponse wire = to_wire(std::move(*pending->response), exchange);
    http::response_serializer<http::string_body> serializer{wire};
    connection->stream.expires_after(limits_.response);
    if (exchange.head) {
      auto [error, octets] = co_await http::async_write_header(stream, serializer, kAwait);
      co_return !error;
    }
    auto [error, octets] = co_await http::async_write(stream, serializer, kAwait);
    co_return !error;
  }

  /// Sends an answer whose body is made piece by piece, in chunks, or to a client of HTTP/1.0 up to the end of the
  /// connection. All of it has one deadline, which moves as the body grows. Errors: false, and the client sees that the
  /// body is not complete.
  template <class Stream>
  asio::awaitable<bool> send_pieces(ConnectionPtr connection, Stream& stream, Exchange& exchange,
                                    std::optional<HttpResponse>& response) {
    const auto source = std::make_shared<PieceSource>();
    source->more = std::move(response->more);
    source->more_gzip = std::move(response->more_gzip);
    if (exchange.may_gzip) {
      source->gzip.emplace();
      response->headers.emplace_back("Content-Encoding", "gzip");
    }
    const bool chunked = exchange.version >= 11;
    if (!chunked) exchange.keep = false;
    http::response<http::empty_body> wire;
    fill_head(wire, *response, exchange);
    wire.chunked(chunked);
    http::response_serializer<http::empty_body> serializer{wire};
    const auto begun = std::chrono::steady_clock::now();
    connection->stream.expires_at(begun + limits_.response);
    auto [error, octets] = co_await http::async_write_header(stream, serializer, kAwait);
    if (error || exchange.head) co_return !error;
    while (!source->ended) {
      const std::optional<std::string> piece = co_await next_piece(connection, source, stream.get_executor());
      if (!piece) co_return false;
      const auto until = begun + limits_.response + time_for(source->octets);
      if (std::chrono::steady_clock::now() > until) co_return false;  // not every piece has something to write
      connection->stream.expires_at(until);
      const bool written = piece->empty() || co_await write_piece(stream, *piece, chunked);
      if (!written) co_return false;
    }
    if (!chunked) co_return true;
    const auto end = http::make_chunk_last();
    auto [unfinished, last] = co_await asio::async_write(stream, end, kAwait);
    co_return !unfinished;
  }

  [[nodiscard]] std::chrono::milliseconds time_for(std::size_t octets) const {
    return std::chrono::milliseconds(octets * 1000 / limits_.least_pace);
  }

  template <class Stream>
  static asio::awaitable<bool> write_piece(Stream& stream, const std::string& piece, bool chunked) {
    const auto octets = asio::buffer(piece);
    if (!chunked) {
      auto [error, size] = co_await asio::async_write(stream, octets, kAwait);
      co_return !error;
    }
    const auto chunk = http::make_chunk(octets);
    auto [error, size] = co_await asio::async_write(stream, chunk, kAwait);
    co_return !error;
  }

  /// Has a worker make the next piece. Errors: nullopt when it cannot be made, or when the client has gone.
  asio::awaitable<std::optional<std::string>> next_piece(ConnectionPtr connection, std::shared_ptr<PieceSource> source,
                                                         asio::any_io_executor executor) {
    const auto pending = std::make_shared<PendingPiece>(executor);
    asio::post(workers_.pool().get_executor(), [this, source, pending] {
      std::optional<std::string> piece = made_piece(*source);
      asio::post(io_, [pending, piece = std::move(piece)]() mutable {
        pending->piece = std::move(piece);
        pending->done = true;
        pending->ready.cancel();
      });
    });
    while (!pending->done) {
      pending->ready.expires_after(kDisconnectCheck);
      co_await pending->ready.async_wait(kAwait);
      if (!connection->stream.socket().is_open()) co_return std::nullopt;
    }
    co_return std::move(pending->piece);
  }

  static std::optional<std::string> made_piece(PieceSource& source) {
    try {
      return source.next();
    } catch (const std::exception& error) {
      log_error("an answer could not be completed", {{"error", error.what()}});
      return std::nullopt;
    }
  }

  /// What a request that cannot be read gets; nullopt when it can, or when nobody is there to hear it.
  static std::optional<HttpResponse> refusal_of(const error_code& error) {
    if (!error) return std::nullopt;
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      return plain_response(431, "The request's headers are too large.");
    }
    if (error == beast::error::timeout) return std::nullopt;
    if (error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      return plain_response(400, "This is not an HTTP/1.1 request.");
    }
    return std::nullopt;
  }

  static void run_task(const std::weak_ptr<Core>& core, const std::function<void()>& task) {
    const auto alive = core.lock();  // its members stay while the task uses them
    if (!alive) return;
    try {
      task();
    } catch (const std::exception& error) {
      log_error("a page could not be made", {{"error", error.what()}});
    }
  }

  /// Hands a request to a worker. The connection owns it: it ends with the connection, even while it waits.
  void begin(const Exchange& exchange, const std::shared_ptr<Pending>& pending) {
    const std::weak_ptr<HttpRequest> owned = exchange.request;
    RequestQueue& queue = exchange.route && exchange.route->options.slow ? slow_workers_ : workers_;
    const Respond respond = responder(pending, exchange.may_gzip, queue.pool());
    const std::function<void()> task = [this, owned, route = exchange.route, respond] {
      const auto request = owned.lock();
      if (request) handle(std::move(*request), route.get(), respond);
    };
    if (is_let_in(exchange)) return queue.push(owned, task);
    if (logins_ >= limits_.logins) return respond(plain_response(503, "Too many passwords wait to be judged."));
    ++logins_;
    std::shared_ptr<void> place(nullptr, [this](void*) { --logins_; });  // whatever becomes of the task
    asio::post(door_.get_executor(), [this, owned, respond, task, place = std::move(place), &queue]() mutable {
      const auto request = owned.lock();
      const bool may_come_in = request && admits(*request);
      place.reset();
      if (may_come_in) return queue.push(owned, task);
      HttpResponse response = plain_response(401, "Unauthorized");
      response.headers.emplace_back("WWW-Authenticate", "Basic");
      respond(std::move(response));
    });
  }

  /// Without a look at a password.
  bool is_let_in(const Exchange& exchange) const {
    const auto active = options();
    if (!active->web.authenticate || (exchange.route && exchange.route->options.open)) return true;
    return active->web.remembers && active->web.remembers(exchange.request->header("authorization").value_or(""));
  }

  bool admits(const HttpRequest& request) const {
    const auto active = options();
    return !active->web.authenticate || active->web.authenticate(request.header("authorization").value_or(""));
  }

  static void fill_request(const Connection& connection, const WireParser::value_type& wire, HttpRequest& request) {
    request.method = std::string{wire.method_string()};
    for (const auto& field : wire) {
      request.headers.try_emplace(to_lower({field.name_string().data(), field.name_string().size()}),
                                  std::string{field.value()});
    }
    request.peer = connection.peer;
    request.disconnected = connection.gone.get_token();
  }

  /// The function that a handler answers with: compresses on a worker, then wakes the connection. It outlives the
  /// server harmlessly, because it holds neither the server nor the connection.
  Respond responder(const std::shared_ptr<Pending>& pending, bool may_gzip, WorkerPool& pool) {
    return [core = weak_from_this(), waiting = std::weak_ptr{pending}, may_gzip, &pool](HttpResponse response) {
      const auto alive = core.lock();
      if (!alive) return;
      auto shared = std::make_shared<HttpResponse>(std::move(response));
      asio::dispatch(pool.get_executor(), [core, waiting, may_gzip, shared] {
        const auto server = core.lock();
        if (!server) return;
        if (may_gzip) server->try_to_compress(*shared);
        asio::post(server->io_, [waiting, shared] {
          const auto target = waiting.lock();
          if (!target || target->response) return;
          target->response = std::move(*shared);
          target->ready.cancel();
        });
      });
    };
  }

  /// Without the memory for it the response goes out as it is.
  void try_to_compress(HttpResponse& response) const {
    if (response.body.size() < limits_.gzip_from_bytes) return;
    try {
      std::string compressed = gzip(response.body);
      response.headers.emplace_back("Content-Encoding", "gzip");
      response.body = std::move(compressed);
    } catch (const std::bad_alloc&) {
      return;
    }
  }

  /// Waits for the answer, watching whether the client is still there.
  asio::awaitable<void> answer_of(ConnectionPtr connection, std::shared_ptr<Pending> pending) {
    const auto deadline = std::chrono::steady_clock::now() + limits_.handler;
    while (!pending->response) {
      pending->ready.expires_after(kDisconnectCheck);
      co_await pending->ready.async_wait(kAwait);
      if (pending->response) co_return;
      if (!connection->stream.socket().is_open()) co_return;
      if (peer_gone(connection->stream.socket().native_handle())) connection->gone.request_stop();
      if (connection->gone.stop_requested()) co_return;
      if (std::chrono::steady_clock::now() > deadline) pending->response = plain_response(503, "No answer in time.");
    }
  }

  void handle(HttpRequest request, const Route* route, const Respond& respond) {
    try {
      call_handler(std::move(request), route, respond);
    } catch (const std::exception& error) {
      respond(plain_response(500, std::string{"Internal error: "} + error.what()));
    }
  }

  void call_handler(HttpRequest request, const Route* route, const Respond& respond) {
    if (!route) return respond(plain_response(404, "There is no such page."));
    if (!route->allows(request.method)) {
      HttpResponse response = plain_response(405, "This method is not allowed here.");
      response.headers.emplace_back("Allow", route->allow_header());
      return respond(std::move(response));
    }
    route->handler(std::move(request), respond);
  }

  template <class Wire>
  void fill_head(Wire& wire, const HttpResponse& response, const Exchange& exchange) const {
    wire.result(static_cast<http::status>(response.status));
    wire.version(exchange.version);
    const auto active = options();
    for (const auto& [name, value] : active->web.headers) wire.set(name, value);
    wire.set(http::field::content_type, response.content_type);
    wire.set(http::field::vary, "Accept-Encoding");
    for (const auto& [name, value] : response.headers) wire.set(name, value);
    wire.keep_alive(exchange.keep);
  }

  WireResponse to_wire(HttpResponse response, const Exchange& exchange) const {
    WireResponse wire;
    fill_head(wire, response, exchange);
    wire.content_length(response.body.size());
    if (!exchange.head) wire.body() = std::move(response.body);
    return wire;
  }

  const HttpLimits limits_;
  asio::io_context io_{1};
  WorkerPool door_{1};  // passwords are judged here: scrapes of those who are known do not wait for that
  RequestQueue workers_;
  RequestQueue slow_workers_;
  std::atomic<std::size_t> logins_{};
  std::list<tcp::acceptor> acceptors_{};
  RouteTable routes_{};
  std::shared_ptr<BodyGate> gate_{std::make_shared<BodyGate>(limits_.large_bodies, limits_.large_bytes)};
  std::list<ConnectionPtr> list_{};
  std::atomic<std::size_t> open_{0};
  mutable std::mutex options_mutex_{};
  std::shared_ptr<const ActiveOptions> options_{std::make_shared<ActiveOptions>()};
  std::thread io_thread_{};
  bool stopped_{};
};

std::optional<std::string> HttpRequest::parameter(const std::string& name) const {
  const auto [first, last] = query.equal_range(name);
  return first == last ? std::nullopt : std::optional{first->second};
}

std::vector<std::string> HttpRequest::parameters(const std::string& name) const {
  std::vector<std::string> values;
  const auto [first, last] = query.equal_range(name);
  for (auto parameter = first; parameter != last; ++parameter) values.push_back(parameter->second);
  return values;
}

std::optional<std::string> HttpRequest::header(const std::string& lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? std::nullopt : std::optional{found->second};
}

HttpServer::HttpServer(HttpLimits limits) : core_{std::make_shared<Core>(limits)} {}
HttpServer::~HttpServer() { stop(); }

void HttpServer::route(std::vector<std::string> methods, std::string path, Handler handler, RouteOptions options) {
  core_->routes().put({std::move(methods), std::move(path), std::move(handler), std::move(options)});
}

std::function<void(std::function<void()>)> HttpServer::slow_workers() const { return core_->slow_workers(); }

void HttpServer::unroute(std::string_view path) { core_->routes().remove(path); }
std::optional<std::string> HttpServer::set_options(WebOptions options) {
  return core_->set_options(std::move(options));
}
std::uint16_t HttpServer::listen(const ListenAddress& address) { return core_->listen(address); }
void HttpServer::start() { core_->start(); }
void HttpServer::stop() { core_->stop(); }
void HttpServer::after_a_turn(std::function<void()> task) { core_->after_a_turn(std::move(task)); }
std::size_t HttpServer::connections() const { return core_->connections(); }

}  // namespace mtasts
