// What all probes of one configuration share, and the configuration in the probes' own words.
// Next: live_probe.h, which probes one domain with it; probe_loop.h, which keeps probing all.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>

#include "exporter/config.h"
#include "exporter/host_locks.h"
#include "exporter/report_targets.h"
#include "probes/core/classify.h"
#include "probes/net/domain_probe.h"

namespace mtasts {

ProbeOptions probe_options(const Config& config);
ClassifyOptions classify_options(const Config& config);
/// The servers of the configuration, or those of /etc/resolv.conf, with `dns.trust_ad` applied.
ResolverOptions resolver_options(const Config& config);

/// Lives as long as a probe of its configuration runs; a reload makes a new one. Belongs to one loop.
class ProbeEngine {
 public:
  /// Errors: std::runtime_error when the trust store cannot be read.
  ProbeEngine(boost::asio::io_context& io, const Config& config);
  ProbeEngine(const ProbeEngine&) = delete;
  ProbeEngine& operator=(const ProbeEngine&) = delete;

  const ProbeOptions options;
  const ClassifyOptions classify;
  const std::size_t max_hosts;
  LoopClock clock;
  HandshakeGate gate;
  PeerLimits peers;
  TlsContext tls;
  Resolver resolver;
  NetContext net;
  HostLocks hosts;
  ReportTargets report_targets;
  const Milliseconds report_target_max_age;  // for probes by the clock
};

}  // namespace mtasts
