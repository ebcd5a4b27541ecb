// What the exporter answers at which path; the probe loop stays behind callbacks.
// Next: metrics.h and verdict_json.h, which make the bodies; page_routes.h for the pages.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "exporter/check_commands.h"
#include "exporter/http_server.h"
#include "exporter/metrics.h"
#include "exporter/report_board.h"
#include "exporter/snapshot.h"
#include "probes/core/rollout.h"

namespace mtasts {

class PageData;

/// How a probe for /probe or /check ended. Without `refused` and `error` the snapshot holds the domain and its MX
/// hosts.
struct ProbeAnswer {
  Snapshot snapshot{};
  std::string refused{};     // why this domain is not probed at all (not configured, sharded elsewhere): 404
  bool overloaded{};         // too many probes are under way: 503
  std::string error{};       // why no verdict was reached (timeout, our own trouble): probe_success 0
  DomainObservation seen{};  // what the verdict rests on
  std::vector<MxHostObservation> hosts{};  // in the order of the domain's MX hosts
};

/// What the routes need from the rest of the program. All may be called from several threads at once.
struct RouteCallbacks {
  std::function<Snapshot()> snapshot{};
  std::function<ReportView()> reports{};
  std::function<RolloutOptions()> rollout{};  // of the configuration
  std::function<UnixTime()> now{};
  std::function<bool()> ready{};
  /// Reloads the configuration; returns what is wrong with the new one. Empty: the path is not enabled.
  std::function<std::optional<std::string>()> reload{};
  /// Probes a (syntactically valid) domain now; must call `done` once, at the latest soon after `timeout`, unless
  /// `client` has gone.
  std::function<void(std::string domain, std::chrono::milliseconds timeout, std::function<void(ProbeAnswer)> done,
                     std::stop_token client)>
      probe{};
  SelfMetrics* self{};                    // outlives the server
  PageData* pages{};                      // the same; nullptr: pages show verdicts alone
  std::function<CheckPlaces()> places{};  // for the commands on pages
  std::string version{};                  // for the pages
  std::string external_url{};             // --web.external-url; its path is the prefix of links, "" for none
  std::function<std::chrono::milliseconds()> probe_timeout{};  // without a scrape timeout header, and at most
};

/// Registers every path of the contract that this program answers.
void add_routes(HttpServer& server, RouteCallbacks callbacks);

/// How long a probe may take: the scrape timeout that Prometheus sends in X-Prometheus-Scrape-Timeout-Seconds minus
/// half a second for the way back, at most `configured`; `configured` when the header is missing or not a number.
std::chrono::milliseconds probe_time_limit(const std::optional<std::string>& header,
                                           std::chrono::milliseconds configured);

}  // namespace mtasts
