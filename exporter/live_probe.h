// One domain probed here and now, its MX hosts with it: what `check` and /probe do.
// Next: probe_engine.h for what it needs; check_report.h and routes.h for what becomes of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <vector>

#include "exporter/probe_engine.h"

namespace mtasts {

/// Everything seen and concluded. `hosts` and `mx` are in the order of `verdict.mx`.
struct LiveProbe {
  DomainObservation seen{};
  std::vector<MxHostObservation> hosts{};
  std::vector<MxVerdict> mx{};
  DomainVerdict verdict{};
  Milliseconds duration{};
};

/// Probes a domain and, after it, all its MX hosts side by side. Input: `memory` is what is remembered of the domain,
/// nothing for a stranger; `limit` is shared by the two halves, apart from DNS, which has limits of its own.
/// Errors: none thrown; our own trouble makes the verdict's state unknown.
boost::asio::awaitable<LiveProbe> probe_live(std::shared_ptr<ProbeEngine> engine, DomainConfig domain,
                                             DomainMemory memory, Milliseconds limit);

/// One MX host, waiting for a probe of the same host that is under way.
boost::asio::awaitable<MxHostObservation> probe_mx_host(std::shared_ptr<ProbeEngine> engine, std::string host,
                                                        ProbeOptions options);

}  // namespace mtasts
