// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <iostream>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>

#include "exporter/config.h"
#include "exporter/http_server.h"
#include "exporter/log.h"
#include "exporter/metrics.h"
#include "exporter/probe_loop.h"
#include "exporter/routes.h"
#include "exporter/snapshot.h"
#include "exporter/store.h"
#include "exporter/web_config.h"

namespace mtasts {
namespace {

// How often the files of `domain_files` are looked at for a change.
constexpr timespec kWatchInterval{.tv_sec = 5, .tv_nsec = 0};

UnixTime system_now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

std::string joined(const std::vector<ConfigProblem>& problems) {
  std::string text;
  for (const ConfigProblem& problem : problems) text += (text.empty() ? "" : "\n") + to_string(problem);
  return text;
}

/// Says what the configuration asks for and this version does not do yet: silence would look like consent.
void warn_of_idle_keys(const Config& config) {
  const bool reports = config.tlsrpt.http.enabled || !config.tlsrpt.maildirs.empty() || !config.tlsrpt.imap.empty();
  if (reports) log_warn("tlsrpt: this version does not take in reports");
  const bool dane = std::any_of(config.domains.begin(), config.domains.end(),
                                [](const DomainConfig& domain) { return domain.require_dane; });
  if (dane) log_warn("require_dane: this version does not probe DANE");
}

/// FNV-1a: the same on every machine and in every version, because shards of one fleet must agree.
std::uint64_t shard_hash(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash;
}

/// Adds the domains of the files, then keeps those of this shard.
void take_domains_of_files(Config& config, const DomainFiles& files) {
  std::set<std::string> known;
  for (const DomainConfig& domain : config.domains) known.insert(domain.name);
  for (const std::string& name : files.domains) {
    if (known.insert(name).second) config.domains.push_back({.name = name});
  }
  const ShardingConfig sharding = config.sharding;
  std::erase_if(config.domains, [&sharding](const DomainConfig& domain) {
    return shard_hash(domain.name) % sharding.count != sharding.index;
  });
}

/// Signals are waited for by one thread; every other one is born with them blocked.
sigset_t blocked_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

class Daemon {
 public:
  explicit Daemon(const ServeOptions& options)
      : options_(options),
        self_({.version = MTASTS_VERSION, .revision = MTASTS_REVISION}),
        store_(open_store(first_config())),
        kept_domains_(store_.load_domains()),
        kept_hosts_(store_.load_mx_hosts()),
        writer_(std::move(store_), {.on_trouble = report_store_trouble}),
        loop_(snapshots_, self_, keeper()) {
    restore();
    loop_.prepare(config())();
    self_.config_reloaded(true, system_now());
    serve_http();
    loop_.start();
    log_info("started", {{"version", MTASTS_VERSION}, {"domains", config().domains.size()}});
  }

  int wait(const sigset_t& signals) {
    while (true) {
      const int number = sigtimedwait(&signals, nullptr, &kWatchInterval);
      if (number == SIGTERM || number == SIGINT) break;
      if (number == SIGHUP) reload();
      if (number < 0) watch_domain_files();
    }
    log_info("stopping");
    server_.stop();
    loop_.stop();
    writer_.stop();
    return 0;
  }

 private:
  const Config& first_config() {
    ConfigResult loaded = load_config(options_.config_file);
    for (const ConfigProblem& warning : loaded.warnings) log_warn("configuration", {{"problem", to_string(warning)}});
    if (!loaded.config) throw std::runtime_error(joined(loaded.problems));
    if (!loaded.config->storage.url.empty()) {
      throw std::runtime_error("storage.url: this version keeps its state in a file only; set storage.path instead");
    }
    warn_of_idle_keys(*loaded.config);
    take(with_domain_files(std::move(*loaded.config)));
    return config_;
  }

  /// The configuration file as written, and what it comes to with the domain files.
  struct CompleteConfig {
    Config written{};
    Config config{};
    DomainFiles files{};
  };

  CompleteConfig with_domain_files(Config written) const {
    CompleteConfig complete{.written = std::move(written)};
    complete.config = complete.written;
    complete.files = load_domain_files(complete.written.domain_files, files_);
    for (const ConfigProblem& problem : complete.files.problems)
      log_error("domain file", {{"problem", to_string(problem)}});
    for (const ConfigProblem& warning : complete.files.warnings)
      log_warn("domain file", {{"problem", to_string(warning)}});
    take_domains_of_files(complete.config, complete.files);
    return complete;
  }

