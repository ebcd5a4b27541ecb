// SPDX-License-Identifier: Apache-2.0
#include "exporter/probe_threads.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <thread>

#include "exporter/worker_pool.h"

namespace mtasts {
namespace asio = boost::asio;

namespace {

std::array<std::shared_ptr<WorkMeter>, kMostProbeThreads> new_meters() {
  std::array<std::shared_ptr<WorkMeter>, kMostProbeThreads> meters;
  for (auto& meter : meters) meter = std::make_shared<WorkMeter>();
  return meters;
}

}  // namespace

class ProbeThreads::Loop {
 public:
  Loop() : work_(asio::make_work_guard(io_)) {}

  asio::io_context& io() { return io_; }
  void start() {
    thread_ = std::jthread([this] { run_loop(io_); });
  }
  void stop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::jthread thread_{};
};

ProbeThreads::ProbeThreads(asio::io_context& first) : first_(first), meters_(new_meters()) {}
ProbeThreads::~ProbeThreads() { stop(); }

asio::io_context& ProbeThreads::loop(std::size_t index) {
  if (index == 0) return first_;
  while (others_.size() < index) {
    auto next = std::make_unique<Loop>();
    if (running_) next->start();  // may throw; a loop that nobody runs must not be used later
    others_.push_back(std::move(next));
  }
  return others_[index - 1]->io();
}

ProbeEngines ProbeThreads::make_engines(const Config& config) {
  const auto limits = std::make_shared<PeerLimits>(peer_limit_options(config));
  std::vector<std::shared_ptr<ProbeEngine>> engines;
  for (std::size_t i = 0; i < config.probe.threads; ++i) {
    asio::io_context& io = loop(i);
    auto engine = std::make_unique<ProbeEngine>(io, config, config.probe.threads, limits, meters_[i]);
    // The last probe may end on another thread than the one that the engine's timers belong to.
    const auto end_on_its_loop = [&io](ProbeEngine* ended) {
      asio::post(io, [owner = std::unique_ptr<ProbeEngine>(ended)] {});
    };
    engines.emplace_back(engine.release(), end_on_its_loop);
  }
  return ProbeEngines(std::move(engines));
}

void ProbeThreads::start() {
  running_ = true;
  for (const auto& other : others_) other->start();
}

void ProbeThreads::stop() {
  for (const auto& other : others_) other->stop();
  running_ = false;
}

std::chrono::nanoseconds ProbeThreads::spent(Activity activity) const {
  std::chrono::nanoseconds sum{};
  for (const auto& meter : meters_) sum += meter->spent(activity);
  return sum;
}

}  // namespace mtasts
