// SPDX-License-Identifier: Apache-2.0
#include "exporter/page_routes.h"

#include <algorithm>
#include <utility>

#include "exporter/check_page.h"
#include "exporter/domain_page.h"
#include "exporter/fleet_page.h"
#include "exporter/page_data.h"
#include "exporter/page_files.h"
#include "exporter/reports_page.h"
#include "exporter/runbooks_page.h"
#include "probes/core/domain_name.h"
#include "probes/core/entered_domain.h"

namespace mtasts {
namespace {

using Shared = std::shared_ptr<const RouteCallbacks>;

constexpr std::string_view kDomains = "/domains/";
constexpr std::chrono::milliseconds kCheckPatience{std::chrono::minutes{2}};  // below HttpLimits::handler
constexpr std::string_view kChain = "/chain.pem";

HttpResponse page_response(std::string html, int status = 200) {
  HttpResponse response;
  response.status = status;
  response.content_type = "text/html; charset=utf-8";
  response.body = std::move(html);
  response.headers = {{"Content-Security-Policy", std::string{kPageSecurity}},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cache-Control", "no-store"}};
  return response;
}

HttpResponse style_response() {
  HttpResponse response;
  response.content_type = "text/css; charset=utf-8";
  response.body = page_file("style.css");
  response.headers = {{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "private, max-age=3600"}};
  return response;
}

HttpResponse pem_response(const std::string& host, std::string pem) {
  HttpResponse response;
  response.content_type = "application/x-pem-file";
  response.body = std::move(pem);
  response.headers = {{"Content-Disposition", "attachment; filename=\"" + host + ".pem\""},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Cache-Control", "no-store"}};
  return response;
}

/// The path of a URL without a final slash: "https://host/monitoring/" gives "/monitoring".
std::string path_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(std::min(url.find('/', scheme + 3), url.size()));
  while (url.ends_with('/')) url.remove_suffix(1);
  return std::string{url};
}

PageContext page_context(const RouteCallbacks& callbacks) {
  return {callbacks.now(), callbacks.version, path_of(callbacks.external_url)};
}

DomainPageInput page_input(const Snapshot& snapshot, const DomainEntry& entry) {
  DomainPageInput input{.name = entry.name, .labels = entry.labels, .judged = entry.verdict != nullptr};
  input.result.verdict.domain = entry.name;
  if (!entry.verdict) return input;
  input.result.verdict = *entry.verdict;
  for (const MxMembership& mx : entry.verdict->mx) {
    const MxEntry* host = snapshot.find_mx(mx.host);
    if (host != nullptr && host->verdict) input.result.hosts.push_back(*host->verdict);
  }
  return input;
}

ReportEvidence report_evidence(const ReportView& view, const std::string& domain) {
  const ReportEntry* entry = view.find(domain);
  ReportEvidence evidence{.expected = view.expected};
  if (entry == nullptr) return evidence;
  evidence.last_report = entry->last_report;
  evidence.last_failure = entry->last_failure;
  evidence.expected = view.expected || entry->last_report;
  return evidence;
}

void complete(const RouteCallbacks& callbacks, DomainPageInput& input) {
  input.reports = report_evidence(callbacks.reports(), input.name);
  input.rollout = callbacks.rollout();
  if (callbacks.places) input.places = callbacks.places();
  if (callbacks.pages != nullptr) callbacks.pages->complete(input);
}

HttpResponse no_such_domain(const RouteCallbacks& callbacks) {
  const PageProblem problem{.what = "This domain is not among those that are watched here.",
                            .remedy = "Add it to domains, or to a file of domain_files, in the configuration."};
  return page_response(render_missing_page("No such domain", problem, page_context(callbacks)), 404);
}

HttpResponse serve_chain(const DomainPageInput& input, const HttpRequest& request) {
  const std::string host = request.parameter("host").value_or("");
  std::string pem = chain_pem(input, host, request.parameter("address").value_or(""));
  if (!pem.empty() && parse_domain_name(host)) return pem_response(host, std::move(pem));
  return {.status = 404, .body = "No certificate chain of this host at this address is kept.\n"};
}

HttpResponse serve_domain(const RouteCallbacks& callbacks, const HttpRequest& request) {
  std::string_view name = std::string_view(request.path).substr(kDomains.size());
  const bool chain = name.ends_with(kChain);
  if (chain) name.remove_suffix(kChain.size());
  const Snapshot snapshot = callbacks.snapshot();
  const DomainEntry* entry = snapshot.find_domain(normalize_host(name));
  if (entry == nullptr) return no_such_domain(callbacks);
  DomainPageInput input = page_input(snapshot, *entry);
  complete(callbacks, input);
  return chain ? serve_chain(input, request) : page_response(render_domain_page(input, page_context(callbacks)));
}

HttpResponse serve_fleet(const RouteCallbacks& callbacks, const HttpRequest& request) {
  return page_response(
      render_fleet_page(callbacks.snapshot(), parse_fleet_query(request.query), page_context(callbacks)));
}

HttpResponse serve_reports(const RouteCallbacks& callbacks, const HttpRequest& request) {
  const std::string domain = normalize_host(request.parameter("domain").value_or("").substr(0, 255));
  const std::size_t page = parse_page_number(request.parameter("page").value_or(""));
  ReportsPageInput input{.domain = domain};
  if (callbacks.pages != nullptr) input = callbacks.pages->reports(domain, page);
  return page_response(render_reports_page(input, page_context(callbacks)));
}

HttpResponse refused_check(const RouteCallbacks& callbacks, const std::string& typed, const std::string& why) {
  const PageProblem problem{.what = why + ".",
                            .remedy = "Add it to domains in the configuration, or set probe.allow_unconfigured: true."};
  return page_response(render_check_page(typed, problem, page_context(callbacks)), 404);
}

HttpResponse answered_check(const RouteCallbacks& callbacks, const std::string& name, ProbeAnswer answer) {
  if (!answer.refused.empty()) return refused_check(callbacks, name, answer.refused);
  if (answer.snapshot.domains.empty()) {
    const PageProblem problem{.what = "There is no answer: " + answer.error, .remedy = "Try again in a minute."};
    return page_response(render_check_page(name, problem, page_context(callbacks)), 503);
  }
  DomainPageInput input = page_input(answer.snapshot, *answer.snapshot.domains.front());
  input.live = true;
  input.result.seen = std::move(answer.seen);
  input.result.host_observations = std::move(answer.hosts);
  complete(callbacks, input);
  return page_response(render_domain_page(input, page_context(callbacks)), answer.error.empty() ? 200 : 503);
}

/// What a person types or pastes: blanks around it do not matter, and a form sends them as `+`.
std::string trimmed(std::string text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '+' || c == '\t'; };
  text.erase(text.begin(), std::ranges::find_if_not(text, is_blank));
  while (!text.empty() && is_blank(text.back())) text.pop_back();
  return text;
}

using Workers = std::function<void(std::function<void()>)>;

/// The answer comes on the thread that probes, and must not keep it from probing.
void serve_check(const Shared& callbacks, const Workers& workers, const HttpRequest& request, const Respond& respond) {
  const std::string typed = trimmed(request.parameter("domain").value_or(""));
  if (typed.empty()) return respond(page_response(render_check_page("", {}, page_context(*callbacks))));
  const auto domain = parse_entered_domain_name(typed);
  if (!domain) {
    const PageProblem problem{.what = "That is no domain name: " + domain.error().detail + ".",
                              .remedy = "Write the domain alone, such as example.org."};
    return respond(page_response(render_check_page(typed, problem, page_context(*callbacks)), 400));
  }
  const auto limit = std::min(callbacks->probe_timeout(), kCheckPatience);
  callbacks->probe(
      *domain, limit,
      [callbacks, workers, respond, name = *domain](ProbeAnswer answer) {
        auto shared = std::make_shared<ProbeAnswer>(std::move(answer));
        workers([callbacks, respond, name, shared] { respond(answered_check(*callbacks, name, std::move(*shared))); });
      },
      request.disconnected);
}

template <class Answer>
Handler answering(const Shared& callbacks, Answer answer) {
  return
      [callbacks, answer](const HttpRequest& request, const Respond& respond) { respond(answer(*callbacks, request)); };
}

}  // namespace

void add_page_routes(HttpServer& server, const std::shared_ptr<const RouteCallbacks>& callbacks) {
  const RouteOptions slow{.slow = true};
  server.route({"GET"}, "/", answering(callbacks, serve_fleet), slow);
  server.route({"GET"}, std::string(kDomains) + "*", answering(callbacks, serve_domain), slow);
  server.route({"GET"}, "/reports", answering(callbacks, serve_reports), slow);
  server.route(
      {"GET"}, "/runbooks",
      answering(callbacks, [](const RouteCallbacks& all,
                              const HttpRequest&) { return page_response(render_runbooks_page(page_context(all))); }),
      slow);
  server.route({"GET"}, "/style.css",
               answering(callbacks, [](const RouteCallbacks&, const HttpRequest&) { return style_response(); }));
  server.route(
      {"GET"}, "/check",
      [callbacks, workers = server.slow_workers()](const HttpRequest& request, const Respond& respond) {
        serve_check(callbacks, workers, request, respond);
      },
      slow);
}

}  // namespace mtasts
