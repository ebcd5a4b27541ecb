// The loops that probe, each on a thread of its own, and what they share.
// Next: probe_engine.h for what a loop has of a configuration; probe_loop.h, whose own loop is the first of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "exporter/probe_engine.h"
#include "probes/net/work_meter.h"

namespace mtasts {

/// The engines of a configuration, one per loop. The same name always has the same one, so that what an engine
/// remembers of a host serves the next probe of it. Empty before the first configuration.
class ProbeEngines {
 public:
  ProbeEngines() = default;
  explicit ProbeEngines(std::vector<std::shared_ptr<ProbeEngine>> engines) : engines_(std::move(engines)) {}

  [[nodiscard]] bool empty() const { return engines_.empty(); }
  [[nodiscard]] const std::shared_ptr<ProbeEngine>& of(const std::string& name) const {
    return engines_[std::hash<std::string>{}(name) % engines_.size()];
  }
  /// For what they all have alike. It belongs to the first loop.
  [[nodiscard]] ProbeEngine& first() const { return *engines_.front(); }
  [[nodiscard]] const std::vector<std::shared_ptr<ProbeEngine>>& all() const { return engines_; }

 private:
  std::vector<std::shared_ptr<ProbeEngine>> engines_{};
};

/// Makes engines, start() and stop() are called one after another, on whatever thread.
class ProbeThreads {
 public:
  /// Input: `first` is run by the caller, and outlives this.
  explicit ProbeThreads(boost::asio::io_context& first);
  ~ProbeThreads();  // stops
  ProbeThreads(const ProbeThreads&) = delete;
  ProbeThreads& operator=(const ProbeThreads&) = delete;

  /// As many as the configuration has threads; a loop that one configuration had and the next has not idles. An engine
  /// ends on its own loop. Errors: std::runtime_error when the trust store cannot be read.
  [[nodiscard]] ProbeEngines make_engines(const Config& config);

  void start();
  /// Stops all but the first and joins their threads; the probes on them are abandoned.
  void stop();

  /// What all loops together spent on it since the start. Of any thread.
  [[nodiscard]] std::chrono::nanoseconds spent(Activity activity) const;

 private:
  class Loop;

  boost::asio::io_context& loop(std::size_t index);

  boost::asio::io_context& first_;
  std::vector<std::unique_ptr<Loop>> others_{};
  const std::array<std::shared_ptr<WorkMeter>, kMostProbeThreads> meters_;  // by loop; read while loops are added
  bool running_{};
};

}  // namespace mtasts
