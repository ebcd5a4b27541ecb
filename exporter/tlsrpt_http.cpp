// SPDX-License-Identifier: Apache-2.0
#include "exporter/tlsrpt_http.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <stdexcept>
#include <utility>

#include "exporter/log.h"
#include "exporter/peer_source.h"
#include "exporter/web_config.h"
#include "probes/core/domain_name.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

using namespace std::chrono_literals;

/// Who knows a token has room, and threads, apart from all those who do not. Each thread may hold one report unpacked;
/// while one waits for the disk the other reads on.
constexpr std::size_t kThreads = 2, kOpenThreads = 1;
constexpr std::size_t kBodies = 64;
constexpr std::size_t kBodyBytes = std::size_t{32} * 1024 * 1024;
constexpr auto kBodyTime = 2min;
constexpr const char* kRetryAfterSeconds = "300";
constexpr const char* kMediaTypes = "application/tlsrpt+gzip, application/tlsrpt+json";

/// Texts of reports are quoted in answers: no browser may take them for a page.
HttpResponse one_line(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(text) + "\n";
  response.headers = {{"X-Content-Type-Options", "nosniff"}};
  return response;
}

HttpResponse come_again(int status, std::string reason) {
  HttpResponse response = one_line(status, std::move(reason));
  response.headers.emplace_back("Retry-After", kRetryAfterSeconds);
  return response;
}

bool is_readable_coding(const std::string& coding) {
  constexpr std::array<std::string_view, 4> kReadable{"", "gzip", "x-gzip", "identity"};
  return std::ranges::find(kReadable, coding) != kReadable.end();
}

/// Senders write anything from application/json to application/octet-stream, or nothing; tools write
/// application/x-www-form-urlencoded.
bool may_be_report(const std::string& media_type) {
  constexpr std::array<std::string_view, 5> kPossible{"application/", "text/plain", "text/json", "message/",
                                                      "multipart/report"};
  const auto begins = [&](std::string_view known) { return media_type.starts_with(known); };
  return media_type.find('/') == std::string::npos || std::ranges::any_of(kPossible, begins);
}

/// The outcome that an answer is about.
constexpr std::array kByWeight{ReportOutcome::failed,    ReportOutcome::counted,  ReportOutcome::uncounted,
                               ReportOutcome::duplicate, ReportOutcome::conflict, ReportOutcome::unknown_domain,
                               ReportOutcome::invalid};

int status_of(ReportOutcome outcome) {
  switch (outcome) {
    case ReportOutcome::counted:
    case ReportOutcome::uncounted:
    case ReportOutcome::duplicate:
      return 201;
    case ReportOutcome::conflict:
      return 409;
    case ReportOutcome::unknown_domain:
      return 422;
    case ReportOutcome::failed:
      return 503;
    case ReportOutcome::invalid:
      break;
  }
  return 400;
}

const TakenReport& weightiest(const std::vector<TakenReport>& reports) {
  const auto weight = [](const TakenReport& report) { return std::ranges::find(kByWeight, report.outcome); };
  return *std::ranges::min_element(reports, {}, weight);
}

/// What happened to it, and how much else there was.
std::string line_about(const TakenReport& report, std::size_t others) {
  std::string line{to_string(report.outcome)};
  if (!report.domain.empty()) line += ": " + escape_unprintable(report.domain);
  line += ": " + escape_unprintable(report.message);
  return others == 0 ? line : line + " (and " + std::to_string(others) + " more)";
}

WebOptions options_for_senders(WebOptions web) {
  web.authenticate = nullptr;
  web.remembers = nullptr;
  web.has_room = nullptr;  // each sender has a rate of its own
  if (!web.tls) return web;
  web.tls->client_auth = ClientAuth::none;
  web.tls->client_ca = {};
  web.tls->client_allowed_sans.clear();
  return web;
}

HttpLimits listener_limits() {
  HttpLimits limits;
  limits.workers = 1;  // hands requests on, and nothing else
  return limits;
}

[[noreturn]] void cannot_listen(const std::string& problem) {
  throw std::runtime_error{"tlsrpt.http.listen_address: " + problem};
}

}  // namespace

bool is_known_token(std::string_view given, const std::vector<std::string>& tokens) {
  bool known = false;
  for (const std::string& token : tokens) known = equal_in_constant_time(given, token) || known;
  return known;
}

std::optional<HttpResponse> refuse_media(const HttpRequest& head) {
  if (!is_readable_coding(to_lower(head.header("content-encoding").value_or("")))) {
    HttpResponse response = one_line(415, "Send the report as JSON or gzip: no other Content-Encoding is read here.");
    response.headers.emplace_back("Accept-Encoding", "gzip");
    return response;
  }
  if (may_be_report(to_lower(head.header("content-type").value_or("")))) return std::nullopt;
  HttpResponse response =
      one_line(415, std::string{"Send the report itself as the body, as one of "} + kMediaTypes + ".");
  response.headers.emplace_back("Accept", kMediaTypes);
  return response;
}

HttpResponse answer_to_sender(const IntakeResult& result) {
  const TakenReport& report = weightiest(result.reports);
  const int status = result.stored ? status_of(report.outcome) : 503;
  std::string line = line_about(report, result.reports.size() - 1);
  return status == 503 ? come_again(503, std::move(line)) : one_line(status, std::move(line));
}

