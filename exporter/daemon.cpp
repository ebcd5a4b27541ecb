// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>

#include "exporter/descriptor_limit.h"
#include "exporter/domain_advice.h"
#include "exporter/early_stop.h"
#include "exporter/file_text.h"
#include "exporter/http_server.h"
#include "exporter/log.h"
#include "exporter/metrics.h"
#include "exporter/page_data.h"
#include "exporter/probe_engine.h"
#include "exporter/probe_loop.h"
#include "exporter/process_lock.h"
#include "exporter/rate_limit.h"
#include "exporter/report_folders.h"
#include "exporter/report_imap.h"
#include "exporter/report_intake.h"
#include "exporter/routes.h"
#include "exporter/serve_config.h"
#include "exporter/service_manager.h"
#include "exporter/settled_change.h"
#include "exporter/snapshot.h"
#include "exporter/store.h"
#include "exporter/stored_observation.h"
#include "exporter/tlsrpt_http.h"
#include "exporter/web_config.h"

namespace mtasts {
namespace {

// How often the files that count without a reload are looked at for a change.
constexpr std::chrono::seconds kWatchInterval{5};

timespec timespec_of(std::chrono::nanoseconds time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return {.tv_sec = time.count() / kSecond, .tv_nsec = time.count() % kSecond};
}

UnixTime system_now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

/// Files with mistakes, each of which is worth a line of its own.
class BadFiles : public std::runtime_error {
 public:
  explicit BadFiles(std::vector<ConfigProblem> problems)
      : std::runtime_error("mistakes in the configuration: " + std::to_string(problems.size())),
        problems_(std::move(problems)) {}
  const std::vector<ConfigProblem>& problems() const { return problems_; }

 private:
  std::vector<ConfigProblem> problems_;
};

/// What went wrong, a line for each mistake.
std::vector<std::string> reasons_of(const std::exception& error) {
  const auto* files = dynamic_cast<const BadFiles*>(&error);
  if (files == nullptr) return {error.what()};
  std::vector<std::string> reasons;
  for (const ConfigProblem& problem : files->problems()) reasons.push_back(to_string(problem));
  return reasons;
}

/// Logs each mistake, then what follows from them.
void log_failure(std::string_view consequence, const std::exception& error) {
  if (dynamic_cast<const BadFiles*>(&error) != nullptr) {
    for (const std::string& reason : reasons_of(error)) log_error("configuration", {{"problem", reason}});
  }
  log_error(consequence, {{"error", error.what()}});
}

void log_domain_files(const DomainFiles& files) {
  for (const ConfigProblem& problem : files.problems) log_error("domain file", {{"problem", to_string(problem)}});
  for (const ConfigProblem& warning : files.warnings) log_warn("domain file", {{"problem", to_string(warning)}});
}

WebOptions web_options(const WebConfig& web) {
  WebOptions options;
  options.tls = web.tls;
  if (!web.users.empty()) {
    auto gate = std::make_shared<BasicAuth>(web.users);
    options.authenticate = [gate](const std::string& authorization) { return gate->admits(authorization); };
    options.remembers = [gate](const std::string& authorization) { return gate->remembers(authorization); };
  }
  if (web.rate) {
    const double per_second = 1000.0 / static_cast<double>(web.rate->interval.count());
    const auto limit = std::make_shared<RateLimit>(
        RateLimits{.burst = static_cast<double>(web.rate->burst), .per_second = per_second, .sources = 1});
    options.has_room = [limit] { return limit->admits("", RateLimit::Clock::now()); };
  }
  options.headers.assign(web.headers.begin(), web.headers.end());
  return options;
}

/// Signals are waited for by one thread; every other one is born with them blocked. SIGUSR1 is for EarlyStop alone.
sigset_t blocked_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  sigset_t blocked = signals;
  sigaddset(&blocked, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  return signals;
}

class Daemon {
 public:
  explicit Daemon(const ServeOptions& options)
      : options_(options),
        self_({.version = MTASTS_VERSION, .revision = MTASTS_REVISION}),
        lock_(first_config().storage.path),
        store_(open_store(*config())),
        kept_domains_(store_.load_domains()),
        kept_hosts_(store_.load_mx_hosts()),
        writer_(std::move(store_), {.on_trouble = [this](const std::string& error) { note_trouble(error); }}),
        intake_(ReportStore::attach(report_database_of(config()->storage)), intake_options()),
        pages_(config()->storage),
        folders_(folders_options()),
        imap_(imap_options()),
        loop_(snapshots_, self_, keeper()) {
    self_.set_store_writable(StorePart::state, true);
    self_.set_store_writable(StorePart::reports, true);
    restore();
    prepare_probing (*config())();
    take_reports();
    self_.config_reloaded(true, system_now());
    {
      const std::lock_guard no_reload_before_probing(reload_mutex_);
      serve_http();
      loop_.start();
    }
    log_info("started", {{"version", MTASTS_VERSION},
                         {"domains", config()->domains.size()},
                         {"shard", config()->sharding.index},
                         {"shards", config()->sharding.count}});
  }

