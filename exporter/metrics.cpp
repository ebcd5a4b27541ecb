// SPDX-License-Identifier: Apache-2.0
#include "exporter/metrics.h"

#include <dirent.h>
#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include "probes/core/catalogue.h"

namespace mtasts {
namespace {

std::string_view to_string(EgressKind kind) {
  constexpr std::array names{"dns", "https", "smtp"};
  return names[static_cast<std::size_t>(kind)];
}

std::string_view to_string(ProbePhase phase) {
  constexpr std::array names{"dns", "policy", "mx", "domain"};
  return names[static_cast<std::size_t>(phase)];
}

std::string_view to_string(Activity activity) {
  constexpr std::array<const char*, kActivities> names{"dns", "tls", "verification", "analysis", "publication"};
  return names[static_cast<std::size_t>(activity)];
}

std::string_view to_string(StorePart part) { return part == StorePart::state ? "state" : "reports"; }

double seconds(std::chrono::milliseconds duration) { return std::chrono::duration<double>(duration).count(); }

/// process_* as other client libraries export them, read from /proc at scrape time.
class ProcessMetrics : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> families;
    const auto add = [&](Metric metric, std::optional<double> value) {
      if (value) families.push_back(family(definition(metric), *value));
    };
    const std::vector<std::string> stat = stat_fields();
    add(Metric::process_cpu, cpu_seconds());
    add(Metric::process_resident_memory, scaled(stat, kResidentPages, static_cast<double>(sysconf(_SC_PAGESIZE))));
    add(Metric::process_virtual_memory, scaled(stat, kVirtualBytes, 1));
    add(Metric::process_open_fds, open_descriptors());
    add(Metric::process_max_fds, descriptor_limit());
    add(Metric::process_start_time, start_time(stat));
    return families;
  }

 private:
  // Positions behind the command name in /proc/self/stat, proc(5) fields 22, 23 and 24.
  static constexpr std::size_t kStartTicks = 19;
  static constexpr std::size_t kVirtualBytes = 20;
  static constexpr std::size_t kResidentPages = 21;

  static prometheus::MetricFamily family(const MetricDefinition& metric, double value) {
    prometheus::MetricFamily out;
    out.name = metric.name;
    out.help = metric.help;
    out.type = metric.kind == MetricKind::counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    out.metric.emplace_back();
    out.metric.back().counter.value = value;
    out.metric.back().gauge.value = value;
    return out;
  }

  /// The fields after the command name, which may hold anything and ends with the last parenthesis.
  static std::vector<std::string> stat_fields() {
    std::ifstream file{"/proc/self/stat"};
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    std::istringstream rest{text.substr(text.rfind(')') == std::string::npos ? text.size() : text.rfind(')') + 1)};
    return {std::istream_iterator<std::string>{rest}, {}};
  }

  static std::optional<double> scaled(const std::vector<std::string>& stat, std::size_t field, double unit) {
    if (stat.size() <= field) return std::nullopt;
    return std::strtod(stat[field].c_str(), nullptr) * unit;
  }

  static std::optional<double> cpu_seconds() {
    rusage used{};
    if (getrusage(RUSAGE_SELF, &used) != 0) return std::nullopt;
    const auto of = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return of(used.ru_utime) + of(used.ru_stime);
  }

  static std::optional<double> open_descriptors() {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder{opendir("/proc/self/fd"), closedir};
    if (!folder) return std::nullopt;
    int entries = 0;
    while (readdir(folder.get())) ++entries;
    return entries - 3;  // ".", ".." and the descriptor of the listing itself
  }

