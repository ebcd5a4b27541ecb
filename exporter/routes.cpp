// SPDX-License-Identifier: Apache-2.0
#include "exporter/routes.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <memory>
#include <utility>

#include "exporter/exposition.h"
#include "exporter/page_routes.h"
#include "exporter/verdict_json.h"
#include "probes/core/domain_name.h"
#include "probes/core/entered_domain.h"

namespace mtasts {
namespace {

namespace json = boost::json;
using Milli = std::chrono::milliseconds;
using Shared = std::shared_ptr<const RouteCallbacks>;

constexpr const char* kExposition = "text/plain; version=0.0.4; charset=utf-8";

HttpResponse text_response(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(text) + "\n";
  return response;
}

HttpResponse typed_response(std::string content_type, std::string body) {
  HttpResponse response;
  response.content_type = std::move(content_type);
  response.body = std::move(body);
  return response;
}

HttpResponse json_response(const json::value& value) {
  return typed_response("application/json", json::serialize(value) + "\n");
}

/// A JSON array with an element for each domain, made while it is sent: a fleet's is long, and its reader may be slow.
HttpResponse list_of_domains(Snapshot all, json::object (*element)(const DomainEntry&)) {
  constexpr std::size_t kPiece = std::size_t{64} * 1024;
  struct Walk {
    explicit Walk(Snapshot snapshot) : all(std::move(snapshot)), next(all.domains.begin()) {}
    Snapshot all;
    Snapshot::Domains::Iterator next;
    std::string_view before{"["};
  };
  HttpResponse response = typed_response("application/json", "");
  response.more = [walk = std::make_shared<Walk>(std::move(all)), element](std::string& piece) {
    for (; walk->next != walk->all.domains.end() && piece.size() < kPiece; ++walk->next) {
      piece += std::exchange(walk->before, ",");
      piece += json::serialize(element(**walk->next));
    }
    if (walk->next != walk->all.domains.end()) return true;
    piece += walk->all.domains.empty() ? "[]\n" : "]\n";
    return false;
  };
  return response;
}

/// A target of Prometheus' http_sd, with the domain's free labels.
json::object target_json(const DomainEntry& entry) {
  json::object labels;
  for (const auto& [name, value] : entry.labels) labels[name] = value;
  return {{"targets", json::array{json::string{entry.name}}}, {"labels", std::move(labels)}};
}

HttpResponse no_such_domain() { return text_response(404, "This domain is not configured here."); }

/// What /metrics shows: all of it, the families that name[] names, or what concerns the domains that `domain` names.
ScrapeInput scrape_input(const RouteCallbacks& callbacks, const HttpRequest& request) {
  ScrapeInput input{.snapshot = callbacks.snapshot(),
                    .reports = callbacks.reports(),
                    .ready_after = callbacks.rollout().ready_after,
                    .now = callbacks.now()};
  for (std::string& name : request.parameters("name[]")) input.names.insert(std::move(name));
  return input;
}

/// Leaves what concerns these domains. Errors: false when one is not configured.
bool keep_domains(ScrapeInput& input, const std::vector<std::string>& domains) {
  std::vector<std::string> names;
  for (const std::string& domain : domains) names.push_back(normalize_host(domain));
  for (const std::string& name : names) {
    if (input.snapshot.find_domain(name) == nullptr) return false;
  }
  input.snapshot = snapshot_of_domains(input.snapshot, names);
  std::erase_if(input.reports.domains,
                [&names](const auto& entry) { return std::ranges::find(names, entry->domain) == names.end(); });
  return true;
}

HttpResponse serve_metrics(const RouteCallbacks& callbacks, const HttpRequest& request) {
  ScrapeInput input = scrape_input(callbacks, request);
  callbacks.self->set_domains(input.snapshot.domains.size(), input.snapshot.pending);
  const std::vector<std::string> domains = request.parameters("domain");
  if (!domains.empty() && !keep_domains(input, domains)) return no_such_domain();
  const auto own = std::make_shared<const std::string>(domains.empty() ? callbacks.self->render(input.names) : "");
  HttpResponse response = typed_response(kExposition, "");
  const auto exposition = std::make_shared<Exposition>(std::move(input));
  response.more = [exposition, own](std::string& piece) {
    if (exposition->next(piece)) return true;
    piece += *own;
    return false;
  };
  response.more_gzip = [exposition, own](GzipStream& body) {
    if (exposition->next(body)) return true;
    body.add(*own);
    return false;
  };
  return response;
}

HttpResponse serve_ready(const RouteCallbacks& callbacks) {
  return callbacks.ready() ? text_response(200, "Ready.") : text_response(503, "Not ready.");
}

HttpResponse serve_reload(const RouteCallbacks& callbacks) {
  if (!callbacks.reload) return text_response(403, "Lifecycle API is not enabled: see --web.enable-lifecycle.");
  const std::optional<std::string> problem = callbacks.reload();
  return problem ? text_response(500, "The running configuration stays: " + *problem) : text_response(200, "Reloaded.");
}

/// The configured domain that a path ends with, nullptr when it is none.
const DomainEntry* entry_at(const Snapshot& snapshot, std::string_view path, std::string_view prefix) {
  return snapshot.find_domain(normalize_host(path.substr(prefix.size())));
}

HttpResponse serve_domain_json(const Snapshot& snapshot, const DomainEntry& entry) {
  json::object out = domain_json(entry);
  json::array hosts;
  const Snapshot one = snapshot_of_domain(snapshot, entry.name);
  for (const auto& host : one.mx_hosts) {
    if (host->verdict) hosts.push_back(mx_json(*host->verdict));
  }
  out["mx_hosts"] = std::move(hosts);
  return json_response(out);
}

/// Time for some of the probes under way to end.
HttpResponse overloaded_response(const std::string& reason) {
  HttpResponse response = text_response(503, "Not probed: " + reason + ". Scrape again later, or less at once.");
  response.headers.emplace_back("Retry-After", "10");
  return response;
}

HttpResponse probe_response(const RouteCallbacks& callbacks, const ProbeAnswer& answer, Milli duration) {
  if (!answer.refused.empty()) return text_response(404, answer.refused);
  if (answer.overloaded) return overloaded_response(answer.error);
  const auto& domains = answer.snapshot.domains;
  const bool success =
      answer.error.empty() && !domains.empty() && domains.front()->verdict && domains.front()->verdict->success == true;
  std::string body = render_probe_metrics(answer.snapshot, callbacks.now(), success, duration);
  return typed_response(kExposition, std::move(body));
}

void serve_probe(const Shared& callbacks, const HttpRequest& request, const Respond& respond) {
  const auto target = request.parameter("target");
  if (!target || target->empty()) return respond(text_response(400, "The parameter 'target' is missing."));
  const auto domain = parse_entered_domain_name(*target);
  if (!domain) return respond(text_response(400, "target is not a domain name: " + domain.error().detail));
  const Milli limit =
      probe_time_limit(request.header("x-prometheus-scrape-timeout-seconds"), callbacks->probe_timeout());
  const auto begin = std::chrono::steady_clock::now();
  callbacks->probe(
      *domain, limit,
      [callbacks, respond, begin](const ProbeAnswer& answer) {
        const auto taken = std::chrono::duration_cast<Milli>(std::chrono::steady_clock::now() - begin);
        respond(probe_response(*callbacks, answer, taken));
      },
      request.disconnected);
}

/// A handler that answers at once from the callbacks alone.
template <class Answer>
Handler at_once(const Shared& callbacks, Answer answer) {
  return [callbacks, answer](const HttpRequest&, const Respond& respond) { respond(answer(*callbacks)); };
}

/// A handler for `prefix` + NAME that answers 404 for a domain without a slot.
template <class Answer>
Handler for_domain(const Shared& callbacks, std::string prefix, Answer answer) {
  return [callbacks, prefix = std::move(prefix), answer](const HttpRequest& request, const Respond& respond) {
    const Snapshot snapshot = callbacks->snapshot();
    const DomainEntry* entry = entry_at(snapshot, request.path, prefix);
    respond(entry ? answer(*callbacks, snapshot, *entry) : no_such_domain());
  };
}

void add_operations(HttpServer& server, const Shared& shared) {
  server.route({"GET"}, "/metrics", [shared](const HttpRequest& request, const Respond& respond) {
    respond(serve_metrics(*shared, request));
  });
  server.route({"GET"}, "/-/healthy",
               at_once(shared, [](const RouteCallbacks&) { return text_response(200, "Healthy."); }));
  server.route({"GET"}, "/-/ready", at_once(shared, serve_ready));
  server.route({"POST", "PUT"}, "/-/reload", at_once(shared, serve_reload));
  server.route({"GET"}, "/probe",
               [shared](const HttpRequest& request, const Respond& respond) { serve_probe(shared, request, respond); });
}

void add_views(HttpServer& server, const Shared& shared) {
  using Callbacks = RouteCallbacks;
  server.route({"GET"}, "/sd", at_once(shared, [](const Callbacks& callbacks) {
                 return list_of_domains(callbacks.snapshot(), target_json);
               }));
  server.route(
      {"GET"}, "/api/v1/domains",
      at_once(shared, [](const Callbacks& callbacks) { return list_of_domains(callbacks.snapshot(), fleet_json); }),
      {.slow = true});
  server.route(
      {"GET"}, "/api/v1/domains/*",
      for_domain(shared, "/api/v1/domains/", [](const Callbacks&, const Snapshot& all, const DomainEntry& entry) {
        return serve_domain_json(all, entry);
      }));
}

}  // namespace

void add_routes(HttpServer& server, RouteCallbacks callbacks) {
  const Shared shared = std::make_shared<const RouteCallbacks>(std::move(callbacks));
  add_operations(server, shared);
  add_views(server, shared);
  add_page_routes(server, shared);
}

std::chrono::milliseconds probe_time_limit(const std::optional<std::string>& header,
                                           std::chrono::milliseconds configured) {
  constexpr Milli kWayBack{500};
  constexpr Milli kLeast{100};
  double seconds = 0;
  if (!header) return configured;
  const auto [end, error] = std::from_chars(header->data(), header->data() + header->size(), seconds);
  if (error != std::errc{} || end != header->data() + header->size() || !(seconds > 0)) return configured;
  const auto asked = std::chrono::duration<double>{std::min(seconds, 86400.0)};
  return std::clamp(std::chrono::duration_cast<Milli>(asked) - kWayBack, std::min(kLeast, configured), configured);
}

}  // namespace mtasts