  int wait(const sigset_t& signals) {
    say_ready();
    Pulse pulse({[this](auto task) { server_.after_a_turn(std::move(task)); },
                 [this](auto task) { loop_.after_a_turn(std::move(task)); }});
    const timespec pause = timespec_of(
        std::min<std::chrono::nanoseconds>(kWatchInterval, manager_.watchdog_interval().value_or(kWatchInterval)));
    while (true) {
      const int number = sigtimedwait(&signals, nullptr, &pause);
      if (number == SIGTERM || number == SIGINT) break;
      if (number == SIGHUP) reload();
      if (number < 0) look_at_files();
      if (manager_.watchdog_interval() && pulse.felt()) manager_.alive();
    }
    log_info("stopping");
    manager_.stopping();
    server_.stop();
    tlsrpt_http_.stop();
    loop_.stop();
    folders_.stop();
    imap_.stop();
    writer_.stop();
    intake_.stop();  // last: a PostgreSQL that says nothing may keep it waiting
    return 0;
  }

 private:
  void say_ready() const {
    manager_.ready();
    manager_.status("Watching " + std::to_string(config()->domains.size()) + " domains");
  }

  const Config& first_config() {
    take(load(nullptr));
    return running_->config;
  }

  /// Reads the files anew and says what they warn of. Input: what runs, nullptr at the start. Errors: BadFiles.
  ServeConfig load(const ServeConfig* running) const {
    ServeConfigResult loaded = load_serve_config(options_.config_file, running, options_.shard);
    for (const ConfigProblem& warning : loaded.warnings) log_warn("configuration", {{"problem", to_string(warning)}});
    if (!loaded.config) throw BadFiles(std::move(loaded.problems));
    log_domain_files(loaded.config->files);
    return std::move(*loaded.config);
  }

  void take(ServeConfig complete) {
    auto next = std::make_shared<const ServeConfig>(std::move(complete));
    const std::lock_guard lock(config_mutex_);
    running_ = std::move(next);
  }

  std::shared_ptr<const Config> config() const {
    const std::lock_guard lock(config_mutex_);
    return {running_, &running_->config};
  }

  static Store open_store(const Config& config) {
    return Store::open(
        config.storage.path,
        [](const std::string& message) {
          log_warn("store", {{"problem", message}});
        },
        config.domains.size());
  }

  void restore() {
    std::vector<DomainKeepsake> domains;
    for (DomainRow& row : kept_domains_)
      domains.push_back({.verdict = std::move(row.verdict), .memory = std::move(row.memory)});
    std::vector<MxVerdict> hosts;
    for (MxHostRow& row : kept_hosts_) hosts.push_back(std::move(row.verdict));
    kept_domains_.clear();
    kept_hosts_.clear();
    loop_.restore(std::move(domains), std::move(hosts));
  }

  void note_trouble(const std::string& error) {
    self_.set_store_writable(StorePart::state, error.empty());
    if (error.empty()) {
      log_info("store works again");
    } else {
      log_error("store cannot be written; probing goes on", {{"error", error}});
    }
  }