  static std::optional<double> descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
    return static_cast<double>(limit.rlim_cur);
  }

  static double seconds_of(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
  }

  /// When the machine booted, in Unix time. From the clocks, not from /proc/stat, which systemd's ProcSubset=pid
  /// hides. The difference wavers by microseconds, so it moves only when the clock is set: a start time that changes
  /// looks like a restart.
  double boot_time() const {
    constexpr double kSet = 1;
    const double boot = seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME);
    if (std::abs(boot - boot_time_) > kSet) boot_time_ = boot;
    return boot_time_;
  }

  std::optional<double> start_time(const std::vector<std::string>& stat) const {
    const auto after_boot = scaled(stat, kStartTicks, 1 / static_cast<double>(sysconf(_SC_CLK_TCK)));
    if (!after_boot) return std::nullopt;
    return boot_time() + *after_boot;
  }

  mutable std::atomic<double> boot_time_{};
};

using Gauges = prometheus::Family<prometheus::Gauge>;
using PromLabels = std::map<std::string, std::string>;

}  // namespace

struct SelfMetrics::Families {
  template <class Kind, class Builder>
  prometheus::Family<Kind>& build(Metric metric, Builder builder) {
    return builder.Name(std::string{definition(metric).name})
        .Help(std::string{definition(metric).help})
        .Register(registry);
  }
  Gauges& gauges(Metric metric) { return build<prometheus::Gauge>(metric, prometheus::BuildGauge()); }

  prometheus::Registry registry{};
  Gauges& build_info = gauges(Metric::build_info);
  Gauges& reload_successful = gauges(Metric::config_reload_successful);
  Gauges& reload_timestamp = gauges(Metric::config_reload_timestamp);
  Gauges& domains = gauges(Metric::domains);
  Gauges& domains_pending = gauges(Metric::domains_pending);
  Gauges& shard_index = gauges(Metric::shard_index);
  Gauges& shard_count = gauges(Metric::shard_count);
  Gauges& probe_interval = gauges(Metric::probe_interval);
  prometheus::Family<prometheus::Counter>& probes =
      build<prometheus::Counter>(Metric::probes_total, prometheus::BuildCounter());
  Gauges& in_flight = gauges(Metric::probes_in_flight);
  Gauges& delay = gauges(Metric::probe_delay);
  Gauges& egress = gauges(Metric::egress_ok);
  Gauges& family_usable = gauges(Metric::ip_family_usable);
  Gauges& authenticated = gauges(Metric::dns_authenticated);
  Gauges& skew = gauges(Metric::clock_skew);
  Gauges& writable = gauges(Metric::store_writable);
  Gauges& channel_working = gauges(Metric::channel_working);
  prometheus::Family<prometheus::Histogram>& phases =
      build<prometheus::Histogram>(Metric::phase_duration, prometheus::BuildHistogram());
  prometheus::Family<prometheus::Counter>& busy = build<prometheus::Counter>(Metric::busy, prometheus::BuildCounter());
  ProcessMetrics process{};
  std::mutex channels_mutex{};
  std::array<prometheus::Gauge*, kReportChannelCount> channels{};
  std::mutex servers_mutex{};
  std::map<std::string, prometheus::Gauge*, std::less<>> servers{};
};

SelfMetrics::SelfMetrics(const BuildInfo& build) : families_{std::make_unique<Families>()} {
  families_->build_info.Add({{"version", build.version}, {"revision", build.revision}}).Set(1);
  for (const CatalogueEntry& entry : catalogue()) {
    if (entry.kind == CodeKind::outcome) families_->probes.Add({{"outcome", std::string{entry.code}}});
  }
}

SelfMetrics::~SelfMetrics() = default;

void SelfMetrics::config_reloaded(bool ok, UnixTime when) {
  families_->reload_successful.Add({}).Set(ok ? 1 : 0);
  if (ok) families_->reload_timestamp.Add({}).Set(static_cast<double>(when.time_since_epoch().count()));
}

void SelfMetrics::set_probe_interval(std::chrono::seconds interval) {
  families_->probe_interval.Add({}).Set(static_cast<double>(interval.count()));
}

