// Keeps probing: what is due starts in a bounded number of slots, what ends is judged, published and stored.
// Next: schedule.h for when, live_probe.h for a probe on demand, probes/core/classify.h for the judging.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "exporter/config.h"
#include "exporter/live_probe.h"
#include "exporter/metrics.h"
#include "exporter/snapshot.h"
#include "probes/core/domain_history.h"

namespace mtasts {

/// What a domain leaves behind for the next run of the program.
struct DomainKeepsake {
  DomainVerdict verdict{};
  DomainMemory memory{};
};

/// Where states go to be kept; called on the loop's thread, so these must not wait. Empty ones are skipped.
struct StateKeeper {
  std::function<void(const DomainKeepsake&)> save_domain{};
  std::function<void(const MxVerdict&)> save_mx_host{};
  std::function<void(const std::string& domain, const FaultEpisode& episode)> record_episode{};
  std::function<void(const std::string& domain, const FaultEpisode& episode)> withdraw_episode{};
  std::function<void(const std::string& domain, const DomainChange& change)> record_change{};
  /// What a probe saw, when it differs from what was kept before in more than times. They return whether they took it.
  std::function<bool(const DomainObservation& seen)> save_observation{};
  std::function<bool(const MxHostObservation& seen)> save_mx_observation{};
  std::function<void(const std::string& domain)> forget_domain{};
  std::function<void(const std::string& host)> forget_mx_host{};
};

/// The probing half of the daemon, on a thread of its own. Every function may be called from any thread.
class ProbeLoop {
 public:
  /// Input: snapshots and self outlive the loop.
  ProbeLoop(SnapshotStore& snapshots, SelfMetrics& self, StateKeeper keeper);
  ~ProbeLoop();  // stops
  ProbeLoop(const ProbeLoop&) = delete;
  ProbeLoop& operator=(const ProbeLoop&) = delete;

  /// Takes back what an earlier run knew; before the first configuration.
  void restore(std::vector<DomainKeepsake> domains, std::vector<MxVerdict> mx_hosts);

  /// Gets ready for a configuration. Calling the result makes it the one that counts, and cannot fail: new domains get
  /// their turn, and when it returns removed ones are gone. Never called on the loop's thread, nor while stop() runs.
  /// Errors: std::runtime_error when the trust store cannot be read.
  [[nodiscard]] std::function<void()> prepare(const Config& config);

  void start();

  /// Abandons the probes in flight and joins the thread; what was published stays.
  void stop();

  /// Probes a domain now, configured or not. `done` is called on the loop's thread at the latest when `limit` has
  /// passed, with our own trouble as the reason; never once stopped, nor when `client` has gone.
  void probe_now(DomainConfig domain, Milliseconds limit, std::function<void(LiveProbe)> done,
                 std::stop_token client = {});

  /// Runs a task when every loop that probes has had a turn; never once stopped.
  void after_a_turn(std::function<void()> task);

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace mtasts