  void note_report_trouble(const std::string& error) {
    self_.set_store_writable(StorePart::reports, error.empty());
    if (error.empty()) {
      log_info("reports can be stored again");
    } else {
      log_error("reports cannot be stored and are refused; their senders come again", {{"error", error}});
    }
  }

  IntakeOptions intake_options() {
    return {.now = system_now, .on_trouble = [this](const std::string& error) { note_report_trouble(error); }};
  }

  /// Begins to take reports in. Every way in hands them to `take_report()`.
  void take_reports() {
    intake_.set_rules(intake_rules_of(*running_));
    intake_.start();
    folders_.set_folders(report_folders_of(config()->tlsrpt));
    folders_.start();
    imap_.set_mailboxes(config()->tlsrpt.imap);
  }

  ImapOptions imap_options() {
    return {.take = take_report(),
            .on_trouble = log_mailbox,
            .on_note = log_mailbox_note,
            .on_state = [this](std::optional<bool> works) { self_.set_channel_working(ReportChannel::imap, works); }};
  }

  static LogFields mailbox_fields(const TlsrptImapConfig& mailbox) {
    return {{"server", mailbox.server}, {"user", mailbox.user}, {"folder", mailbox.folder}};
  }

  static void log_mailbox(const TlsrptImapConfig& mailbox, const std::string& problem) {
    LogFields fields = mailbox_fields(mailbox);
    if (problem.empty()) return log_info("mailbox works", fields);
    fields.emplace_back("problem", problem);
    log_error("mailbox cannot be read; it is tried again", fields);
  }

  static void log_mailbox_note(const TlsrptImapConfig& mailbox, const std::string& note) {
    LogFields fields = mailbox_fields(mailbox);
    fields.emplace_back("problem", note);
    log_warn("mailbox", fields);
  }

  TakeReport take_report() {
    return [this](std::string_view input, const Arrival& arrival) {
      IntakeResult result = intake_.take(input, arrival, system_now());
      log_reports(result, arrival);
      return result;
    };
  }

  TakeReports take_report_batch() {
    return [this](const NextInput& next) {
      std::vector<Arrival> arrivals;
      const auto noted = [&] {
        std::optional<ArrivedInput> input = next();
        if (input) arrivals.push_back(input->arrival);
        return input;
      };
      std::vector<IntakeResult> results = intake_.take_batch(noted, system_now());
      for (std::size_t i = 0; i < results.size(); ++i) log_reports(results[i], arrivals[i]);
      return results;
    };
  }

  ReportFoldersOptions folders_options() {
    return {.take = take_report_batch(),
            .on_problem = note_folder_problem,
            .on_refused = note_refused_file,
            .on_state = [this](ReportChannel channel, std::optional<bool> works) {
              self_.set_channel_working(channel, works);
            }};
  }

  static void note_folder_problem(const ReportFolder& folder, const FolderProblem& problem) {
    if (problem.what.empty()) {
      log_info("the folder of reports can be used again", {{"folder", folder.path}});
    } else {
      log_warn("a folder of reports cannot be used as it should; it is looked at again every 10 seconds",
               {{"folder", folder.path}, {"problem", problem.what}, {"file", problem.file}});
    }
  }

  static void note_refused_file(const ReportFolder& folder, const std::string& file) {
    log_warn(folder.channel == ReportChannel::maildir
                 ? "a message was refused and is flagged in cur/; this is said once, the metric counts on"
                 : "a file was refused and is in refused/; this is said once, the metric counts on",
             {{"folder", folder.path}, {"file", file}});
  }

  /// One input may hold thousands of reports, at its author's will.
  static void log_reports(const IntakeResult& result, const Arrival& arrival) {
    constexpr std::size_t kMostLines = 5;
    const std::size_t lines = std::min(result.reports.size(), kMostLines);
    for (std::size_t i = 0; i < lines; ++i) log_report(result.reports[i], arrival);
    if (lines == result.reports.size()) return;
    log_info(
        "more reports in the same input",
        {{"count", result.reports.size() - lines}, {"channel", to_string(arrival.channel)}, {"name", arrival.name}});
  }