void SelfMetrics::set_shard(std::size_t index, std::size_t count) {
  families_->shard_index.Add({}).Set(static_cast<double>(index));
  families_->shard_count.Add({}).Set(static_cast<double>(count));
}

void SelfMetrics::count_probe(std::string_view outcome) {
  families_->probes.Add({{"outcome", std::string{outcome}}}).Increment();
}

void SelfMetrics::set_probes_in_flight(std::size_t probes) {
  families_->in_flight.Add({}).Set(static_cast<double>(probes));
}

void SelfMetrics::set_probe_delay(std::chrono::milliseconds delay) { families_->delay.Add({}).Set(seconds(delay)); }

void SelfMetrics::set_egress_ok(EgressKind kind, IpFamily family, bool ok) {
  const PromLabels labels{{"kind", std::string{to_string(kind)}}, {"family", std::string{mtasts::to_string(family)}}};
  families_->egress.Add(labels).Set(ok ? 1 : 0);
}

void SelfMetrics::set_ip_family_usable(IpFamily family, bool usable) {
  families_->family_usable.Add({{"family", std::string{mtasts::to_string(family)}}}).Set(usable ? 1 : 0);
}

void SelfMetrics::set_dns_authenticated(std::string_view server, bool authenticated) {
  const std::scoped_lock lock{families_->servers_mutex};
  auto& gauge = families_->authenticated.Add({{"server", std::string{server}}});
  gauge.Set(authenticated ? 1 : 0);
  families_->servers.insert_or_assign(std::string{server}, &gauge);
}

void SelfMetrics::clear_dns_servers() {
  const std::scoped_lock lock{families_->servers_mutex};
  for (const auto& [server, gauge] : families_->servers) families_->authenticated.Remove(gauge);
  families_->servers.clear();
}

void SelfMetrics::set_clock_skew(std::chrono::milliseconds skew) { families_->skew.Add({}).Set(seconds(skew)); }

void SelfMetrics::set_store_writable(StorePart part, bool writable) {
  families_->writable.Add({{"store", std::string{to_string(part)}}}).Set(writable ? 1 : 0);
}

void SelfMetrics::set_channel_working(ReportChannel channel, std::optional<bool> working) {
  const std::scoped_lock lock{families_->channels_mutex};
  prometheus::Gauge*& gauge = families_->channels[static_cast<std::size_t>(channel)];
  if (!gauge && working) gauge = &families_->channel_working.Add({{"channel", std::string{to_string(channel)}}});
  if (working) {
    gauge->Set(*working ? 1 : 0);
  } else if (gauge) {
    families_->channel_working.Remove(std::exchange(gauge, nullptr));
  }
}

void SelfMetrics::observe_phase(ProbePhase phase, std::chrono::milliseconds duration) {
  static const prometheus::Histogram::BucketBoundaries kBuckets{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
  families_->phases.Add({{"phase", std::string{to_string(phase)}}}, kBuckets).Observe(seconds(duration));
}

void SelfMetrics::set_busy(Activity activity, std::chrono::nanoseconds spent) {
  prometheus::Counter& counter = families_->busy.Add({{"activity", std::string{to_string(activity)}}});
  counter.Increment(std::chrono::duration<double>(spent).count() - counter.Value());
}

void SelfMetrics::set_domains(std::size_t all, std::size_t pending) {
  families_->domains.Add({}).Set(static_cast<double>(all));
  families_->domains_pending.Add({}).Set(static_cast<double>(pending));
}

std::string SelfMetrics::render(const FamilyNames& names) const {
  auto families = families_->registry.Collect();
  for (prometheus::MetricFamily& family : families_->process.Collect()) families.push_back(std::move(family));
  std::erase_if(families, [&names](const prometheus::MetricFamily& family) {
    return family.metric.empty() || (!names.empty() && !names.contains(family.name));
  });
  return prometheus::TextSerializer{}.Serialize(families);
}

}  // namespace mtasts
