// Probes that somebody waits for: who asks for a domain that is being probed waits for that probe, and there are never
// more than a number of them. Next: probe_loop.h, which probes; routes.h for /probe and /check.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "exporter/config.h"
#include "exporter/live_probe.h"

namespace mtasts {

/// A probe that reached no verdict, and why. Its state is unknown.
LiveProbe no_verdict(const std::string& domain, std::string reason);

/// Used on the thread of its loop alone.
class OnDemandProbes {
 public:
  using Done = std::function<void(LiveProbe)>;
  /// Begins a probe that may take `limit` and calls `done` once when it has ended.
  using Begin = std::function<void(const DomainConfig& domain, Milliseconds limit, Done done)>;

  OnDemandProbes(boost::asio::io_context& io, Begin begin) : io_(io), begin_(std::move(begin)) {}

  /// Calls `done` once: with what the probe brought, or when `limit` is over without a verdict. Shares a probe of the
  /// same domain that may take at least as long. Input: `most`, how many probes may be under way; beyond it the answer
  /// is `overloaded`, at once. Who waits and has gone, as `client` tells, may be forgotten: `done` is never called
  /// then.
  void ask(const DomainConfig& domain, Milliseconds limit, std::size_t most, std::stop_token client, Done done);

 private:
  struct Answer;
  struct Probe;

  std::shared_ptr<Probe> shared_probe(const DomainConfig& domain, Milliseconds limit) const;
  std::shared_ptr<Probe> begin(const DomainConfig& domain, Milliseconds limit);
  void ended(const std::shared_ptr<Probe>& probe, const LiveProbe& brought);

  boost::asio::io_context& io_;
  Begin begin_;
  std::multimap<std::string, std::shared_ptr<Probe>> running_{};
};

}  // namespace mtasts
