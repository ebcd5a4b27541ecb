// The exporter's own metrics.
// Next: exposition.h, which writes those of domains and MX hosts; docs/metrics.md, which is generated from the table.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "exporter/report_arrival.h"
#include "exporter/series.h"
#include "probes/core/observations.h"
#include "probes/net/work_meter.h"

namespace mtasts {

/// What mtasts_exporter_build_info says. An empty revision leaves its label empty.
struct BuildInfo {
  std::string version{};
  std::string revision{};
};

/// The values of the label `kind` of mtasts_exporter_egress_ok.
enum class EgressKind { dns, https, smtp };
/// The values of the label `phase` of the duration histogram.
enum class ProbePhase { dns, policy, mx, domain };
/// The values of the label `store`.
enum class StorePart { state, reports };

/// The exporter's own metrics, kept by prometheus-cpp. Every function may be called from any thread. What was never
/// set is absent, except the counters, which start at 0 for every outcome of the catalogue.
class SelfMetrics {
 public:
  explicit SelfMetrics(const BuildInfo& build);
  ~SelfMetrics();
  SelfMetrics(const SelfMetrics&) = delete;
  SelfMetrics& operator=(const SelfMetrics&) = delete;

  /// A (re)load of the configuration ended at `when`; a failed one leaves the timestamp of the last good one.
  void config_reloaded(bool ok, UnixTime when);
  void set_probe_interval(std::chrono::seconds interval);
  /// Which of the shards this exporter is, from 0, and how many there are; 0 of 1 where nothing is shared.
  void set_shard(std::size_t index, std::size_t count);
  /// A probe of a domain or MX host ended; `outcome` is a code of the catalogue (CodeKind::outcome).
  void count_probe(std::string_view outcome);
  void set_probes_in_flight(std::size_t probes);
  /// How far the most overdue probe is behind its schedule; 0 when none is.
  void set_probe_delay(std::chrono::milliseconds delay);
  void set_egress_ok(EgressKind kind, IpFamily family, bool ok);
  void set_ip_family_usable(IpFamily family, bool usable);
  /// Whether answers of this DNS server are taken as authenticated; `server` is "ADDRESS:PORT".
  void set_dns_authenticated(std::string_view server, bool authenticated);
  /// Forgets the DNS servers, when the configuration has new ones.
  void clear_dns_servers();
  /// Our clock minus the time that answers carry.
  void set_clock_skew(std::chrono::milliseconds skew);
  /// Whether the last write to the database succeeded.
  void set_store_writable(StorePart part, bool writable);
  /// Whether reports can be taken by this way in; nullopt where it is not configured, which takes its series away.
  void set_channel_working(ReportChannel channel, std::optional<bool> working);
  /// What the threads that probe spent on it since the start. Input: `spent` never shrinks.
  void set_busy(Activity activity, std::chrono::nanoseconds spent);
  void observe_phase(ProbePhase phase, std::chrono::milliseconds duration);
  /// Sizes of the fleet, which each scrape sets from its snapshot.
  void set_domains(std::size_t all, std::size_t pending);

  /// The text exposition of all of the above and of process_*, or of the families named. Input: `names`, empty for all.
  std::string render(const FamilyNames& names = {}) const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace mtasts
