// One verdict to ready exposition text, and the table of every metric: no other file spells a metric name.
// Next: snapshot.h, which keeps the text beside the verdict; metrics.h, which joins it into a scrape.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
/// The families of one group, in exposition order.
std::span<const MetricDefinition> metrics_of(MetricGroup group);

/// Free labels of the configuration, by name.
using Labels = std::map<std::string, std::string, std::less<>>;

/// Series whose value is the time left until `not_after`: only the text in front of the value can be ready.
struct ExpirySeries {
  std::string prefix{};  // `name{labels} `
  UnixTime not_after{};

  bool operator==(const ExpirySeries&) const = default;
};

/// The series of one verdict: lines of all families of a group behind each other. Family i of the group is
/// text[offsets[i], offsets[i + 1]); the expiry_days family has no text but `expiry`.
struct RenderedSeries {
  std::string text{};
  std::vector<std::uint32_t> offsets{};
  std::vector<ExpirySeries> expiry{};

  std::string_view family(std::size_t index) const;
};

/// Renders a domain's series. Input: `verdict` nullptr or in state pending gives mtasts_domain_state and
/// mtasts_domain_info only; free labels that collide with `domain` are left out. Errors: none.
RenderedSeries render_domain_series(std::string_view name, const Labels& labels, const DomainVerdict* verdict);

/// Renders an MX host's series. Input: `verdict` nullptr (not observed yet) gives none. Errors: none.
RenderedSeries render_mx_series(std::string_view host, const MxVerdict* verdict);

/// Renders what the reports say of a domain, every policy type and result type from 0, so that increase() sees the
/// first report: 20 series, and one per reporter. Families whose values depend on the time of the scrape, or on no
/// domain, are left empty. Errors: none.
RenderedSeries render_report_series(std::string_view name, const DomainReportTotals& totals);

/// A label value with backslash, quote and newline escaped and invalid UTF-8 replaced by U+FFFD, as the text
/// exposition format 0.0.4 asks.
std::string escape_label_value(std::string_view value);

}  // namespace mtasts