  static void log_report(const TakenReport& report, const Arrival& arrival) {
    log_info("report", {{"outcome", to_string(report.outcome)},
                        {"domain", report.domain},
                        {"channel", to_string(arrival.channel)},
                        {"name", arrival.name},
                        {"message", report.message}});
  }

  StateKeeper keeper() {
    return {
        .save_domain = [this](const DomainKeepsake& kept) { save(kept); },
        .save_mx_host =
            [this](const MxVerdict& verdict) {
              writer_.save({.host = verdict.host, .verdict = verdict, .saved_at = system_now()});
            },
        .record_episode = [this](
                              const std::string& domain,
                              const FaultEpisode& episode) { writer_.record({.domain = domain, .episode = episode}); },
        .withdraw_episode =
            [this](const std::string& domain, const FaultEpisode& episode) {
              writer_.record({.domain = domain, .episode = episode, .withdrawn = true});
            },
        .record_change = [this](const std::string& domain,
                                const DomainChange& change) { writer_.record({.domain = domain, .change = change}); },
        .save_observation =
            [this](const DomainObservation& seen) { return save(seen, ObservationKind::domain, seen.domain); },
        .save_mx_observation =
            [this](const MxHostObservation& seen) { return save(seen, ObservationKind::mx_host, seen.host); },
        .forget_domain = [this](const std::string& domain) { writer_.forget(domain); },
        .forget_mx_host = [this](const std::string& host) { writer_.forget_mx_host(host); }};
  }

  template <class Observation>
  bool save(const Observation& seen, ObservationKind kind, const std::string& name) {
    return writer_.record({.kind = kind, .name = name, .content = render_observation(seen), .seen_at = seen.ended});
  }

  void save(const DomainKeepsake& kept) {
    const std::string& domain = kept.verdict.domain;
    writer_.save({.domain = domain, .verdict = kept.verdict, .memory = kept.memory, .saved_at = system_now()});
    if (!kept.memory.policy) return;
    writer_.record_policy({.domain = domain,
                           .id = kept.memory.policy_id,
                           .body_sha256 = kept.memory.body_sha256,
                           .policy = *kept.memory.policy,
                           .first_seen = kept.memory.policy_seen,
                           .last_seen = kept.memory.policy_seen});
  }

  /// Takes what counts without a reload, under the configuration that runs: whatever else lies in the configuration
  /// file by now waits for one. A change that cannot be taken is said once, not every few seconds.
  void look_at_files() {
    const std::lock_guard one_at_a_time(reload_mutex_);
    look_at_domain_files();
    look_at_resolvers();
    if (!options_.web_config_file.empty()) look_at_web_files();
  }

  void look_at_domain_files() {
    const std::string now = domain_files_fingerprint(running_->written.domain_files);
    if (now == running_->files.fingerprint) note_refusal(domain_files_refusal_, "");  // put back
    if (!domain_files_.is_due(now, running_->files.fingerprint)) return;
    try {
      ServeConfig changed = with_domain_files(running_->written, running_->files);
      if (changed.files.kept_previous) return refuse_domain_files(changed.files);
      log_domain_files(changed.files);
      take_effect(std::move(changed), [] {});
      log_info("domain files read again", {{"domains", config()->domains.size()}});
      show_reload();
    } catch (const std::exception& error) {
      if (note_refusal(domain_files_refusal_, error.what()))
        log_error("the changed domain files cannot be taken, the old domains stay watched",
                  {{"problem", error.what()}});
      domain_files_.forget();  // there may be descriptors and memory at the next look
    }
  }

  void refuse_domain_files(const DomainFiles& files) {
    std::string refusal;
    for (const ConfigProblem& problem : files.problems) refusal += to_string(problem) + "\n";
    if (note_refusal(domain_files_refusal_, std::move(refusal))) log_domain_files(files);
    domain_files_.forget();  // what kept them from being read may be over at the next look
  }

