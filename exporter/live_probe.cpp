// SPDX-License-Identifier: Apache-2.0
#include "exporter/live_probe.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <string_view>
#include <tuple>

#include "probes/core/classify_report_target.h"

namespace mtasts {
namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;
namespace {

// For MX hosts when the domain has used up all the time.
constexpr Milliseconds kLeastTime{1000};
// Where reports go is the least of a verdict.
constexpr int kPartForReportTargets = 8;
constexpr std::string_view kTooLittleTime = "no verdict within the time that the scrape allows";

/// Probes all hosts side by side and returns when the last one is done, in the order given.
asio::awaitable<std::vector<MxHostObservation>> probe_mx_hosts(std::shared_ptr<ProbeEngine> engine,
                                                               std::vector<std::string> names, ProbeOptions options) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());  // the probes use this frame
  asio::steady_timer all_done(engine->clock.io(), SteadyTime::max());
  std::vector<MxHostObservation> seen(names.size());
  std::size_t left = names.size();
  std::exception_ptr failure;
  for (std::size_t i = 0; i < names.size(); ++i) {
    asio::co_spawn(engine->clock.io(), probe_mx_host(engine, names[i], options),
                   [&seen, &left, &all_done, &failure, i](std::exception_ptr error, MxHostObservation host) {
                     if (error) failure = error;
                     seen[i] = std::move(host);
                     if (--left == 0) all_done.cancel();
                   });
  }
  if (left > 0) co_await all_done.async_wait(asio::as_tuple(asio::use_awaitable));
  if (failure) std::rethrow_exception(failure);
  co_return seen;
}

std::vector<std::string> hosts_to_probe(const DomainObservation& seen, std::size_t max_hosts) {
  std::vector<std::string> names;
  for (const MxRecord& record : mx_hosts_of(seen)) {
    if (names.size() == max_hosts) break;
    names.push_back(record.host);
  }
  return names;
}

/// Did a peer run into a limit that the configuration would not have set it? Then its silence says nothing yet. Input:
/// what is shared by all attempts here, and what is configured for one.
template <class Attempts>
bool cut_short(const ProbeEngine& engine, const Attempts& attempts, Milliseconds shared, Milliseconds configured) {
  const auto share = [&](Milliseconds total) { return share_of(total, Milliseconds{}, attempts.size(), configured); };
  return share(shared) < share(engine.options.timeout) &&
         std::any_of(attempts.begin(), attempts.end(), [](const auto& attempt) {
           return attempt.failure && attempt.failure->error == NetError::timeout;
         });
}

}  // namespace

asio::awaitable<DomainObservation> probe_domain(std::shared_ptr<ProbeEngine> engine, std::string domain,
                                                ProbeOptions options, std::optional<std::string> not_for_id,
                                                ReportTargetTiming timing) {
  DomainObservation seen =
      co_await observe_domain(engine->net, engine->resolver, std::move(domain), options, not_for_id);
  std::vector<ReportTarget> targets = targets_to_observe(seen);
  if (targets.empty()) co_return seen;
  const auto start = std::chrono::steady_clock::now();
  seen.report_targets = co_await ReportTargets::observe(engine, std::move(targets), timing);
  seen.total_duration += std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - start);
  co_return seen;
}

asio::awaitable<MxHostObservation> probe_mx_host(std::shared_ptr<ProbeEngine> engine, std::string host,
                                                 ProbeOptions options) {
  const Turns::Turn turn = co_await engine->net.peers.enter_host(host);
  co_return co_await observe_mx_host(engine->net, engine->resolver, host, options);
}

asio::awaitable<LiveObservation> observe_live(std::shared_ptr<ProbeEngine> engine, std::string domain,
                                              Milliseconds limit, std::optional<std::string> not_for_id) {
  const auto start = std::chrono::steady_clock::now();
  LiveObservation observed;
  ProbeOptions options = engine->options;
  options.timeout = std::min(options.timeout, limit / 2);
  ReportTargetTiming timing;
  timing.patience = limit / kPartForReportTargets;
  observed.seen = co_await probe_domain(engine, std::move(domain), options, not_for_id, timing);
  if (observed.seen.policy &&
      cut_short(*engine, observed.seen.policy->attempts, options.timeout, options.policy.timeout))
    observed.seen.spoiled = std::string(kTooLittleTime);
  std::vector<std::string> names = hosts_to_probe(observed.seen, engine->max_hosts);
  options.timeout = std::min(engine->options.timeout, std::max(limit - observed.seen.total_duration, kLeastTime));
  auto hosts_and_clear_text =
      probe_mx_hosts(engine, std::move(names), options) && observe_clear_text(engine->net, observed.seen, options);
  std::tie(observed.hosts, observed.seen.clear_text) = co_await std::move(hosts_and_clear_text);
  for (MxHostObservation& host : observed.hosts) {
    const bool cut = cut_short(*engine, host.sessions, options.timeout, options.smtp.timeout) ||
                     cut_short(*engine, host.base_domain_sessions, options.timeout, options.smtp.timeout);
    if (cut) host.spoiled = std::string(kTooLittleTime);
  }
  observed.duration = std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - start);
  co_return observed;
}

LiveProbe judge_live(const ProbeEngine& engine, const DomainConfig& domain, const KnownBefore& known,
                     LiveObservation observed) {
  const UnixTime now = engine.net.now();
  LiveProbe probe{.seen = std::move(observed.seen), .hosts = std::move(observed.hosts), .duration = observed.duration};
  MxVerdicts by_host;
  probe.mx.reserve(probe.hosts.size());
  for (const MxHostObservation& host : probe.hosts) {
    const auto before = std::find_if(known.mx.begin(), known.mx.end(),
                                     [&host](const MxVerdict& verdict) { return verdict.host == host.host; });
    probe.mx.push_back(classify_mx_host(host, before == known.mx.end() ? nullptr : &*before, engine.classify, now));
    by_host[host.host] = &probe.mx.back();
  }
  const DomainMemory remembered = remember(known.memory, probe.seen);
  const DomainInputs inputs{.seen = probe.seen,
                            .memory = remembered,
                            .mx = by_host,
                            .previous = known.verdict ? &*known.verdict : nullptr,
                            .expected_mode = domain.expect_mode,
                            .require_dane = domain.require_dane,
                            .max_hosts = engine.max_hosts};
  probe.verdict = classify_domain(inputs, engine.classify, now);
  probe.memory = remembered;
  return probe;
}

}  // namespace mtasts
