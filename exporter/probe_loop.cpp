// SPDX-License-Identifier: Apache-2.0
#include "exporter/probe_loop.h"

#include <algorithm>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <future>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <unordered_map>

#include "exporter/descriptor_limit.h"
#include "exporter/egress.h"
#include "exporter/kept_clock.h"
#include "exporter/log.h"
#include "exporter/on_demand.h"
#include "exporter/probe_threads.h"
#include "exporter/probe_turns.h"
#include "exporter/schedule.h"
#include "exporter/watched.h"
#include "exporter/worker_pool.h"
#include "probes/core/catalogue.h"
#include "probes/core/clock_skew.h"
#include "probes/core/own_trouble.h"
#include "probes/net/ip_family.h"

namespace mtasts {
namespace asio = boost::asio;
namespace {

// The same id is not fetched again this soon after a failed fetch (RFC 8461 section 3.3).
constexpr std::chrono::minutes kSameIdWait{5};
constexpr std::string_view kInternalError = "internal error";
constexpr std::string_view kWayLost = "this machine has lost its way out";
constexpr std::string_view kClockWrong = "this machine's clock and the policy hosts' differ: dates cannot be judged";
// Latency and the whole seconds of an HTTP date account for some; beyond this, somebody's clock is off.
constexpr std::chrono::seconds kClockTolerance{30};
// A target that takes longer to look at serves the next probe.
constexpr Milliseconds kReportTargetPatience{30000};
// How often gauges about the loop itself are refreshed.
constexpr std::chrono::seconds kGaugeInterval{1};
// How often every DNS server is asked whether it answers, and whether it validates.
constexpr std::chrono::minutes kResolverCheckInterval{1};

// Keys of the schedule: domains and MX hosts share it, and a name may be both.
std::string domain_key(const std::string& name) { return "d " + name; }
std::string mx_key(const std::string& host) { return "m " + host; }
bool is_domain_key(std::string_view key) { return key.starts_with('d'); }
std::string name_of_key(std::string_view key) { return std::string(key.substr(2)); }

ScheduleTime schedule_now() { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now()); }

ProbeOutcome outcome_of(const DomainVerdict& verdict) {
  return own_half_failing(verdict) ? ProbeOutcome::failed : ProbeOutcome::ok;
}

/// Input: a code of the catalogue (CodeKind::outcome).
ProbeOutcome schedule_outcome(std::string_view outcome) {
  if (outcome == "ok") return ProbeOutcome::ok;
  return outcome == "unknown" ? ProbeOutcome::unknown : ProbeOutcome::failed;
}

/// What the configuration says, else one for 25 domains: a few in a hundred hosts are dead, and each holds its place
/// for up to a minute. Some descriptors are left to the rest of the program.
std::size_t probes_at_once(const Config& config) {
  constexpr std::size_t kLeast = 512;
  constexpr std::size_t kDomainsPerProbe = 25;
  if (config.probe.concurrency > 0) return config.probe.concurrency;
  const std::size_t descriptors = std::max(kLeast, descriptor_limit() / 4 * 3);
  return std::clamp(config.domains.size() / kDomainsPerProbe, kLeast, descriptors);
}

/// What of a host's verdict a domain's verdict depends on; dates and durations are the host's own affair.
bool same_for_domains(const MxVerdict& a, const MxVerdict& b) {
  const auto verified = [](const Boxed<MxFamilyVerdict>& family) {
    return family ? std::optional(std::pair(family->reachable, family->verified)) : std::nullopt;
  };
  return a.known == b.known && a.lookup_success == b.lookup_success && a.secure_delivery == b.secure_delivery &&
         a.tlsa_lookup_success == b.tlsa_lookup_success && a.dane == b.dane && a.faults == b.faults &&
         a.findings == b.findings && verified(a.ipv4) == verified(b.ipv4) && verified(a.ipv6) == verified(b.ipv6);
}

bool has_date_fault(const TlsObservation& tls) {
  return std::any_of(tls.problems.begin(), tls.problems.end(), [](const CertificateProblem& problem) {
    return problem.fault == CertificateFault::expired || problem.fault == CertificateFault::not_yet_valid;
  });
}

std::string fault_summary(const DomainVerdict& verdict) {
  std::string text;
  for (const Fault& fault : verdict.faults) {
    text += (text.empty() ? "" : ", ") + std::string(to_string(fault.type)) + " at " + fault.host + " (" +
            fault.reason + ")";
  }
  return text;
}

/// What is worth acting on beside the faults.
std::string finding_summary(const DomainVerdict& verdict) {
  std::string text;
  for (const Finding& finding : verdict.findings) {
    const CatalogueEntry* entry = find_code(CodeKind::finding, finding.code);
    if (entry == nullptr || entry->severity == Severity::info) continue;
    text += (text.empty() ? "" : ", ") + finding.code + " at " + finding.host;
  }
  return text;
}

}  // namespace

class ProbeLoop::Core {
 public:
  Core(SnapshotStore& snapshots, SelfMetrics& self, StateKeeper keeper)
      : snapshots_(snapshots),
        self_(self),
        keeper_(std::move(keeper)),
        work_(asio::make_work_guard(io_)),
        wake_(io_),
        gauges_(io_),
        resolver_check_(io_),
        schedule_({}, std::random_device{}()) {}

