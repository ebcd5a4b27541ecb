// What the probes of one configuration share, and the configuration in the probes' own words.
// Next: live_probe.h, which probes one domain with it; probe_loop.h, which keeps probing all.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "exporter/config.h"
#include "exporter/report_targets.h"
#include "probes/core/classify.h"
#include "probes/net/domain_probe.h"

namespace mtasts {

ProbeOptions probe_options(const Config& config);
ClassifyOptions classify_options(const Config& config);
/// /etc/resolv.conf, as far as anybody would write one; "" without it.
std::string resolv_conf_text();
/// The servers of the configuration, or those of /etc/resolv.conf, with `dns.trust_ad` applied, and what one of several
/// resolvers may ask of them.
ResolverOptions resolver_options(const Config& config, std::size_t resolvers = 1);
PeerLimitOptions peer_limit_options(const Config& config);

/// Lives as long as a probe of its configuration runs; a reload makes a new one. Belongs to one loop, of the several
/// that a configuration may have, and shares the limits on connections with the others.
class ProbeEngine {
 public:
  /// One of `engines`. Input: `work` measures the loop. Errors: std::runtime_error when the trust store cannot be read.
  ProbeEngine(boost::asio::io_context& io, const Config& config, std::size_t engines,
              std::shared_ptr<PeerLimits> limits, std::shared_ptr<WorkMeter> work);
  /// The only one of its configuration. Errors: as above.
  ProbeEngine(boost::asio::io_context& io, const Config& config);
  ProbeEngine(const ProbeEngine&) = delete;
  ProbeEngine& operator=(const ProbeEngine&) = delete;

  const ProbeOptions options;
  const ClassifyOptions classify;
  const std::size_t max_hosts;
  LoopClock clock;
  HandshakeGate gate;
  const std::shared_ptr<PeerLimits> peers;
  TlsContext tls;
  Resolver resolver;
  NetContext net;
  ReportTargets report_targets;
  const Milliseconds report_target_max_age;  // for probes by the clock
};

}  // namespace mtasts