  /// As the C library does: who moves to another network keeps no resolver of the old one.
  void look_at_resolvers() {
    if (!config()->dns.servers.empty()) return;
    const std::string now = resolv_conf_text();
    if (now == resolvers_taken_) note_refusal(resolvers_refusal_, "");
    if (!resolvers_.is_due(now, resolvers_taken_)) return;
    try {
      prepare_probing (*config())();
      log_info("resolvers read again");
      show_reload();
    } catch (const std::exception& error) {
      if (note_refusal(resolvers_refusal_, error.what()))
        log_error("the changed /etc/resolv.conf cannot be taken, the old resolvers are asked",
                  {{"problem", error.what()}});
      resolvers_.forget();
    }
  }

  /// A certificate that was renewed counts without a reload, as in other exporters. What cannot be taken is tried
  /// again: the file may name another that is still to come.
  void look_at_web_files() {
    const std::string now = files_fingerprint({options_.web_config_file}) + tls_files_fingerprint(web_);
    if (now == web_taken_) note_refusal(web_refusal_, "");  // put back
    if (!web_files_.is_due(now, web_taken_)) return;
    try {
      prepare_http(config()->tlsrpt.http)();
      log_info("web configuration read again");
      show_reload();
    } catch (const std::exception& error) {
      std::string refusal;
      for (const std::string& reason : reasons_of(error)) refusal += reason + "\n";
      if (note_refusal(web_refusal_, std::move(refusal)))
        log_failure("the changed web configuration cannot be taken, the old one stays", error);
      web_files_.forget();  // a file that it names may be there at the next look
    }
  }

  /// Returns whether it is another than at the last look. Input: why files as they are now cannot be taken, "" if they
  /// are those that were taken.
  bool note_refusal(std::string& refusal, std::string now) {
    if (now == refusal) return false;
    refusal = std::move(now);
    show_reload();
    return true;
  }

  void show_reload() {
    const bool files_taken = domain_files_refusal_.empty() && resolvers_refusal_.empty() && web_refusal_.empty();
    self_.config_reloaded(!reload_refused_ && files_taken, system_now());
  }

  std::function<void()> prepare_probing(const Config& next) {
    return [this, text = resolv_conf_text(), probe_by_it = loop_.prepare(next)] {
      probe_by_it();
      resolvers_taken_ = text;
      resolvers_refusal_.clear();
    };
  }

  /// Makes a configuration the one that counts, unless it or `last_condition` throws: then nothing has changed.
  template <class Condition>
  void take_effect(ServeConfig complete, Condition last_condition) {
    const std::function<void()> probe_by_it = prepare_probing(complete.config);
    last_condition();
    take(std::move(complete));  // from here on nothing can fail
    intake_.set_rules(intake_rules_of(*running_));
    folders_.set_folders(report_folders_of(config()->tlsrpt));
    probe_by_it();
    domain_files_.forget();
    domain_files_refusal_.clear();
  }

  /// Takes the files anew. Returns what is wrong with them, a line each; then the old configuration keeps running.
  std::optional<std::string> reload() {
    const std::lock_guard one_at_a_time(reload_mutex_);
    manager_.reloading();
    auto refusal = take_files_anew();
    say_ready();
    return refusal;
  }

  std::optional<std::string> take_files_anew() {
    try {
      std::function<void()> take_reports_by_it;
      ServeConfig next = load(running_.get());
      const TlsrptHttpConfig http = next.config.tlsrpt.http;
      take_effect(std::move(next), [&] { take_reports_by_it = prepare_http(http); });
      take_reports_by_it();
    } catch (const std::exception& error) {
      reload_refused_ = true;
      show_reload();
      log_failure("reload failed, the old configuration keeps running", error);
      std::string text;
      for (const std::string& reason : reasons_of(error)) text += (text.empty() ? "" : "\n") + reason;
      return text;
    }
    imap_.set_mailboxes(config()->tlsrpt.imap);
    reload_refused_ = false;
    show_reload();
    log_info("reloaded", {{"domains", config()->domains.size()}});
    return std::nullopt;
  }