  void restore(std::vector<DomainKeepsake> domains, std::vector<MxVerdict> mx_hosts) {
    for (DomainKeepsake& kept : domains) kept_domains_[kept.verdict.domain] = std::move(kept);
    for (MxVerdict& kept : mx_hosts) kept_hosts_[kept.host] = std::move(kept);
  }

  std::function<void()> prepare(const Config& config) {
    ProbeEngines engines = threads_.make_engines(config);  // may throw: nothing has changed yet
    return [this, engines = std::move(engines), config] {
      // Before the loop runs there is nobody to disturb: what was kept is shown before anyone can ask for it.
      if (!thread_.joinable()) return apply(engines, config);
      const auto task = std::make_shared<std::packaged_task<void()>>([&] { apply(engines, config); });
      std::future<void> applied = task->get_future();
      asio::post(io_, [task] { (*task)(); });
      applied.get();
    };
  }

  void start() {
    look_after();
    threads_.start();
    thread_ = std::jthread([this] { run_loop(io_); });
  }

  void stop() {
    threads_.stop();
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  void probe_now(DomainConfig domain, Milliseconds limit, std::function<void(LiveProbe)> done, std::stop_token client) {
    asio::post(io_, [this, domain = std::move(domain), limit, done = std::move(done), client]() mutable {
      if (!client.stop_requested()) on_demand_.ask(domain, limit, concurrency_, client, std::move(done));
    });
  }

  void after_a_turn(std::function<void()> task) {
    asio::post(io_, [this, task = std::move(task)] { visit(engines_.all(), task); });
  }

 private:
  using Engines = std::vector<std::shared_ptr<ProbeEngine>>;

  /// Goes from loop to loop, the last first, and comes back each time.
  void visit(Engines left, std::function<void()> task) {
    if (left.empty()) return task();
    asio::io_context& next = left.back()->clock.io();
    left.pop_back();
    asio::post(next, [this, left = std::move(left), task = std::move(task)]() mutable {
      asio::post(io_, [this, left = std::move(left), task = std::move(task)]() mutable {
        visit(std::move(left), std::move(task));
      });
    });
  }

  void begin_on_demand(const DomainConfig& domain, Milliseconds limit, OnDemandProbes::Done done) {
    const auto watched = domains_.find(domain.name);
    const auto not_for_id = watched == domains_.end() ? std::nullopt : id_to_spare(watched->second);
    const std::shared_ptr<ProbeEngine>& engine = engines_.of(domain.name);
    run_on(engine, observe_live(engine, domain.name, limit * 9 / 10, not_for_id),  // a tenth is for the judging
           [this, domain, done = std::move(done)](std::exception_ptr error, LiveObservation observed) {
             done(error ? no_verdict(domain.name, std::string(kInternalError))
                        : judge_safely(domain, std::move(observed)));
           });
  }

  /// Whoever asked gets an answer, even when there is no memory for a verdict.
  LiveProbe judge_safely(const DomainConfig& domain, LiveObservation observed) {
    try {
      return judge_now(domain, std::move(observed));
    } catch (const std::exception& error) {
      log_error(kInternalError, {{"domain", domain.name}, {"error", error.what()}});
      return no_verdict(domain.name, std::string(kInternalError));
    }
  }

  /// An answer cannot be taken back, so doubt is enough to blame ourselves.
  LiveProbe judge_now(const DomainConfig& domain, LiveObservation observed) {
    KnownBefore known;
    if (const auto entry = domains_.find(domain.name); entry != domains_.end()) {
      known.memory = entry->second.memory();
      if (entry->second.verdict) known.verdict = *entry->second.verdict;
    }
    egress_.excuse(observed.seen);
    note_clock(observed.seen, domains_.contains(domain.name));
    excuse_target_clocks(observed.seen);
    for (MxHostObservation& host : observed.hosts) {
      egress_.excuse(host);
      excuse_clock(host);
      const auto entry = hosts_.find(host.host);
      if (entry != hosts_.end() && entry->second.verdict) known.mx.push_back(*entry->second.verdict);
    }
    return judge_live(engine(), domain, known, std::move(observed));
  }

  /// Of the configuration, for what does not depend on the thread.
  [[nodiscard]] ProbeEngine& engine() const { return engines_.first(); }

  // --- configuration -------------------------------------------------------------------------------------------

  void apply(const ProbeEngines& engines, const Config& config) {
    engines_ = engines;
    engine().peers->on_wait([this] { asio::post(io_, [this] { start_due(); }); });
    concurrency_ = probes_at_once(config);
    interval_ = config.probe.interval;
    schedule_.set_intervals({.interval = config.probe.interval, .retry_interval = config.probe.retry_interval},
                            schedule_now());
    std::map<std::string, const DomainConfig*> wanted;
    for (const DomainConfig& domain : config.domains) wanted[domain.name] = &domain;
    remove_unwanted(wanted);
    std::vector<DomainSlot> slots;
    for (const auto& [name, domain] : wanted) slots.push_back({.name = name, .labels = domain->labels});
    snapshots_.set_domains(std::move(slots));
    for (const auto& [name, domain] : wanted) add_domain(*domain);
    self_.set_probe_interval(config.probe.interval);
    self_.set_shard(config.sharding.index, config.sharding.count);
    self_.clear_dns_servers();
    check_resolver();
    start_due();
  }

  void remove_unwanted(const std::map<std::string, const DomainConfig*>& wanted) {
    for (auto domain = domains_.begin(); domain != domains_.end();) {
      if (wanted.contains(domain->first)) {
        ++domain;
        continue;
      }
      take_hosts(domain->second, {});
      schedule_.remove(domain_key(domain->first));
      egress_.forget_domain(domain->first);
      if (keeper_.forget_domain) keeper_.forget_domain(domain->first);
      domain = domains_.erase(domain);
    }
  }

  void add_domain(const DomainConfig& config) {
    const auto [entry, is_new] = domains_.try_emplace(config.name);
    WatchedDomain& domain = entry->second;
    domain.name = entry->first;
    domain.expect_mode = config.expect_mode;
    domain.require_dane = config.require_dane;
    if (!is_new) return;
    ScheduleEntry due{.key = domain_key(config.name)};
    const auto kept = kept_domains_.find(config.name);
    if (kept != kept_domains_.end()) {
      due.age = age_of(kept->second.verdict.probed);
      due.outcome = outcome_of(kept->second.verdict);
      take_back(domain, std::move(kept->second));
      kept_domains_.erase(kept);
    }
    to_schedule_.push_back(std::move(due));
  }

  /// A restart shows the last verdict at once; what time alone has ended since is taken out of it.
  void take_back(WatchedDomain& domain, DomainKeepsake kept) {
    domain.set_memory(kept.memory);
    DomainVerdict& verdict = kept.verdict;
    const bool expired = verdict.in_force && engine().net.now() >= verdict.in_force->until;
    if (expired) verdict.in_force.reset();
    verdict.expected_mode = domain.expect_mode;
    std::vector<std::string> hosts;
    for (const MxMembership& member : verdict.mx) hosts.push_back(member.host);
    take_hosts(domain, std::move(hosts));
    show(domain, std::move(verdict));
  }

  void show(WatchedDomain& domain, DomainVerdict verdict) {
    const WorkMeter::Section section(engine().clock.work(), Activity::publication);
    domain.verdict = std::make_shared<const DomainVerdict>(std::move(verdict));
    snapshots_.publish(domain.verdict);
  }

  void show(WatchedHost& host, MxVerdict verdict) {
    const WorkMeter::Section section(engine().clock.work(), Activity::publication);
    host.verdict = std::make_shared<const MxVerdict>(std::move(verdict));
    snapshots_.publish(host.verdict);
  }

  [[nodiscard]] std::chrono::milliseconds age_of(UnixTime probed) const {
    return std::max(engine().net.now() - probed, std::chrono::seconds{0});
  }

  // --- MX hosts and who uses them ------------------------------------------------------------------------------

  void use_host(const std::string& name, WatchedDomain& domain) {
    const auto [entry, is_new] = hosts_.try_emplace(name);
    entry->second.domains.insert(&domain);
    if (!is_new) return;
    snapshots_.add_mx_host(name);
    ScheduleEntry due{.key = mx_key(name)};
    const auto kept = kept_hosts_.find(name);
    if (kept != kept_hosts_.end()) {
      due.age = age_of(kept->second.probed);
      note_reached(kept->second);
      show(entry->second, std::move(kept->second));
      kept_hosts_.erase(kept);
    }
    to_schedule_.push_back(std::move(due));
  }

  /// What an earlier run reached tells a host that is down from a way that is lost, from the first probe on.
  void note_reached(const MxVerdict& host) {
    if (host.ipv4 && host.ipv4->reachable) egress_.was_reached(IpFamily::ipv4, host.host);
    if (host.ipv6 && host.ipv6->reachable) egress_.was_reached(IpFamily::ipv6, host.host);
  }

  /// A lookup that failed says nothing about the set: the hosts stay.
  void take_mx_set(WatchedDomain& domain, const DomainObservation& seen) {
    if (lookup_failed(seen.mx.lookup)) return;
    std::vector<std::string> names;
    for (const MxRecord& record : mx_hosts_of(seen)) {
      if (names.size() == engine().max_hosts) break;
      names.push_back(record.host);
    }
    take_hosts(domain, std::move(names));
  }

  /// From now on the domain uses these hosts alone.
  void take_hosts(WatchedDomain& domain, std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    if (names == domain.hosts) return;
    const std::vector<std::string> before = std::exchange(domain.hosts, std::move(names));
    for (const std::string& name : before) {
      if (!domain.uses(name)) release_host(name, domain);
    }
    for (const std::string& name : domain.hosts) use_host(name, domain);
  }

  void release_host(const std::string& name, WatchedDomain& domain) {
    const auto host = hosts_.find(name);
    if (host == hosts_.end()) return;
    host->second.domains.erase(&domain);
    if (!host->second.domains.empty()) return;
    schedule_.remove(mx_key(name));
    snapshots_.remove_mx_host(name);
    egress_.forget_mx_host(name);
    if (keeper_.forget_mx_host) keeper_.forget_mx_host(name);
    hosts_.erase(host);
  }

  // --- running -------------------------------------------------------------------------------------------------

  void start_due() {
    const ScheduleTime now = schedule_now();
    take_back_dropped();
    schedule_.add(to_schedule_, now);
    to_schedule_ = std::vector<ScheduleEntry>();  // a first pass has many, and no other has
    while (has_free_slot()) {
      const auto due = schedule_.next_due(now);
      if (!due) break;
      ProbeTurns::Turn turn(turns_, std::string(due->key));
      schedule_.started(turn.key(), now);
      ++in_flight_;
      is_domain_key(turn.key()) ? start_domain(std::move(turn)) : start_host(std::move(turn));
    }
    const auto wake_at = schedule_.wake_at();
    wake_.expires_at(has_free_slot() && wake_at ? SteadyTime(std::max(*wake_at, now)) : SteadyTime::max());
    wake_.async_wait([this](const boost::system::error_code& error) {
      if (!error) start_due();
    });
  }

  /// A probe that waits for its turn at a provider takes no slot from the others, as long as not everybody waits.
  [[nodiscard]] bool has_free_slot() const {
    const std::size_t waiting = std::min(engines_.empty() ? 0 : engine().peers->waiting(), concurrency_);
    return in_flight_ < concurrency_ + waiting;
  }

  void ended(ProbeTurns::Turn turn, std::string_view outcome) {
    self_.count_probe(outcome);
    free_place(turn.key(), outcome);
    turn.give_back();
    start_due();
  }

  void free_place(const std::string& key, std::string_view outcome) {
    --in_flight_;
    schedule_.finished(key, schedule_outcome(outcome), schedule_now());
  }

  /// Probes that could not be started, or could not say that they had ended, have their turn again.
  void take_back_dropped() {
    turns_.take_dropped([this](const std::string& key) {
      free_place(key, "unknown");
      self_.count_probe("unknown");
    });
  }

  /// Judging may find no memory. The probe has ended all the same: its place is free, and its turn comes again.
  template <class Take>
  static std::string_view outcome_or_unknown(const Take& take) {
    try {
      return take();
    } catch (const std::exception& error) {
      log_error(kInternalError, {{"error", error.what()}});
      return "unknown";
    }
  }

  void start_domain(ProbeTurns::Turn turn) {
    const std::string name = name_of_key(turn.key());
    WatchedDomain& domain = domains_.at(name);
    domain.started_at = std::chrono::steady_clock::now();
    const std::shared_ptr<ProbeEngine>& engine = engines_.of(name);
    run_on(engine, probe_domain_with(engine, name, id_to_spare(domain)),
           [this, name, turn = std::move(turn)](std::exception_ptr error, DomainObservation seen) mutable {
             if (error) seen.spoiled = std::string(kInternalError);
             ended(std::move(turn), outcome_or_unknown([&] { return take_domain(name, std::move(seen)); }));
           });
  }

  /// Runs a probe on its engine's loop, and `ended` with what it brings on ours.
  template <class Observation, class Ended>
  void run_on(const std::shared_ptr<ProbeEngine>& engine, asio::awaitable<Observation> probe, Ended ended) {
    asio::co_spawn(engine->clock.io(), std::move(probe), asio::bind_executor(io_, std::move(ended)));
  }

  /// The id for which a fetch failed less than five minutes ago (RFC 8461 section 3.3).
  static std::optional<std::string> id_to_spare(const WatchedDomain& domain) {
    const Boxed<FailedFetch>& failed = domain.failed_fetch;
    const bool wait = failed && std::chrono::steady_clock::now() - failed->at < kSameIdWait;
    return wait ? std::optional(failed->id) : std::nullopt;
  }

  static asio::awaitable<DomainObservation> probe_domain_with(std::shared_ptr<ProbeEngine> engine, std::string name,
                                                              std::optional<std::string> not_for_id) {
    ReportTargetTiming timing;
    timing.max_age = engine->report_target_max_age;
    timing.patience = kReportTargetPatience;
    co_return co_await probe_domain(engine, std::move(name), engine->options, std::move(not_for_id), timing);
  }

  void start_host(ProbeTurns::Turn turn) {
    const std::string name = name_of_key(turn.key());
    const std::shared_ptr<ProbeEngine>& engine = engines_.of(name);
    run_on(engine, probe_mx_host(engine, name, engine->options),
           [this, name, turn = std::move(turn)](std::exception_ptr error, MxHostObservation seen) mutable {
             if (error) seen.spoiled = std::string(kInternalError);
             ended(std::move(turn), outcome_or_unknown([&] { return take_host(name, std::move(seen)); }));
           });
  }

  // --- what a probe brought ------------------------------------------------------------------------------------

  /// Judges and publishes it. Returns the probe's outcome.
  std::string_view take_domain(const std::string& name, DomainObservation seen) {
    const WorkMeter::Section section(engine().clock.work(), Activity::analysis);
    const auto entry = domains_.find(name);
    if (entry == domains_.end()) return "unknown";  // removed meanwhile
    WatchedDomain& domain = entry->second;
    seen.domain = name;
    const Egress::Suspected suspected = [this, &domain] { return take_back_of(domain); };
    egress_.note_policy(seen, suspected);
    egress_.note_lookups(seen, suspected);
    note_report_targets(seen, suspected);
    note_clock(seen);
    excuse_target_clocks(seen);
    self_.observe_phase(ProbePhase::dns, seen.dns_duration);
    if (seen.policy) self_.observe_phase(ProbePhase::policy, seen.policy_duration);
    DomainMemory memory = domain.memory();
    if (!seen.spoiled) {
      remember_probe(name, memory, seen);
      domain.set_memory(memory);
      take_mx_set(domain, seen);
    }
    const Boxed<std::string> spoiled_before = std::exchange(domain.spoiled, Boxed<std::string>(seen.spoiled));
    if (domain.spoiled) {
      if (domain.verdict || spoiled_before != domain.spoiled) publish_spoiled(domain, seen);
      return "unknown";
    }
    keep_observation(domain, seen);
    DomainVerdict verdict = judge(domain, seen, memory);
    note_failed_fetch(domain, seen, verdict);
    domain.seen.emplace(std::move(seen));
    const std::string_view outcome = own_half_failing(verdict) ? "failing" : "ok";
    if (hosts_judged(domain)) publish_joined(domain, std::move(verdict), memory);
    return outcome;
  }

  void remember_probe(const std::string& name, DomainMemory& memory, const DomainObservation& seen) {
    const DomainMemory before = memory;
    memory = remember(std::move(memory), seen);
    if (!keeper_.record_change) return;
    for (const DomainChange& change : changes_between(before, memory)) keeper_.record_change(name, change);
  }

  /// Has what pages show kept. An observation without a policy says less than the one before.
  void keep_observation(WatchedDomain& domain, const DomainObservation& seen) {
    if (seen.policy) keep_if_new(domain.kept_observation, seen, keeper_.save_observation);
  }

  void keep_observation(WatchedHost& host, const MxHostObservation& seen) {
    keep_if_new(host.kept_observation, seen, keeper_.save_mx_observation);
  }

  /// Input: `kept` is the fingerprint of what is kept, and stays when `save` did not take what is new.
  template <class Observation>
  void keep_if_new(std::uint64_t& kept, const Observation& seen, const std::function<bool(const Observation&)>& save) {
    const WorkMeter::Section section(engine().clock.work(), Activity::publication);
    const std::uint64_t now = fingerprint(seen);
    if (save && now != kept && save(seen)) kept = now;
  }

  /// Our own trouble: the last known values stay. Where nothing was ever seen, the state is all there is.
  void publish_spoiled(WatchedDomain& domain, const DomainObservation& seen) {
    if (domain.verdict) {
      DomainMemory memory = domain.memory();
      return publish(domain, judge(domain, seen, memory), memory);
    }
    DomainVerdict verdict{.domain = seen.domain, .state = DomainState::unknown, .unknown_reason = *seen.spoiled};
    log_change(domain, verdict);
    snapshots_.publish(verdict);
  }

  /// For the five-minute rule, which counts from one attempt to the next.
  static void note_failed_fetch(WatchedDomain& domain, const DomainObservation& seen, const DomainVerdict& verdict) {
    if (!seen.policy) return;
    const bool asked = !seen.policy->attempts.empty();  // the rule spares the policy host, not its name servers
    const bool failed = asked && verdict.record == RecordStatus::valid && verdict.fetch_success == false;
    domain.failed_fetch.reset();
    if (failed && !verdict.record_id.empty())
      domain.failed_fetch.emplace() = {.id = verdict.record_id, .at = domain.started_at};
  }

  /// The same of an MX host.
  std::string_view take_host(const std::string& name, MxHostObservation seen) {
    const WorkMeter::Section section(engine().clock.work(), Activity::analysis);
    seen.host = name;
    const auto entry = hosts_.find(name);
    if (entry == hosts_.end()) return "unknown";  // nobody uses it any more
    WatchedHost& host = entry->second;
    egress_.note_mx_host(seen, [this, &name, &host] { return take_back_of(name, host); });
    note_clock(seen, host);
    const std::shared_ptr<const MxVerdict> before = host.verdict;
    show(host, classify_mx_host(seen, before.get(), engine().classify, engine().net.now()));
    const bool changed = !before || !same_for_domains(*before, *host.verdict);
    if (!seen.spoiled) {
      self_.observe_phase(ProbePhase::mx, seen.duration);
      keep_observation(host, seen);
    }
    keep(name, host);
    if (changed) join_users(host);
    const bool good = host.verdict->faults.empty() && host.verdict->secure_delivery.value_or(false);
    if (seen.spoiled) return "unknown";
    return good ? "ok" : "failing";
  }

  // --- judging -------------------------------------------------------------------------------------------------

  /// Judges a domain anew, once it and each of its MX hosts has been observed.
  void join(WatchedDomain& domain) {
    if (!domain.seen || !hosts_judged(domain)) return;
    DomainMemory memory = domain.memory();
    publish_joined(domain, judge(domain, domain.seen->unpacked(), memory), memory);
  }

  /// Judges the domains of a host anew. A provider's host may have all of them: the probes that run meanwhile do not
  /// wait for the last.
  void join_users(const WatchedHost& host) {
    std::vector<std::string> users;
    for (const WatchedDomain* user : host.domains) users.emplace_back(user->name);
    join_some(std::move(users));
  }

  void join_some(std::vector<std::string> names) {
    constexpr std::size_t kAtOnce = 100;
    const WorkMeter::Section section(engine().clock.work(), Activity::analysis);
    for (std::size_t i = 0; i < kAtOnce && !names.empty(); ++i, names.pop_back()) {
      const auto domain = domains_.find(names.back());
      if (domain != domains_.end()) join(domain->second);
    }
    if (names.empty()) return;
    asio::post(io_, [this, names = std::move(names)]() mutable { join_some(std::move(names)); });
  }

  /// A host without a verdict is due, and joins when its probe ends.
  bool hosts_judged(const WatchedDomain& domain) {
    return std::all_of(domain.hosts.begin(), domain.hosts.end(),
                       [this](const std::string& host) { return hosts_.at(host).verdict != nullptr; });
  }

  void publish_joined(WatchedDomain& domain, DomainVerdict verdict, DomainMemory& memory) {
    if (domain.spoiled) {  // what a host brings does not make good what the domain's own probe could not see
      verdict.state = DomainState::unknown;
      verdict.unknown_reason = *domain.spoiled;
    }
    publish(domain, std::move(verdict), memory);
  }

  DomainVerdict judge(const WatchedDomain& domain, const DomainObservation& seen, const DomainMemory& memory) const {
    MxVerdicts by_host;
    for (const std::string& host : domain.hosts) {
      const auto entry = hosts_.find(host);
      if (entry != hosts_.end() && entry->second.verdict) by_host[host] = entry->second.verdict.get();
    }
    const DomainInputs inputs{.seen = seen,
                              .memory = memory,
                              .mx = by_host,
                              .previous = domain.verdict.get(),
                              .expected_mode = domain.expect_mode,
                              .require_dane = domain.require_dane,
                              .max_hosts = engine().max_hosts,
                              .outdated = domain.spoiled.has_value()};
    return classify_domain(inputs, engine().classify, engine().net.now());
  }

  void publish(WatchedDomain& domain, DomainVerdict verdict, DomainMemory& memory) {
    log_change(domain, verdict);
    if (verdict.state != DomainState::unknown) note_episodes(verdict, memory);
    domain.set_memory(memory);
    show(domain, std::move(verdict));
    keep(domain, memory);
  }

  void note_episodes(DomainVerdict& verdict, DomainMemory& memory) {
    const std::vector<FaultEpisode> changed = note_faults(memory, verdict, engine().net.now());
    verdict.watched_since = memory.watched_since;
    verdict.last_fault = memory.last_fault;
    if (!keeper_.record_episode) return;
    for (const FaultEpisode& episode : changed) keeper_.record_episode(verdict.domain, episode);
  }

  /// What was our own trouble is no history of the domain's.
  void right_episodes(WatchedDomain& domain, std::string_view host, const std::vector<StandingFault>& before) {
    DomainMemory memory = domain.memory();
    const RightedEpisodes righted = put_back_faults(memory, host, before);
    domain.set_memory(memory);
    if (!keeper_.withdraw_episode || !keeper_.record_episode) return;
    const std::string name(domain.name);
    for (const FaultEpisode& episode : righted.never_were) keeper_.withdraw_episode(name, episode);
    for (const FaultEpisode& episode : righted.go_on) keeper_.record_episode(name, episode);
  }

  /// One line per change of verdict; a healthy probe after a healthy probe says nothing.
  static void log_change(const WatchedDomain& domain, const DomainVerdict& verdict) {
    const bool first = !domain.verdict;
    if (first && verdict.state == DomainState::ok) return;
    const bool same = !first && domain.verdict->state == verdict.state && domain.verdict->faults == verdict.faults;
    if (same) return;
    log_info("verdict changed", {{"domain", verdict.domain},
                                 {"state", std::string(to_string(verdict.state))},
                                 {"faults", fault_summary(verdict)},
                                 {"findings", finding_summary(verdict)},
                                 {"reason", verdict.unknown_reason}});
  }

  // --- our own ways out ----------------------------------------------------------------------------------------

  void forget_silent_targets() {
    for (const auto& engine : engines_.all()) {
      asio::dispatch(engine->clock.io(), [engine] { engine->report_targets.forget_silent(); });
    }
  }

  void note_report_targets(DomainObservation& seen, const Egress::Suspected& suspected) {
    egress_.note_report_targets(seen, suspected);
    const bool spoiled = std::any_of(seen.report_targets.begin(), seen.report_targets.end(),
                                     [](const auto& target) { return target->spoiled.has_value(); });
    if (spoiled) forget_silent_targets();
  }

  /// Hears the policy hosts' clocks; certificates that only a wrong clock of ours finds fault with are not judged.
  /// Input: only the policy hosts of configured domains are heard, or who may use /probe could bring friends.
  void note_clock(DomainObservation& seen, bool is_heard = true) {
    if (!seen.policy) return;
    for (const PolicyFetchAttempt& attempt : seen.policy->attempts) {
      if (is_heard && attempt.clock_ahead) clock_skew_.note(seen.domain, *attempt.clock_ahead);
    }
    if (clock_skew_.guess()) first_clock_heard();
    for (const PolicyFetchAttempt& attempt : seen.policy->attempts) {
      if (attempt.tls && clock_spoils(*attempt.tls, seen.ended)) seen.spoiled = std::string(kClockWrong);
    }
  }

  void excuse_target_clocks(DomainObservation& seen) const {
    for (auto& target : seen.report_targets) {
      const auto by_clock = [this, &seen](const HandshakeAttempt& attempt) {
        return attempt.tls && clock_spoils(*attempt.tls, seen.ended);
      };
      if (std::any_of(target->attempts.begin(), target->attempts.end(), by_clock))
        own_copy(target).spoiled = std::string(kClockWrong);
    }
  }

  /// MX hosts show no clock: until a policy host has, what is said of their certificates' dates may be taken back.
  void note_clock(MxHostObservation& seen, const WatchedHost& host) {
    excuse_clock(seen);
    for (const SmtpObservation& session : seen.sessions) {
      if (!session.tls) continue;
      const bool doubtful =
          !clock_skew_.guess() && has_date_fault(*session.tls) && !judged_unheard_.contains(seen.host);
      if (doubtful) judged_unheard_.emplace(seen.host, take_back_of(seen.host, host));
    }
  }

  void excuse_clock(MxHostObservation& seen) const {
    for (const auto* sessions : {&seen.sessions, &seen.base_domain_sessions}) {
      for (const SmtpObservation& session : *sessions)
        if (session.tls && clock_spoils(*session.tls, seen.ended)) seen.spoiled = std::string(kClockWrong);
    }
  }

  void first_clock_heard() {
    const auto judged = std::exchange(judged_unheard_, {});
    if (!clock_is_wrong()) return;
    for (const auto& [host, take_back] : judged) take_back();
  }

  [[nodiscard]] bool clock_is_wrong() const {
    const auto ahead = clock_skew_.believed(clock_kept_);
    return ahead && std::chrono::abs(*ahead) > kClockTolerance;
  }

  [[nodiscard]] bool clock_spoils(const TlsObservation& tls, UnixTime now) const {
    return clock_is_wrong() && clock_decides(tls, now, *clock_skew_.guess());
  }

  /// Puts the domain back to what was known before its peers fell silent; what is older than a round of probes says
  /// less than the silence.
  Egress::TakeBack take_back_of(const WatchedDomain& now) {
    return [this, name = std::string(now.name), since = schedule_now(), seen = now.seen, verdict = now.verdict,
            standing = now.memory().standing] {
      const auto entry = domains_.find(name);
      if (entry == domains_.end()) return;
      WatchedDomain& domain = entry->second;
      forget_silent_targets();
      if (is_recent(since)) {
        domain.seen = seen;
        domain.verdict = verdict;
        domain.failed_fetch.reset();
        right_episodes(domain, "mta-sts." + name, standing);
        keep(domain, domain.memory());
      }
      domain.spoiled = std::string(kWayLost);
      publish_spoiled(domain, {.domain = name, .spoiled = std::string(kWayLost)});
    };
  }

  [[nodiscard]] bool is_recent(ScheduleTime since) const { return schedule_now() - since <= 2 * interval_; }

  using Standing = std::vector<StandingFault>;

  /// The faults that stand at a host, by the domains that have any.
  [[nodiscard]] std::map<std::string, Standing> standing_at(const std::string& host, const WatchedHost& now) const {
    std::map<std::string, Standing> by_domain;
    for (const WatchedDomain* user : now.domains) {
      Standing standing = user->standing_at(host);
      if (!standing.empty()) by_domain[std::string(user->name)] = std::move(standing);
    }
    return by_domain;
  }

  Egress::TakeBack take_back_of(const std::string& name, const WatchedHost& now) {
    return [this, name, since = schedule_now(), verdict = now.verdict, standing = standing_at(name, now)] {
      const auto entry = hosts_.find(name);
      if (entry == hosts_.end()) return;
      WatchedHost& host = entry->second;
      if (is_recent(since)) {
        host.verdict = verdict;
        keep(name, host);
        for (WatchedDomain* user : host.domains) {
          const auto before = standing.find(std::string(user->name));
          right_episodes(*user, name, before == standing.end() ? Standing{} : before->second);
          keep(*user, user->memory());  // join() may find nothing to keep
        }
      }
      MxVerdict lost = host.verdict ? *host.verdict : MxVerdict{};
      lost.host = name;
      lost.known = false;
      lost.unknown_reason = std::string(kWayLost);
      show(host, std::move(lost));
      join_users(host);
    };
  }

  /// Has the state kept that a next run should start from; nothing when nothing is known.
  void keep(const WatchedDomain& domain, const DomainMemory& memory) {
    const WorkMeter::Section section(engine().clock.work(), Activity::publication);
    if (!domain.verdict) {
      if (keeper_.forget_domain) keeper_.forget_domain(std::string(domain.name));
    } else if (keeper_.save_domain && domain.verdict->state != DomainState::unknown) {
      keeper_.save_domain({.verdict = *domain.verdict, .memory = memory});
    }
  }

  void keep(const std::string& name, const WatchedHost& host) {
    const WorkMeter::Section section(engine().clock.work(), Activity::publication);
    if (!host.verdict) {
      if (keeper_.forget_mx_host) keeper_.forget_mx_host(name);
    } else if (keeper_.save_mx_host && host.verdict->known) {
      keeper_.save_mx_host(*host.verdict);
    }
  }

  void refresh_egress(EgressKind kind, IpFamily family, std::optional<bool> open) {
    if (open) self_.set_egress_ok(kind, family, *open);
  }

  /// The next look is arranged first: this one may find no memory. It is also the one that goes on where no probe that
  /// ends does.
  void look_after() {
    gauges_.expires_after(kGaugeInterval);
    gauges_.async_wait([this](const boost::system::error_code& error) {
      if (!error) look_after();
    });
    refresh_gauges();
    start_due();
  }

  void refresh_gauges() {
    self_.set_probes_in_flight(in_flight_);
    self_.set_probe_delay(schedule_.delay(schedule_now()));
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
      refresh_egress(EgressKind::https, family, egress_.open(EgressKind::https, family));
      refresh_egress(EgressKind::smtp, family, egress_.open(EgressKind::smtp, family));
    }
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
      if (const auto usable = has_public_route(io_, family)) self_.set_ip_family_usable(family, *usable);
    }
    clock_kept_ = clock_is_kept();
    if (const auto ahead = clock_skew_.believed(clock_kept_)) self_.set_clock_skew(*ahead);
    if (!engines_.empty()) refresh_resolver_gauges(engine().resolver);
    refresh_work();
  }

  void refresh_work() {
    for (std::size_t i = 0; i < kActivities; ++i) {
      const auto activity = static_cast<Activity>(i);
      self_.set_busy(activity, threads_.spent(activity));
    }
  }

  void refresh_resolver_gauges(const Resolver& resolver) {
    for (const auto& [server, trusted] : resolver.authenticated()) self_.set_dns_authenticated(server, trusted);
    for (const auto& [family, answers] : resolver.answering()) {
      self_.set_egress_ok(EgressKind::dns, family, answers && !egress_.lookups_lost());
    }
  }

  /// Asks the resolver's servers now and then, so that what is known of them does not wait for a probe.
  void check_resolver() {
    resolver_check_.expires_after(kResolverCheckInterval);
    resolver_check_.async_wait([this](const boost::system::error_code& error) {
      if (!error) check_resolver();
    });
    for (const auto& engine : engines_.all()) {
      asio::co_spawn(engine->clock.io(), check_servers_of(engine), [](std::exception_ptr) {});
    }
  }

  static asio::awaitable<void> check_servers_of(std::shared_ptr<ProbeEngine> engine) {
    co_await engine->resolver.check_servers();
  }

  SnapshotStore& snapshots_;
  SelfMetrics& self_;
  StateKeeper keeper_;
  ProbeTurns turns_{};  // before the loops, which may drop some at their end
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer wake_;
  asio::steady_timer gauges_;
  asio::steady_timer resolver_check_;
  Schedule schedule_;
  std::vector<ScheduleEntry> to_schedule_;  // added together, so that a first pass is spread
  ProbeThreads threads_{io_};
  ProbeEngines engines_;
  std::size_t concurrency_{1};
  std::chrono::seconds interval_{};
  std::size_t in_flight_{};
  std::unordered_map<std::string, WatchedDomain> domains_;
  std::unordered_map<std::string, WatchedHost> hosts_;
  std::map<std::string, DomainKeepsake> kept_domains_;
  std::map<std::string, MxVerdict> kept_hosts_;
  Egress egress_;
  ClockSkew clock_skew_;
  bool clock_kept_{};                                       // as of the last look at the gauges
  std::map<std::string, Egress::TakeBack> judged_unheard_;  // MX hosts, by name
  OnDemandProbes on_demand_{io_, [this](const DomainConfig& domain, Milliseconds limit, OnDemandProbes::Done done) {
                              begin_on_demand(domain, limit, std::move(done));
                            }};
  std::jthread thread_;
};

ProbeLoop::ProbeLoop(SnapshotStore& snapshots, SelfMetrics& self, StateKeeper keeper)
    : core_(std::make_unique<Core>(snapshots, self, std::move(keeper))) {}
ProbeLoop::~ProbeLoop() { stop(); }
void ProbeLoop::restore(std::vector<DomainKeepsake> domains, std::vector<MxVerdict> mx_hosts) {
  core_->restore(std::move(domains), std::move(mx_hosts));
}
std::function<void()> ProbeLoop::prepare(const Config& config) { return core_->prepare(config); }
void ProbeLoop::start() { core_->start(); }
void ProbeLoop::after_a_turn(std::function<void()> task) { core_->after_a_turn(std::move(task)); }
void ProbeLoop::stop() { core_->stop(); }
void ProbeLoop::probe_now(DomainConfig domain, Milliseconds limit, std::function<void(LiveProbe)> done,
                          std::stop_token client) {
  core_->probe_now(std::move(domain), limit, std::move(done), std::move(client));
}

}  // namespace mtasts
