// Takes TLS reports by HTTP (RFC 8460 section 5.4): POST PATH[/TOKEN], on the main listeners or on one of its own.
// Next: http_server.h for the limits while a body is read, report_arrival.h for what happens to it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/body_gate.h"
#include "exporter/config.h"
#include "exporter/http_server.h"
#include "exporter/rate_limit.h"
#include "exporter/report_arrival.h"
#include "exporter/worker_pool.h"

namespace mtasts {

/// Largest report as it is sent, compressed or not. What it may expand to is the reader's limit.
constexpr std::size_t kMostReportBody = std::size_t{10} * 1024 * 1024;

/// Does the end of a request path belong to one of the tokens? Takes the same time for every token of one length.
bool is_known_token(std::string_view given, const std::vector<std::string>& tokens);

/// Why the headers of a POST cannot be those of a report, as an answer with status 415; nullopt when they can. The
/// content decides later, so that only what is certainly something else is refused. Source: RFC 9110 section 15.5.16.
std::optional<HttpResponse> refuse_media(const HttpRequest& head);

/// What a sender is told: 201 when anything was stored or was known already, 503 when something could not be stored,
/// else 409 (known with other content), 422 (domain not configured) or 400 (no report). The text is one line.
/// Source: RFC 8460 section 5.4.
HttpResponse answer_to_sender(const IntakeResult& result);

/// What senders will trip over on the main listeners, "" when nothing: they have no client certificates.
std::string client_certificate_warning(const TlsrptHttpConfig& config, const WebOptions& web);

/// The way in. Senders cannot log in, so its paths ask for neither basic authentication nor, on a listener of its own,
/// client certificates. Outlives the main server.
class TlsrptHttp {
 public:
  /// Input: `take` is called on threads of our own: it waits for the disk.
  explicit TlsrptHttp(TakeReport take);
  ~TlsrptHttp();  // stops
  TlsrptHttp(const TlsrptHttp&) = delete;
  TlsrptHttp& operator=(const TlsrptHttp&) = delete;

  /// Does of a new configuration what may fail: opens the listener. The function that it returns makes it count and
  /// cannot fail; without its call nothing changes. Input: `web` is what the main listeners, those of `main`, use.
  /// Errors: std::runtime_error with the key and what to do.
  std::function<void()> prepare(const TlsrptHttpConfig& config, const WebOptions& web, HttpServer& main);

  /// Refuses before the body is read what the headers suffice to refuse: who comes too often (429), a wrong token
  /// (404), what cannot be a report (415). Peers on this machine may come as often as they like: a proxy limits its
  /// clients itself, and to us they all look like one.
  std::optional<HttpResponse> judge(const HttpRequest& head, const TlsrptHttpConfig& config);

  /// Takes nothing more. What was not answered is sent again by its sender.
  void stop();

  /// The port of the listener of its own, 0 without one.
  std::uint16_t port() const { return own_ ? own_->port : std::uint16_t{0}; }

 private:
  struct Listener {
    Listener(std::string as_written, const HttpLimits& limits) : address{std::move(as_written)}, server{limits} {}
    std::string address;
    std::uint16_t port{};
    HttpServer server;
  };

  /// What the reports of one path have for themselves.
  struct Way {
    Way(std::size_t places, std::size_t octets, std::size_t threads)
        : bodies{std::make_shared<BodyGate>(places, octets)}, pool{threads} {}
    std::shared_ptr<BodyGate> bodies;
    WorkerPool pool;
  };

  static std::shared_ptr<Listener> open_listener(const std::string& text, const WebOptions& web);
  void take_effect(const TlsrptHttpConfig& config, std::shared_ptr<Listener> own, HttpServer& main);
  void add_paths(HttpServer& server, const TlsrptHttpConfig& config);
  void receive(HttpRequest request, const Respond& respond, Way& way);

  TakeReport take_;
  RateLimit rate_{};
  TlsrptHttpConfig config_{};
  std::shared_ptr<Listener> own_{};
  Way with_token_;
  Way open_;
};

}  // namespace mtasts
