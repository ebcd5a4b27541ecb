// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_targets.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "exporter/probe_engine.h"
#include "probes/core/own_trouble.h"

namespace mtasts {
namespace asio = boost::asio;
namespace {

// All connections to one target together: an ordinary peer may take its time, and nobody waits for a dead one for long.
constexpr Milliseconds kMostTime{10000};
constexpr std::size_t kMostAddresses = 2;  // per family
// What told nothing is looked at again this soon, and not for every domain that names the target.
constexpr std::chrono::minutes kRetryAfter{1};

ProbeOptions options_for_targets(ProbeOptions options) {
  options.timeout = std::min({options.timeout, options.policy.timeout, kMostTime});
  options.max_addresses = std::min(options.max_addresses, kMostAddresses);
  return options;
}

/// `engine` is held until the look has ended.
asio::awaitable<ReportTargetObservation> look(std::shared_ptr<ProbeEngine> engine, ReportTarget target) {
  const ProbeOptions options = options_for_targets(engine->options);
  co_return co_await observe_report_target(engine->net, engine->resolver, std::move(target), options);
}

bool was_silent(const ReportTargetObservation& seen) {
  return std::any_of(seen.attempts.begin(), seen.attempts.end(),
                     [](const HandshakeAttempt& attempt) { return silent(attempt.failure); });
}

bool told_nothing(const ReportTargetObservation& seen) {
  const bool mailbox = seen.target.kind == ReportTargetKind::mailbox;
  return seen.spoiled || lookup_failed(seen.lookup) || (mailbox && lookup_failed(seen.mx.lookup));
}

}  // namespace

/// One look at one target, under way or ended.
struct ReportTargets::Look {
  /// Returns when the look has ended or at `until`.
  asio::awaitable<void> wait(asio::io_context& io, SteadyTime until) {
    const auto timer = std::make_shared<asio::steady_timer>(io, until);
    waiting.push_back(timer);
    co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
  }

  void end(Seen brought) {
    seen = std::move(brought);
    ended = std::chrono::steady_clock::now();
    for (const auto& timer : std::exchange(waiting, {})) timer->cancel();
  }

  [[nodiscard]] bool is_fresh(Milliseconds max_age) const {
    if (!ended) return true;  // it is as fresh as any
    const bool vain = !seen || told_nothing(*seen);
    return std::chrono::steady_clock::now() - *ended < (vain ? std::min<Milliseconds>(max_age, kRetryAfter) : max_age);
  }

  Seen seen{};  // while the look is under way, what the one before has seen
  std::optional<SteadyTime> ended{};
  std::vector<std::shared_ptr<asio::steady_timer>> waiting{};
};

ReportTargets::ReportTargets() = default;
ReportTargets::~ReportTargets() = default;

std::shared_ptr<ReportTargets::Look> ReportTargets::look_at(const std::shared_ptr<ProbeEngine>& engine,
                                                            const ReportTarget& target, Milliseconds max_age) {
  const auto known = looks_.find(target);
  if (known != looks_.end() && known->second->is_fresh(max_age)) return known->second;
  auto started = std::make_shared<Look>();
  if (known != looks_.end()) started->seen = known->second->seen;
  if (known == looks_.end() && looks_.size() >= kMostHeld) looks_.clear();
  looks_[target] = started;
  asio::co_spawn(engine->clock.io(), look(engine, target),
                 [started](std::exception_ptr error, ReportTargetObservation seen) {
                   started->end(error ? nullptr : std::make_shared<const ReportTargetObservation>(std::move(seen)));
                 });
  return started;
}

asio::awaitable<std::vector<ReportTargets::Seen>> ReportTargets::observe(std::shared_ptr<ProbeEngine> engine,
                                                                         std::vector<ReportTarget> targets,
                                                                         ReportTargetTiming timing) {
  const SteadyTime until = std::chrono::steady_clock::now() + timing.patience;
  std::vector<std::shared_ptr<Look>> looks;
  for (const ReportTarget& target : targets)
    looks.push_back(engine->report_targets.look_at(engine, target, timing.max_age));
  std::vector<Seen> seen;
  for (const auto& each : looks) {
    const bool earlier_will_do = timing.max_age > Milliseconds{} && each->seen;
    if (!each->ended && !earlier_will_do) co_await each->wait(engine->clock.io(), until);
    if (each->seen && (each->ended || earlier_will_do)) seen.push_back(each->seen);
  }
  co_return seen;
}

void ReportTargets::forget_silent() {
  std::erase_if(looks_, [](const auto& entry) { return entry.second->seen && was_silent(*entry.second->seen); });
}

}  // namespace mtasts
