// One domain probed here and now, its MX hosts with it: what `check` and /probe do.
// Next: probe_engine.h for what it needs; check_report.h and routes.h for what becomes of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exporter/probe_engine.h"

namespace mtasts {

/// What one probe saw, before anything is concluded. `hosts` is in the order in which a sender walks them.
struct LiveObservation {
  DomainObservation seen{};
  std::vector<MxHostObservation> hosts{};
  Milliseconds duration{};
};

/// What is known already of a domain and its MX hosts; nothing of a stranger.
struct KnownBefore {
  DomainMemory memory{};
  std::optional<DomainVerdict> verdict{};
  std::vector<MxVerdict> mx{};
};

/// Everything seen and concluded. `hosts` and `mx` are in the order of `verdict.mx`.
struct LiveProbe {
  DomainObservation seen{};
  std::vector<MxHostObservation> hosts{};
  std::vector<MxVerdict> mx{};
  DomainVerdict verdict{};
  DomainMemory memory{};  // with what was seen in it
  Milliseconds duration{};
  bool overloaded{};  // nobody has looked: too many probes are under way
};

/// As long as the configuration says.
inline constexpr Milliseconds kPatient = std::chrono::hours{24};

/// One domain, and where its TLS-RPT record sends reports. Input: as for observe_domain.
boost::asio::awaitable<DomainObservation> probe_domain(std::shared_ptr<ProbeEngine> engine, std::string domain,
                                                       ProbeOptions options, std::optional<std::string> not_for_id,
                                                       ReportTargetTiming timing);

/// Looks at a domain and, after it, at all its MX hosts side by side. Input: `limit` is shared by the two halves, apart
/// from DNS, which has limits of its own; `not_for_id` as for observe_domain. Errors: none thrown; what a limit shorter
/// than the configured timeouts cut off is our own trouble.
boost::asio::awaitable<LiveObservation> observe_live(std::shared_ptr<ProbeEngine> engine, std::string domain,
                                                     Milliseconds limit, std::optional<std::string> not_for_id);

/// Judges an observation from which our own trouble has been taken out.
LiveProbe judge_live(const ProbeEngine& engine, const DomainConfig& domain, const KnownBefore& known,
                     LiveObservation observed);

/// One MX host, waiting for a probe of the same host that is under way.
boost::asio::awaitable<MxHostObservation> probe_mx_host(std::shared_ptr<ProbeEngine> engine, std::string host,
                                                        ProbeOptions options);

}  // namespace mtasts
