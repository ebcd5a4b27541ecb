// A scrape: the ready series of a Snapshot, the days left computed now, and the exporter's own metrics.
// Next: series.h for the table and the text of one verdict; docs/metrics.md, which is generated from the table.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "exporter/report_arrival.h"
#include "exporter/report_board.h"
#include "exporter/snapshot.h"

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
  void observe_phase(ProbePhase phase, std::chrono::milliseconds duration);
  /// Sizes of the fleet; render_metrics() sets them from the snapshot.
  void set_domains(std::size_t all, std::size_t pending);

  /// The text exposition of all of the above and of process_*.
  std::string render() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

/// The families of the verdicts in text exposition 0.0.4, one HELP and TYPE each; families without series are left out.
std::string render_snapshot(const Snapshot& snapshot, UnixTime now);

/// The families of reports; "" when the view is not active. A failure at a host that is none of the domain's MX hosts
/// in the snapshot is shown as that of `other`.
std::string render_reports(const ReportView& reports, const Snapshot& snapshot, UnixTime now);

/// The families of the rollout: what probes and reports together say of the last `ready_after`.
std::string render_rollout(const Snapshot& snapshot, const ReportView& reports, std::chrono::seconds ready_after,
                           UnixTime now);

/// What /metrics answers: the three above and the exporter's own metrics.
std::string render_metrics(const Snapshot& snapshot, const ReportView& reports, std::chrono::seconds ready_after,
                           UnixTime now, SelfMetrics& self);

/// The result of /probe: the families of the snapshot, probe_success and probe_duration_seconds.
std::string render_probe_metrics(const Snapshot& snapshot, UnixTime now, bool success,
                                 std::chrono::milliseconds duration);

/// docs/metrics.md, from the metric table.
std::string render_metrics_doc();

}  // namespace mtasts