  /// Reads the web configuration anew, for the listeners and for the way in by HTTP, which counts with the call of what
  /// is returned. Errors: BadFiles; std::runtime_error for TLS files or an address that cannot be used; then nothing
  /// has changed.
  std::function<void()> prepare_http(const TlsrptHttpConfig& http) {
    const std::string file = files_fingerprint({options_.web_config_file});  // as it is before it is read
    const WebConfig next = load_web();
    const std::string taken = file + tls_files_fingerprint(next);
    const WebOptions web = web_options(next);
    std::function<void()> take_reports_by_it = tlsrpt_http_.prepare(http, web, server_);
    if (const auto problem = server_.set_options(web)) throw std::runtime_error(*problem);
    const std::string warning = client_certificate_warning(http, web);
    if (!warning.empty()) log_warn("configuration", {{"problem", warning}});
    return [this, take_reports_by_it, enabled = http.enabled, next, taken] {
      take_reports_by_it();
      web_ = next;
      web_taken_ = taken;
      web_refusal_.clear();
      self_.set_channel_working(ReportChannel::http, enabled ? std::optional(true) : std::nullopt);
    };
  }

  /// A pipe is read once, at the start; its TLS files are read anew all the same.
  WebConfig load_web() {
    if (options_.web_config_file.empty()) return {};
    if (web_is_pipe_) return web_;
    std::error_code missing;
    const auto kind = std::filesystem::status(options_.web_config_file, missing).type();
    const bool at_start = web_taken_.empty();
    web_is_pipe_ =
        at_start && (kind == std::filesystem::file_type::fifo || kind == std::filesystem::file_type::character);
    WebConfigResult web = load_web_config(options_.web_config_file);
    if (!web.config) throw BadFiles(std::move(web.problems));
    const std::string lost = protection_lost(web_, *web.config);
    if (!lost.empty()) throw BadFiles({{options_.web_config_file, 0, "", lost}});
    return *web.config;
  }

  void probe_on_demand(const std::string& name, Milliseconds limit, std::function<void(ProbeAnswer)> done,
                       std::stop_token client) {
    const std::shared_ptr<const Config> current = config();
    const auto at = std::ranges::lower_bound(current->domains, name, {}, &DomainConfig::name);
    const auto known = at != current->domains.end() && at->name == name ? at : current->domains.end();
    if (known == current->domains.end() && !current->probe.allow_unconfigured) {
      return done({.refused = name + " is not among the configured domains (probe.allow_unconfigured is false)"});
    }
    const DomainConfig domain = known != current->domains.end() ? *known : DomainConfig{.name = name};
    loop_.probe_now(
        domain, limit,
        [domain, done = std::move(done)](LiveProbe probe) {
          ProbeAnswer answer;
          if (probe.verdict.state == DomainState::unknown) answer.error = probe.verdict.unknown_reason;
          answer.overloaded = probe.overloaded;
          const DomainSlot slot{.name = domain.name, .labels = domain.labels};
          answer.snapshot = snapshot_of_verdicts(slot, std::move(probe.verdict), std::move(probe.mx));
          answer.seen = std::move(probe.seen);
          answer.hosts = std::move(probe.hosts);
          done(std::move(answer));
        },
        std::move(client));
  }

  RouteCallbacks callbacks() {
    RouteCallbacks callbacks{
        .snapshot = [this] { return snapshots_.snapshot(); },
        .reports = [this] { return intake_.view(); },
        .rollout = [this] { return rollout_options_of(*config()); },
        .now = system_now,
        .ready = [] { return true; },  // the server starts last: who gets an answer finds everything up
        .probe = [this](std::string domain, Milliseconds limit, std::function<void(ProbeAnswer)> done,
                        std::stop_token client) { probe_on_demand(domain, limit, std::move(done), std::move(client)); },
        .self = &self_,
        .pages = &pages_,
        .places = [this] { return places_of(*config()); },
        .version = MTASTS_VERSION,
        .external_url = options_.external_url,
        .probe_timeout = [this] { return config()->probe.timeout; }};
    if (options_.enable_lifecycle) callbacks.reload = [this] { return reload(); };
    return callbacks;
  }