  void take(CompleteConfig complete) {
    const std::lock_guard lock(config_mutex_);
    written_ = std::move(complete.written);
    files_ = std::move(complete.files);
    config_ = std::move(complete.config);
  }

  Config config() const {
    const std::lock_guard lock(config_mutex_);
    return config_;
  }

  static Store open_store(const Config& config) {
    return Store::open(config.storage.path, [](const std::string& message) {
      log_warn("store", {{"problem", message}});
    });
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

  static void report_store_trouble(const std::string& error) {
    if (error.empty()) {
      log_info("store works again");
    } else {
      log_error("store cannot be written; probing goes on", {{"error", error}});
    }
  }

  StateKeeper keeper() {
    return {.save_domain = [this](const DomainKeepsake& kept) { save(kept); },
            .save_mx_host =
                [this](const MxVerdict& verdict) {
                  writer_.save({.host = verdict.host, .verdict = verdict, .saved_at = system_now()});
                },
            .forget_domain = [this](const std::string& domain) { writer_.forget(domain); },
            .forget_mx_host = [this](const std::string& host) { writer_.forget_mx_host(host); }};
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

  /// Takes domain files that have changed, under the configuration that runs: whatever else lies in the configuration
  /// file by now waits for a reload. A change that cannot be taken is said once, not every few seconds.
  void watch_domain_files() {
    const std::lock_guard one_at_a_time(reload_mutex_);
    const std::string now = domain_files_fingerprint(written_.domain_files);
    if (now == files_.fingerprint || now == refused_files_) return;
    try {
      take_effect(with_domain_files(written_), [] {});
      log_info("domain files read again", {{"domains", config().domains.size()}});
    } catch (const std::exception& error) {
      refused_files_ = now;
      log_error("the changed domain files cannot be taken, the old domains stay watched", {{"problem", error.what()}});
    }
  }

  /// Makes a configuration the one that counts, unless it or `last_condition` throws: then nothing has changed.
  template <class Condition>
  void take_effect(CompleteConfig complete, Condition last_condition) {
    const std::function<void()> probe_by_it = loop_.prepare(complete.config);
    last_condition();
    take(std::move(complete));  // from here on nothing can fail
    probe_by_it();
    refused_files_.clear();
  }

  /// Takes the files anew. Returns what is wrong with them; then the old configuration keeps running.
  std::optional<std::string> reload() {
    const std::lock_guard one_at_a_time(reload_mutex_);
    std::optional<std::string> error = try_reload();
    self_.config_reloaded(!error, system_now());
    if (error) {
      log_error("reload failed, the old configuration keeps running", {{"problem", *error}});
    } else {
      log_info("reloaded", {{"domains", config().domains.size()}});
    }
    return error;
  }

  std::optional<std::string> try_reload() {
    ConfigResult loaded = load_config(options_.config_file);
    if (!loaded.config) return joined(loaded.problems);
    try {
      take_effect(with_domain_files(std::move(*loaded.config)), [this] {
        if (const auto problem = take_web_options()) throw std::runtime_error(*problem);
      });
    } catch (const std::exception& error) {
      return error.what();
    }
    return std::nullopt;
  }

  std::optional<std::string> take_web_options() {
    if (options_.web_config_file.empty()) return std::nullopt;
    const WebConfigResult web = load_web_config(options_.web_config_file);
    if (!web.config) return joined(web.problems);
    return server_.set_options(web_options(*web.config));
  }

  static WebOptions web_options(const WebConfig& web) {
    WebOptions options;
    if (web.tls) {
      options.tls = {.cert_file = web.tls->cert_file,
                     .key_file = web.tls->key_file,
                     .client_ca_file = web.tls->client_ca_file,
                     .require_client_cert = web.tls->client_auth == ClientAuth::require_and_verify,
                     .min_version = web.tls->min_version == TlsVersion::tls1_3 ? "TLS13" : "TLS12"};
    }
    if (!web.users.empty()) {
      auto gate = std::make_shared<BasicAuth>(web.users);
      options.authenticate = [gate](const std::string& authorization) { return gate->admits(authorization); };
    }
    options.headers.assign(web.headers.begin(), web.headers.end());
    return options;
  }

  void probe_on_demand(const std::string& name, Milliseconds limit, std::function<void(ProbeAnswer)> done) {
    const Config current = config();
    const auto known = std::find_if(current.domains.begin(), current.domains.end(),
                                    [&name](const DomainConfig& domain) { return domain.name == name; });
    if (known == current.domains.end() && !current.probe.allow_unconfigured) {
      return done({.refused = name + " is not among the configured domains (probe.allow_unconfigured is false)"});
    }
    const DomainConfig domain = known != current.domains.end() ? *known : DomainConfig{.name = name};
    loop_.probe_now(domain, limit, [domain, done = std::move(done)](LiveProbe probe) {
      ProbeAnswer answer;
      if (probe.verdict.state == DomainState::unknown) answer.error = probe.verdict.unknown_reason;
      const DomainSlot slot{.name = domain.name, .labels = {domain.labels.begin(), domain.labels.end()}};
      answer.snapshot = snapshot_of_verdicts(slot, std::move(probe.verdict), std::move(probe.mx));
      done(std::move(answer));
    });
  }

  RouteCallbacks callbacks() {
    RouteCallbacks callbacks{
        .snapshot = [this] { return snapshots_.snapshot(); },
        .now = system_now,
        .ready = [] { return true; },  // the server starts last: who gets an answer finds everything up
        .probe = [this](std::string domain, Milliseconds limit,
                        std::function<void(ProbeAnswer)> done) { probe_on_demand(domain, limit, std::move(done)); },
        .self = &self_,
        .version = MTASTS_VERSION,
        .external_url = options_.external_url,
        .probe_timeout = [this] { return config().probe.timeout; }};
    if (options_.enable_lifecycle) callbacks.reload = [this] { return reload(); };
    return callbacks;
  }

  void serve_http() {
    add_routes(server_, callbacks());
    if (const auto problem = take_web_options()) throw std::runtime_error(*problem);
    for (const std::string& text : options_.listen_addresses) {
      const auto address = parse_listen_address(text);
      if (!address) throw std::runtime_error("--web.listen-address=" + text + " is not HOST:PORT or :PORT");
      const std::uint16_t port = server_.listen(*address);
      log_info("listening", {{"address", text}, {"port", port}});
    }
    server_.start();
  }

  const ServeOptions& options_;
  mutable std::mutex config_mutex_;
  std::mutex reload_mutex_;
  Config config_;   // with the domains of the files
  Config written_;  // without them; this and the next two belong to reload_mutex_
  DomainFiles files_;
  std::string refused_files_;  // fingerprint of domain files that could not be taken
  SnapshotStore snapshots_;
  SelfMetrics self_;
  Store store_;
  std::vector<DomainRow> kept_domains_;
  std::vector<MxHostRow> kept_hosts_;
  StoreWriter writer_;
  ProbeLoop loop_;
  HttpServer server_;
};

}  // namespace

int run_serve(const ServeOptions& options) {
  configure_log(options.log_level, options.log_format);
  const sigset_t signals = blocked_signals();
  try {
    Daemon daemon(options);
    return daemon.wait(signals);
  } catch (const std::exception& error) {
    log_error("cannot start", {{"error", error.what()}});
    return 1;
  }
}

int run_config_check(const ConfigCheckOptions& options) {
  const ConfigResult loaded = load_config(options.config_file);
  for (const ConfigProblem& warning : loaded.warnings) std::cerr << "warning: " << to_string(warning) << '\n';
  for (const ConfigProblem& problem : loaded.problems) std::cerr << to_string(problem) << '\n';
  std::vector<ConfigProblem> web_problems;
  if (!options.web_config_file.empty()) web_problems = load_web_config(options.web_config_file).problems;
  for (const ConfigProblem& problem : web_problems) std::cerr << to_string(problem) << '\n';
  if (!loaded.config || !web_problems.empty()) return 1;
  std::cout << options.config_file << ": valid, " << loaded.config->domains.size() << " domains\n";
  return 0;
}

}  // namespace mtasts
