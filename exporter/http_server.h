// An HTTP/1.1 server in which a slow or idle client delays nobody: routes, limits, gzip, TLS and basic authentication.
// Next: routes.h, which registers what the exporter answers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/gzip_stream.h"
#include "exporter/http_text.h"
#include "exporter/web_tls.h"

namespace mtasts {

// Served with Boost.Beast, not with cpp-httplib: cpp-httplib gives every connection a thread of a small pool until the
// client lets go of it, so that nine clients which send one byte each kept a scrape waiting for 4 s. Here connections
// wait on one I/O thread, at no cost to each other, and only complete requests occupy a worker.

using HeaderList = std::vector<std::pair<std::string, std::string>>;

/// A complete request. `disconnected` fires when the client went away before the answer was there, on the I/O thread:
/// its callbacks must not block.
struct HttpRequest {
  std::string method{};
  std::string path{};  // percent-decoded, without the query
  QueryParameters query{};
  std::map<std::string, std::string> headers{};  // names in lower case; the first of a repeated one counts
  std::string body{};
  std::shared_ptr<void> room{};  // what a large body holds of HttpLimits.large_bodies until the last copy is gone
  std::string peer{};            // ADDRESS:PORT
  std::stop_token disconnected{};

  /// The value of a query parameter or header, nullopt when it is not there; the first of a repeated parameter.
  std::optional<std::string> parameter(const std::string& name) const;
  std::optional<std::string> header(const std::string& lower_case_name) const;
  /// All of them.
  std::vector<std::string> parameters(const std::string& name) const;
};

struct HttpResponse {
  int status{200};
  std::string content_type{"text/plain; charset=utf-8"};
  std::string body{};
  HeaderList headers{};
  /// Makes the body while it is sent, in place of `body`: appends a piece, false with the last one. Called on a worker,
  /// never twice at a time; what it throws ends the connection in mid-body.
  std::function<bool(std::string& piece)> more{};
  /// Makes the same body for a client that takes gzip, from parts that are compressed already; the server finishes it.
  /// Empty: what `more` makes is compressed for every client anew.
  std::function<bool(GzipStream& body)> more_gzip{};
};

/// Gives the answer; may be called from any thread, once, also after the server is gone.
using Respond = std::function<void(HttpResponse)>;
/// Answers a request, on a worker thread; may keep `Respond` and return before the answer is known.
using Handler = std::function<void(HttpRequest, Respond)>;

class BodyGate;

/// What a route wants other than the server's habits.
struct RouteOptions {
  bool open{};               // never asks for basic authentication
  bool slow{};               // may take long to answer, or read the disk: only other slow routes wait for it
  std::size_t body_bytes{};  // takes bodies up to this size; 0: as HttpLimits.body_bytes says, and nobody reads them
  std::chrono::milliseconds body{std::chrono::minutes{2}};  // first octet of such a body to last
  std::shared_ptr<BodyGate> bodies{};  // where such bodies have their room; empty: where HttpLimits says, with others
  /// May refuse by the headers, before such a body is read. Called on the I/O thread: must not block.
  std::function<std::optional<HttpResponse>(const HttpRequest& head)> admit{};
};

struct HttpLimits {
  std::size_t connections{512};     // beyond it the longest idle one is closed, else one of the source with the most
  std::size_t header_bytes{16384};  // request line and headers
  std::size_t body_bytes{4096};     // 413 beyond it, unless the route says otherwise; a small body does no harm
  std::size_t large_bodies{64};     // bodies of routes that say so, being read or dealt with; see BodyGate
  std::size_t large_bytes{std::size_t{64} * 1024 * 1024};  // all of them together
  std::size_t gzip_from_bytes{1024};                       // smaller bodies are not worth it
  std::size_t workers{2};
  std::size_t logins{16};                                           // whose passwords wait to be judged; 503 beyond it
  std::size_t slow_workers{1};                                      // of slow routes alone
  std::chrono::milliseconds request{std::chrono::seconds{10}};      // first octet to last, however slowly it comes
  std::chrono::milliseconds keep_alive{std::chrono::seconds{120}};  // idle between requests
  std::chrono::milliseconds handler{std::chrono::seconds{150}};     // 503 beyond it
  std::chrono::milliseconds response{std::chrono::seconds{60}};     // writing the answer; in pieces, with what follows
  std::size_t least_pace{std::size_t{4} * 1024 * 1024};  // octets a second of a body in pieces, before gzip: a client
                                                         // that takes them faster has the time that it needs
};

/// TLS, authentication and extra headers; may be exchanged while the server runs.
struct WebOptions {
  std::optional<WebTls> tls{};  // nullopt: clear text
  /// Judges the value of the Authorization header, "" without one. Empty: everybody may come in. As slow as bcrypt is:
  /// called on a thread of its own, where few wait.
  std::function<bool(const std::string& authorization)> authenticate{};
  /// Was that value right before? Fast, and called first. Empty: nothing is remembered.
  std::function<bool(const std::string& authorization)> remembers{};
  /// May one more request be answered now? Fast. Empty: always. Routes that are `open` do not ask.
  std::function<bool()> has_room{};
  HeaderList headers{};  // added to every response
};

/// The server. Start-up order: route(), set_options(), listen(), start().
class HttpServer {
 public:
  explicit HttpServer(HttpLimits limits = {});
  ~HttpServer();  // stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Registers a handler for one path, or, when `path` ends in '*', for everything that begins with the rest; the
  /// longest match wins. `methods` are GET (HEAD comes with it), POST, PUT; others get 405. Takes the place of a
  /// handler for the same path. Also while the server runs.
  void route(std::vector<std::string> methods, std::string path, Handler handler, RouteOptions options = {});

  /// Runs tasks on the workers of slow routes, so that whoever must not wait can hand over what takes long. May be kept
  /// longer than the server, and does nothing then, nor after stop(). What a task throws is lost: it answers for
  /// itself.
  [[nodiscard]] std::function<void(std::function<void()> task)> slow_workers() const;

  /// Takes a path away again. A request for it that has begun is still answered by its handler.
  void unroute(std::string_view path);

  /// Takes new options and reads the TLS files anew. Where TLS is or was involved, connections that are open end with
  /// the answer they wait for: who may no longer come in has no way around it.
  /// Errors: what is wrong, in words, and the old options stay.
  [[nodiscard]] std::optional<std::string> set_options(WebOptions options);

  /// Binds one address, of a host name the first, and returns the port, which matters for port 0. Errors:
  /// std::runtime_error that names the address, what is wrong with it and what to do.
  std::uint16_t listen(const ListenAddress& address);

  /// Starts the threads.
  void start();

  /// Closes every connection and joins the threads, within a second. Safe to call twice.
  void stop();

  /// Runs a task when the loop and one of the workers have had a turn; never once stopped.
  void after_a_turn(std::function<void()> task);

  /// Connections open now.
  std::size_t connections() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace mtasts
