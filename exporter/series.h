// One verdict to exposition text, family by family, and the table of every metric: no other file spells a metric name.
// Next: exposition.h, which walks the families of a whole snapshot.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/labels.h"
#include "exporter/report_totals.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// Whose series a family holds, and who renders them: domain and mx from verdicts, report from the totals of reports,
/// rollout from both at the time of the scrape, self and process by prometheus-cpp, probe only in answers of /probe,
/// history only in what `export` writes.
enum class MetricGroup { domain, mx, report, rollout, self, process, probe, history };
enum class MetricKind { gauge, counter, histogram };

/// One family. `labels` is the fixed label set, comma-separated, "" without labels.
struct MetricDefinition {
  std::string_view name{};
  MetricKind kind{MetricKind::gauge};
  MetricGroup group{MetricGroup::domain};
  std::string_view labels{};
  std::string_view help{};
};

/// Indexes of the table, in exposition order.
enum class Metric : std::size_t {
  domain_state,
  domain_info,
  probe_success,
  probe_duration,
  probe_timestamp,
  dns_success,
  record_valid,
  record_info,
  tlsrpt_record_valid,
  policy_fetch_success,
  policy_http_status,
  policy_valid,
  policy_mode,
  policy_max_age,
  policy_in_force,
  policy_expected_mode,
  policy_not_after,
  policy_expiry_days,
  policy_last_change,
  policy_enforced_until,
  mx_set_last_change,
  mx_hosts,
  mx_covered,
  mx_coverage_ratio,
  mx_deliverable,
  mx_dane_verified,
  domain_deliverable,
  failure,
  failure_info,
  finding,
  mx_reachable,
  mx_unreachable_info,
  mx_starttls,
  mx_tls_verified,
  mx_tls_info,
  mx_tls_observed,
  mx_not_after,
  mx_expiry_days,
  mx_tlsa_records,
  mx_probe_timestamp,
  reports_total,
  reported_sessions,
  reported_failed_sessions,
  reported_failure_info,
  last_report,
  rollout_ready,
  last_failure,
  build_info,
  config_reload_successful,
  config_reload_timestamp,
  domains,
  domains_pending,
  shard_index,
  shard_count,
  probe_interval,
  probes_total,
  probes_in_flight,
  probe_delay,
  egress_ok,
  ip_family_usable,
  dns_authenticated,
  clock_skew,
  store_writable,
  channel_working,
  phase_duration,
  busy,
  process_cpu,
  process_resident_memory,
  process_virtual_memory,
  process_open_fds,
  process_max_fds,
  process_start_time,
  probe_result,
  probe_result_duration,
  daily_reports,
  daily_sessions,
  daily_failed_sessions,
};
constexpr std::size_t kMetricCount = static_cast<std::size_t>(Metric::daily_failed_sessions) + 1;

/// The whole table, indexed by Metric; each group is one contiguous run.
std::span<const MetricDefinition, kMetricCount> metric_table();
const MetricDefinition& definition(Metric metric);
/// Do values of this family change while the verdicts stay: is something counted from the time of the scrape? Input: a
/// family of domains or MX hosts.
bool moves_with_time(Metric metric);
/// Input: an element of the table.
Metric metric_of(const MetricDefinition& definition);
/// The families of one group, in exposition order.
std::span<const MetricDefinition> metrics_of(MetricGroup group);

/// Names of families; empty means all of them.
using FamilyNames = std::set<std::string, std::less<>>;

/// A domain as its series see it. `verdict` is nullptr before the first.
struct DomainSource {
  std::string_view name{};
  const Labels& labels;
  const DomainVerdict* verdict{};
};

/// Appends the series of one family of MetricGroup::domain. Input: a domain without a verdict, or in state pending, has
/// mtasts_domain_state and mtasts_domain_info only; free labels that collide with `domain` are left out; days left are
/// counted from `now`. Errors: none.
void append_domain_family(std::string& out, Metric family, const DomainSource& source, UnixTime now);

/// The same of MetricGroup::mx. Input: `verdict` nullptr (not observed yet) has no series.
void append_mx_family(std::string& out, Metric family, std::string_view host, const MxVerdict* verdict, UnixTime now);

/// The same of what reports say of a domain, every policy type and result type from 0, so that increase() sees the
/// first report: 20 series, and one per reporter. Families of MetricGroup::report whose values depend on the time of
/// the scrape, or on no domain, have none here.
void append_report_family(std::string& out, Metric family, std::string_view domain, const DomainReportTotals& totals);

/// A label value with backslash, quote and newline escaped and invalid UTF-8 replaced by U+FFFD, as the text
/// exposition format 0.0.4 asks.
std::string escape_label_value(std::string_view value);

}  // namespace mtasts