  void serve_http() {
    add_routes(server_, callbacks());
    for (const std::string& text : options_.listen_addresses) {
      const auto address = parse_listen_address(text);
      if (!address)
        throw std::runtime_error("--web.listen-address=" + text + " is not HOST:PORT, [IPV6]:PORT or :PORT");
      const std::uint16_t port = server_.listen(*address);
      log_info("listening", {{"address", text}, {"port", port}});
    }
    prepare_http(config()->tlsrpt.http)();  // behind the others: of an address that both want, it is the one to change
    server_.start();
  }

  const ServeOptions& options_;
  const ServiceManager manager_;
  mutable std::mutex config_mutex_;
  std::mutex reload_mutex_;
  std::shared_ptr<const ServeConfig> running_;  // the pointer belongs to config_mutex_, its next value to reload_mutex_
  // These belong to reload_mutex_.
  SettledChange domain_files_;
  std::string domain_files_refusal_;  // why they cannot be taken as they are now
  SettledChange resolvers_;
  std::string resolvers_refusal_;
  std::string resolvers_taken_;
  SettledChange web_files_;
  std::string web_taken_;
  WebConfig web_;  // in force
  std::string web_refusal_;
  bool web_is_pipe_{};
  bool reload_refused_{};
  SnapshotStore snapshots_;
  SelfMetrics self_;
  const ProcessLock lock_;
  Store store_;
  std::vector<DomainRow> kept_domains_;
  std::vector<MxHostRow> kept_hosts_;
  StoreWriter writer_;
  ReportIntake intake_;
  PageData pages_;
  ReportFolders folders_;
  ReportImap imap_;
  ProbeLoop loop_;
  TlsrptHttp tlsrpt_http_{take_report()};
  HttpServer server_;
};

/// Says which folders of reports this user cannot read now.
void warn_of_folders(const TlsrptConfig& tlsrpt) {
  for (const ReportFolder& folder : report_folders_of(tlsrpt)) {
    const std::string fault = directory_fault(arrivals_of(folder));
    if (!fault.empty()) std::cerr << "warning: '" << arrivals_of(folder) << "' " << fault << '\n';
  }
}

}  // namespace

int run_serve(const ServeOptions& options) {
  configure_log(options.log_level, options.log_format);
  const sigset_t signals = blocked_signals();
  raise_descriptor_limit();
  try {
    std::optional<EarlyStop> early(std::in_place);
    Daemon daemon(options);
    early.reset();
    return daemon.wait(signals);
  } catch (const std::exception& error) {
    log_failure("cannot start", error);
    return 1;
  }
}

int run_config_check(const ConfigCheckOptions& options) {
  const ServeConfigResult loaded = load_serve_config(options.config_file, nullptr, options.shard);
  const DomainFiles files = loaded.config ? loaded.config->files : DomainFiles{};
  const WebConfigResult web =
      options.web_config_file.empty() ? WebConfigResult{} : load_web_config(options.web_config_file);
  if (loaded.config && web.config) {
    const std::string warning = client_certificate_warning(loaded.config->config.tlsrpt.http, web_options(*web.config));
    if (!warning.empty()) std::cerr << "warning: " << warning << '\n';
  }
  for (const auto* warnings : {&loaded.warnings, &files.warnings, &web.warnings}) {
    for (const ConfigProblem& warning : *warnings) std::cerr << "warning: " << to_string(warning) << '\n';
  }
  bool valid = true;
  for (const auto* problems : {&loaded.problems, &files.problems, &web.problems}) {
    for (const ConfigProblem& problem : *problems) std::cerr << to_string(problem) << '\n';
    valid = valid && problems->empty();
  }
  if (!valid) return 1;
  warn_of_folders(loaded.config->config.tlsrpt);
  std::cout << options.config_file << ": valid, " << loaded.config->config.domains.size() << " domains\n";
  return 0;
}

}  // namespace mtasts