std::string client_certificate_warning(const TlsrptHttpConfig& config, const WebOptions& web) {
  const bool asked = web.tls && requires_certificate(web.tls->client_auth);
  if (!config.enabled || !config.listen_address.empty() || !asked) return "";
  return "tlsrpt.http: senders of reports have no client certificate, which the web configuration asks for: none can "
         "come in; set "
         "tlsrpt.http.listen_address for a listener that asks for none";
}

TlsrptHttp::TlsrptHttp(TakeReport take)
    : take_{std::move(take)}, with_token_{kBodies, kBodyBytes, kThreads}, open_{kBodies, kBodyBytes, kOpenThreads} {}

TlsrptHttp::~TlsrptHttp() { stop(); }

std::function<void()> TlsrptHttp::prepare(const TlsrptHttpConfig& config, const WebOptions& web, HttpServer& main) {
  const WebOptions for_senders = options_for_senders(web);
  const bool wants_own = config.enabled && !config.listen_address.empty();
  const bool keeps_own = wants_own && own_ && own_->address == config.listen_address;
  std::shared_ptr<Listener> own = keeps_own ? own_ : nullptr;
  if (wants_own && !keeps_own) own = open_listener(config.listen_address, for_senders);
  return [this, config, own, keeps_own, for_senders, &main] {
    if (keeps_own) {  // the main listeners have just read the same TLS files
      const auto problem = own->server.set_options(for_senders);
      if (problem) log_error("tlsrpt.http.listen_address keeps its old TLS files", {{"error", *problem}});
    }
    take_effect(config, own, main);
  };
}

std::shared_ptr<TlsrptHttp::Listener> TlsrptHttp::open_listener(const std::string& text, const WebOptions& web) {
  const auto address = parse_listen_address(text);
  if (!address) cannot_listen("'" + text + "' is not HOST:PORT, [IPV6]:PORT or :PORT");
  auto listener = std::make_shared<Listener>(text, listener_limits());
  if (const auto problem = listener->server.set_options(web)) cannot_listen(*problem);
  try {
    listener->port = listener->server.listen(*address);
  } catch (const std::runtime_error& error) {
    cannot_listen(error.what());
  }
  return listener;
}

/// The new paths are there before the old ones go: a sender that comes meanwhile finds one.
void TlsrptHttp::take_effect(const TlsrptHttpConfig& config, std::shared_ptr<Listener> own, HttpServer& main) {
  HttpServer& now = own ? own->server : main;
  HttpServer& before = own_ ? own_->server : main;
  if (config.enabled) add_paths(now, config);
  const bool stays = config.enabled && &now == &before && config.path == config_.path;
  if (config_.enabled && !stays) {
    before.unroute(config_.path);
    before.unroute(config_.path + "/*");
  }
  if (own && own != own_) {
    own->server.start();
    log_info("listening for reports", {{"address", own->address}, {"port", own->port}});
  }
  own_ = std::move(own);
  config_ = config;
}

void TlsrptHttp::add_paths(HttpServer& server, const TlsrptHttpConfig& config) {
  RouteOptions options{.open = true, .body_bytes = kMostReportBody, .body = kBodyTime};
  options.admit = [this, config](const HttpRequest& head) {
    std::optional<HttpResponse> refusal = judge(head, config);
    if (refusal) log_debug("report refused by its headers", {{"peer", head.peer}, {"status", refusal->status}});
    return refusal;
  };
  const auto route = [&](const std::string& path, Way& way) {
    options.bodies = way.bodies;
    const auto handler = [this, &way](HttpRequest request, const Respond& respond) {
      receive(std::move(request), respond, way);
    };
    server.route({"POST"}, path, handler, options);
  };
  route(config.path, open_);
  route(config.path + "/*", with_token_);
}

/// A path with a wrong token is a path that is not there, so that nobody learns whether there are tokens.
std::optional<HttpResponse> TlsrptHttp::judge(const HttpRequest& head, const TlsrptHttpConfig& config) {
  if (!is_loopback_peer(head.peer) && !rate_.admits(source_of_peer(head.peer), RateLimit::Clock::now())) {
    return come_again(429, "Too many reports from your address; send it again later.");
  }
  const std::string_view rest = std::string_view{head.path}.substr(std::min(head.path.size(), config.path.size()));
  if (!rest.empty() && !is_known_token(rest.substr(1), config.tokens)) return one_line(404, "There is no such page.");
  return refuse_media(head);
}

/// Leaves the server's workers, which answer scrapes, before the disk is waited for. How many wait here is bounded by
/// the places for bodies, which their requests hold.
void TlsrptHttp::receive(HttpRequest request, const Respond& respond, Way& way) {
  auto shared = std::make_shared<HttpRequest>(std::move(request));
  const bool token = &way == &with_token_;
  boost::asio::post(way.pool.get_executor(), [this, shared, respond, token] {
    const Arrival arrival{.channel = ReportChannel::http, .name = shared->peer, .token = token};
    try {
      respond(answer_to_sender(take_(shared->body, arrival)));
    } catch (const std::exception& error) {  // no memory, most likely
      log_error("a report could not be taken", {{"peer", shared->peer}, {"error", error.what()}});
      respond(come_again(503, "The report could not be stored; send it again later."));
    }
  });
}

void TlsrptHttp::stop() {
  if (own_) own_->server.stop();
  with_token_.pool.stop();
  open_.pool.stop();
}

}  // namespace mtasts
