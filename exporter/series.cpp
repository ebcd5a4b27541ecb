// SPDX-License-Identifier: Apache-2.0
#include "exporter/series.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <tuple>
#include <utility>

#include "probes/core/catalogue.h"

namespace mtasts {
namespace {

using enum MetricKind;
using enum MetricGroup;

constexpr auto kMetrics = std::to_array<MetricDefinition>({
    {"mtasts_domain_state", gauge, domain, "domain,state",
     "State of the domain. pending: no probe has ended yet; unknown: trouble on our side, values are the last known."},
    {"mtasts_domain_info", gauge, domain, "domain",
     "Always 1; carries the free labels of the configuration for joins."},
    {"mtasts_probe_success", gauge, domain, "domain",
     "Whether record and policy are valid and every MX is covered and verified; 0 also without MTA-STS."},
    {"mtasts_probe_duration_seconds", gauge, domain, "domain,phase", "How long the last probe took, by phase."},
    {"mtasts_probe_timestamp_seconds", gauge, domain, "domain",
     "When the last probe that reached a verdict ended, Unix time."},
    {"mtasts_dns_success", gauge, domain, "domain,query",
     "Whether the lookup was answered; 0 is SERVFAIL or timeout, which is not the same as no record."},
    {"mtasts_record_valid", gauge, domain, "domain",
     "Whether the _mta-sts TXT set yields exactly one valid record (RFC 8461 section 3.1)."},
    {"mtasts_record_info", gauge, domain, "domain,id", "Always 1; carries the id of the valid _mta-sts record."},
    {"mtasts_tlsrpt_record_valid", gauge, domain, "domain",
     "Whether the _smtp._tls TXT set yields exactly one valid record (RFC 8460 section 3)."},
    {"mtasts_policy_fetch_success", gauge, domain, "domain",
     "Whether the policy came over authenticated HTTPS with status 200 and an acceptable media type (RFC 8461 section "
     "3.3)."},
    {"mtasts_policy_http_status_code", gauge, domain, "domain",
     "HTTP status of the policy fetch; 0 when no response came."},
    {"mtasts_policy_valid", gauge, domain, "domain",
     "Whether the body parses as a valid policy (RFC 8461 section 3.2)."},
    {"mtasts_policy_mode", gauge, domain, "domain,mode",
     "Mode of the policy fetched last; all 0 when it is not valid."},
    {"mtasts_policy_max_age_seconds", gauge, domain, "domain", "The max_age of the policy fetched last."},
    {"mtasts_policy_in_force", gauge, domain, "domain,mode",
     "Mode that a sender which has fetched the last valid policy applies now; all 0 when none is in force."},
    {"mtasts_policy_expected_mode", gauge, domain, "domain,mode", "Mode that the configuration expects (expect_mode)."},
    {"mtasts_policy_cert_not_after_timestamp_seconds", gauge, domain, "domain",
     "Earliest end of validity along the policy host's certificate path, Unix time."},
    {"mtasts_policy_cert_expiry_days", gauge, domain, "domain",
     "Days until the policy host's certificate path expires; negative when it has expired."},
    {"mtasts_policy_last_change_timestamp_seconds", gauge, domain, "domain",
     "When the policy body or its id was last seen to change, Unix time."},
    {"mtasts_policy_enforced_until_timestamp_seconds", gauge, domain, "domain",
     "Latest time at which a sender may still apply an enforce policy it fetched, Unix time."},
    {"mtasts_mx_set_last_change_timestamp_seconds", gauge, domain, "domain",
     "When the set of MX hosts was last seen to change, Unix time."},
    {"mtasts_mx_hosts", gauge, domain, "domain", "MX hosts found; 1 for an implicit MX, 0 for a null MX."},
    {"mtasts_mx_covered", gauge, domain, "domain,mx",
     "Whether an mx pattern of the policy matches the host (RFC 8461 section 4.1); absent without a policy."},
    {"mtasts_mx_coverage_ratio", gauge, domain, "domain",
     "Covered MX hosts over MX hosts, 0 to 1; absent without a policy."},
    {"mtasts_mx_deliverable", gauge, domain, "domain,mx",
     "Whether a sender that enforces would deliver to this host: covered, STARTTLS, verified, by DANE where that "
     "applies."},
    {"mtasts_mx_dane_verified", gauge, domain, "domain,mx",
     "Whether the host's certificates match its TLSA records (RFC 7672); absent without a secure, usable TLSA set."},
    {"mtasts_domain_deliverable", gauge, domain, "domain", "Whether at least one MX host is deliverable."},
    {"mtasts_failure", gauge, domain, "domain,result_type",
     "Whether a fault exists that a sender reports under this TLS-RPT result type (RFC 8460 section 4.3)."},
    {"mtasts_failure_info", gauge, domain, "domain,result_type,host,reason",
     "Always 1; one series per failing host and reason, only while failing."},
    {"mtasts_finding", gauge, domain, "domain,finding,severity", "Always 1; one series per finding, only while true."},

    {"mtasts_mx_reachable", gauge, mx, "mx,family",
     "Whether some address of the family takes a connection and greets with 220."},
    {"mtasts_mx_unreachable_info", gauge, mx, "mx,family,reason", "Always 1; why the host is unreachable, only then."},
    {"mtasts_mx_starttls", gauge, mx, "mx,family", "Whether every reachable address offers and accepts STARTTLS."},
    {"mtasts_mx_tls_verified", gauge, mx, "mx,family",
     "Whether chain, validity and DNS-ID are good on every reachable address (RFC 8461 section 4.2)."},
    {"mtasts_mx_tls_info", gauge, mx, "mx,family,version,cipher", "Always 1; carries TLS version and cipher."},
    {"mtasts_mx_tls_observed_timestamp_seconds", gauge, mx, "mx,family",
     "When the TLS values were seen, Unix time; an unreachable host keeps its last values."},
    {"mtasts_mx_cert_not_after_timestamp_seconds", gauge, mx, "mx,family",
     "Earliest end of validity along the certificate paths of the host's addresses, Unix time."},
    {"mtasts_mx_cert_expiry_days", gauge, mx, "mx,family",
     "Days until the host's certificate path expires; negative when it has expired."},
    {"mtasts_mx_tlsa_records", gauge, mx, "mx",
     "TLSA records of the host in a secure answer, 0 where DANE does not apply; absent while nobody can tell."},
    {"mtasts_mx_probe_timestamp_seconds", gauge, mx, "mx",
     "When the last probe of the host that reached a verdict ended, Unix time."},

    {"mtasts_tlsrpt_reports_total", counter, report, "outcome",
     "Policy domains of TLS reports that came in, by what became of them."},
    {"mtasts_tlsrpt_sessions_total", counter, report, "domain,policy_type,result",
     "Sessions that senders reported, by the policy they applied (RFC 8460 section 4.4)."},
    {"mtasts_tlsrpt_failed_sessions_total", counter, report, "domain,result_type",
     "Failed sessions by the type that senders reported; they need not add up to those of the summary."},
    {"mtasts_tlsrpt_failure_info", gauge, report, "domain,result_type,reporter,mx",
     "Always 1; failures that a sender reported, until 72 hours after the end of the report's range."},
    {"mtasts_tlsrpt_last_report_timestamp_seconds", gauge, report, "domain,reporter",
     "Latest end of a reported range, Unix time; reporter is a known DKIM domain or other."},

    {"mtasts_rollout_ready", gauge, rollout, "domain",
     "Whether nothing has failed, by probe or by report, for findings.ready_after, on a domain watched at least that "
     "long; absent without a policy, and while the domain's state is unknown. `advise` says the rest."},
    {"mtasts_last_failure_timestamp_seconds", gauge, rollout, "domain,source",
     "When a probe (source probe) or a sender (source report, the end of the reported range) last saw a failure, Unix "
     "time; absent where none did."},

    {"mtasts_exporter_build_info", gauge, self, "version,revision", "Always 1; what was built."},
    {"mtasts_exporter_config_last_reload_successful", gauge, self, "",
     "Whether the last attempt to load the configuration succeeded."},
    {"mtasts_exporter_config_last_reload_success_timestamp_seconds", gauge, self, "",
     "When the configuration was last loaded successfully, Unix time."},
    {"mtasts_exporter_domains", gauge, self, "", "Domains that this exporter probes."},
    {"mtasts_exporter_domains_pending", gauge, self, "", "Domains of which no probe has ended yet."},
    {"mtasts_exporter_probe_interval_seconds", gauge, self, "", "The configured probe interval."},
    {"mtasts_exporter_probes_total", counter, self, "outcome", "Probes of domains and MX hosts that ended."},
    {"mtasts_exporter_probes_in_flight", gauge, self, "", "Probes running now."},
    {"mtasts_exporter_probe_delay_seconds", gauge, self, "", "How far the most overdue probe is behind its schedule."},
    {"mtasts_exporter_egress_ok", gauge, self, "kind,family",
     "Whether connections of this kind leave this machine; without it verdicts turn unknown."},
    {"mtasts_exporter_ip_family_usable", gauge, self, "family", "Whether this machine has addresses and a route."},
    {"mtasts_exporter_dns_authenticated", gauge, self, "server",
     "Whether answers of this DNS server are taken as DNSSEC-validated."},
    {"mtasts_exporter_clock_skew_seconds", gauge, self, "",
     "This machine's clock minus the time seen elsewhere; a wrong clock makes certificates look expired."},
    {"mtasts_exporter_store_writable", gauge, self, "store",
     "Whether the last write to the database succeeded, for the state of the domains and for reports."},
    {"mtasts_tlsrpt_channel_working", gauge, self, "channel",
     "Whether TLS reports can be taken by this way in; only for those that are configured."},
    {"mtasts_exporter_phase_duration_seconds", histogram, self, "phase", "Durations of the probes' phases."},

    {"process_cpu_seconds_total", counter, process, "", "Total user and system CPU time spent in seconds."},
    {"process_resident_memory_bytes", gauge, process, "", "Resident memory size in bytes."},
    {"process_virtual_memory_bytes", gauge, process, "", "Virtual memory size in bytes."},
    {"process_open_fds", gauge, process, "", "Number of open file descriptors."},
    {"process_max_fds", gauge, process, "", "Maximum number of open file descriptors."},
    {"process_start_time_seconds", gauge, process, "", "Start time of the process since unix epoch in seconds."},

    {"probe_success", gauge, probe, "",
     "Whether the probe reached a verdict and it is a success (see mtasts_probe_success)."},
    {"probe_duration_seconds", gauge, probe, "", "How long the probe took."},

    {"mtasts_tlsrpt_daily_reports", gauge, history, "domain,reporter",
     "Reports about this UTC day; one sample at noon of each day."},
    {"mtasts_tlsrpt_daily_sessions", gauge, history, "domain,policy_type,result,reporter",
     "Sessions that senders reported of this UTC day; one sample at noon of each day."},
    {"mtasts_tlsrpt_daily_failed_sessions", gauge, history, "domain,result_type,reporter",
     "Failed sessions that senders reported of this UTC day, by type; one sample at noon of each day."},
});
static_assert(kMetrics.size() == kMetricCount, "the table and enum Metric list the same families");

/// Index of the first family of a group.
std::size_t first_of(MetricGroup group) {
  return static_cast<std::size_t>(std::ranges::find(kMetrics, group, &MetricDefinition::group) - kMetrics.begin());
}

/// The length of the well-formed UTF-8 sequence at the start of `text`, 0 when there is none (RFC 3629 section 4).
std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto tail = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;   // no over-long forms
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;  // no surrogates
    return tail(1, low, high) && tail(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;  // nothing above U+10FFFF
    return tail(1, low, high) && tail(2, 0x80, 0xBF) && tail(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

/// Appends one octet or sequence of a label value, escaped; returns how many octets of `rest` it took.
std::size_t escape_next(std::string_view rest, std::string& out) {
  switch (rest.front()) {
    case '\\':
      out += "\\\\";
      return 1;
    case '"':
      out += "\\\"";
      return 1;
    case '\n':
      out += "\\n";
      return 1;
    default:
      break;
  }
  const std::size_t length = utf8_sequence(rest);
  if (length == 0) {
    out += "\xEF\xBF\xBD";  // U+FFFD
    return 1;
  }
  out += rest.substr(0, length);
  return length;
}

bool plain(char c) {
  return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7F && c != '\\' && c != '"';
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`, the label names of the data model.
bool is_label_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto inner = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !name.empty() && letter(name.front()) && std::ranges::all_of(name, inner);
}

template <class Number>
void append_number(std::string& out, Number value) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

struct Label {
  std::string_view name{};
  std::string_view value{};
};
using LabelList = std::initializer_list<Label>;

/// Writes the lines of one group, family after family. Every series begins with the same identity label.
class SeriesWriter {
 public:
  SeriesWriter(MetricGroup group, std::string_view identity, std::string_view value) : first_{first_of(group)} {
    identity_.append("{").append(identity).append("=\"").append(escape_label_value(value)).append("\"");
    series_.offsets.reserve(metrics_of(group).size() + 1);
    series_.text.reserve(4096);
  }

  template <class Number>
  void add(Metric metric, Number value, LabelList labels = {}) {
    enter(metric);
    append_name(series_.text, metric, labels);
    append_number(series_.text, value);
    series_.text += '\n';
  }
  void add(Metric metric, bool value, LabelList labels = {}) { add(metric, value ? 1 : 0, labels); }
  void add(Metric metric, UnixTime value, LabelList labels = {}) {
    add(metric, static_cast<std::int64_t>(value.time_since_epoch().count()), labels);
  }
  void add(Metric metric, Milliseconds value, LabelList labels = {}) {
    add(metric, std::chrono::duration<double>(value).count(), labels);
  }
  /// Nothing for a value that was never seen: unknown is not 0.
  template <class Value>
  void add(Metric metric, const std::optional<Value>& value, LabelList labels = {}) {
    if (value) add(metric, *value, labels);
  }

  void add_expiry(Metric metric, const std::optional<UnixTime>& not_after, LabelList labels = {}) {
    enter(metric);
    if (!not_after) return;
    std::string prefix;
    append_name(prefix, metric, labels);
    series_.expiry.push_back({std::move(prefix), *not_after});
  }

  /// One series per value of an enumerated label, 1 for `current`.
  template <class Value, std::size_t N>
  void add_states(Metric metric, std::string_view label, const std::array<Value, N>& all,
                  const std::optional<Value>& current) {
    for (const Value value : all) add(metric, current == value, {{label, to_string(value)}});
  }

  /// A series of value 1 with labels chosen by the operator; what is no label name or repeats ours is left out.
  void add_info(Metric metric, const Labels& labels) {
    enter(metric);
    series_.text.append(definition(metric).name).append(identity_);
    for (const auto& [name, value] : labels) {
      if (!is_label_name(name) || name == definition(metric).labels) continue;
      series_.text.append(",").append(name).append("=\"").append(escape_label_value(value)).append("\"");
    }
    series_.text.append("} 1\n");
  }

  /// The result; families of the group that were not entered are empty.
  RenderedSeries finish(MetricGroup group) {
    close_until(metrics_of(group).size());
    series_.offsets.push_back(static_cast<std::uint32_t>(series_.text.size()));
    series_.text.shrink_to_fit();
    return std::move(series_);
  }

 private:
  /// Families come in the order of the table: everything up to `metric` begins here at the latest.
  void enter(Metric metric) { close_until(static_cast<std::size_t>(metric) - first_ + 1); }

  void close_until(std::size_t families) {
    while (series_.offsets.size() < families) {
      series_.offsets.push_back(static_cast<std::uint32_t>(series_.text.size()));
    }
  }

  void append_name(std::string& out, Metric metric, LabelList labels) const {
    out.append(definition(metric).name).append(identity_);
    for (const Label& label : labels) {
      out.append(",").append(label.name).append("=\"").append(escape_label_value(label.value)).append("\"");
    }
    out.append("} ");
  }

  std::size_t first_;
  std::string identity_{};
  RenderedSeries series_{};
};

constexpr std::array kStates{DomainState::pending, DomainState::ok, DomainState::failing, DomainState::unknown};
constexpr std::array kModes{StsMode::enforce, StsMode::testing, StsMode::none};
constexpr std::array kQueries{DnsQuery::mta_sts,     DnsQuery::tlsrpt,  DnsQuery::mx,
                              DnsQuery::policy_host, DnsQuery::mx_host, DnsQuery::tlsa};
static_assert(kQueries.size() == kDnsQueryCount);

/// A verdict was reached at least once; before that only the state is known.
bool ever_judged(const DomainVerdict& verdict) { return verdict.probed != UnixTime{}; }

std::optional<StsMode> mode_of(const std::optional<StsPolicy>& policy) {
  return policy ? std::optional{policy->mode} : std::nullopt;
}

std::optional<std::size_t> known_tlsa_records(const MxVerdict& verdict) {
  const bool known =
      verdict.dane && verdict.dane->state != DaneState::unknown && verdict.dane->state != DaneState::bogus;
  return known ? std::optional{verdict.dane->records} : std::nullopt;
}

std::optional<bool> is_valid(const std::optional<RecordStatus>& status) {
  return status ? std::optional{*status == RecordStatus::valid} : std::nullopt;
}

void add_probe(SeriesWriter& out, const DomainVerdict& verdict) {
  if (ever_judged(verdict)) {
    out.add(Metric::probe_success, verdict.success);
    out.add(Metric::probe_duration, verdict.dns_duration, {{"phase", "dns"}});
    out.add(Metric::probe_duration, verdict.policy_duration, {{"phase", "policy"}});
    out.add(Metric::probe_duration, verdict.mx_duration, {{"phase", "mx"}});
    out.add(Metric::probe_duration, verdict.total_duration, {{"phase", "total"}});
    out.add(Metric::probe_timestamp, verdict.probed);
  }
  for (const DnsQuery query : kQueries) {
    out.add(Metric::dns_success, verdict.dns_success[static_cast<std::size_t>(query)], {{"query", to_string(query)}});
  }
}

void add_records(SeriesWriter& out, const DomainVerdict& verdict) {
  out.add(Metric::record_valid, is_valid(verdict.record));
  if (verdict.record == RecordStatus::valid) out.add(Metric::record_info, 1, {{"id", verdict.record_id}});
  out.add(Metric::tlsrpt_record_valid, is_valid(verdict.tlsrpt));
}

void add_policy(SeriesWriter& out, const DomainVerdict& verdict) {
  out.add(Metric::policy_fetch_success, verdict.fetch_success);
  out.add(Metric::policy_http_status, verdict.http_status);
  out.add(Metric::policy_valid, verdict.policy_valid);
  const bool fetched = verdict.fetch_success || verdict.policy_valid;
  if (fetched) out.add_states(Metric::policy_mode, "mode", kModes, mode_of(verdict.policy));
  if (verdict.policy) out.add(Metric::policy_max_age, std::int64_t{verdict.policy->max_age.count()});
  if (verdict.in_force || verdict.record) {  // without either, nobody knows whether senders find a policy
    out.add_states(Metric::policy_in_force, "mode", kModes,
                   verdict.in_force ? std::optional{verdict.in_force->policy.mode} : std::nullopt);
  }
  if (verdict.expected_mode) out.add_states(Metric::policy_expected_mode, "mode", kModes, verdict.expected_mode);
  out.add(Metric::policy_not_after, verdict.policy_not_after);
  out.add_expiry(Metric::policy_expiry_days, verdict.policy_not_after);
  out.add(Metric::policy_last_change, verdict.policy_last_change);
  out.add(Metric::policy_enforced_until, verdict.enforced_until);
}

void add_mx_set(SeriesWriter& out, const DomainVerdict& verdict) {
  out.add(Metric::mx_set_last_change, verdict.mx_set_last_change);
  out.add(Metric::mx_hosts, verdict.mx_hosts);
  for (const MxMembership& mx_host : verdict.mx) out.add(Metric::mx_covered, mx_host.covered, {{"mx", mx_host.host}});
  out.add(Metric::mx_coverage_ratio, verdict.coverage);
  for (const MxMembership& mx_host : verdict.mx) {
    out.add(Metric::mx_deliverable, mx_host.deliverable, {{"mx", mx_host.host}});
  }
  for (const MxMembership& mx_host : verdict.mx) {
    out.add(Metric::mx_dane_verified, mx_host.dane_verified, {{"mx", mx_host.host}});
  }
  out.add(Metric::domain_deliverable, verdict.deliverable);
}

/// All eleven types together, then each failing host once per type and reason.
void add_failures(SeriesWriter& out, const DomainVerdict& verdict) {
  std::array<bool, kResultTypeCount> failing{};
  std::set<std::tuple<ResultType, std::string_view, std::string_view>> hosts;
  for (const Fault& fault : verdict.faults) {
    failing[static_cast<std::size_t>(fault.type)] = true;
    hosts.emplace(fault.type, fault.host, fault.reason);
  }
  for (std::size_t i = 0; i < failing.size(); ++i) {
    out.add(Metric::failure, failing[i], {{"result_type", to_string(static_cast<ResultType>(i))}});
  }
  for (const auto& [type, host, reason] : hosts) {
    out.add(Metric::failure_info, 1, {{"result_type", to_string(type)}, {"host", host}, {"reason", reason}});
  }
}

/// One series per code, whichever hosts it concerns: the pages name the hosts.
void add_findings(SeriesWriter& out, const DomainVerdict& verdict) {
  std::set<std::string_view> codes;
  for (const Finding& finding : verdict.findings) codes.insert(finding.code);
  for (const std::string_view code : codes) {
    const CatalogueEntry* entry = find_code(CodeKind::finding, code);
    const Severity severity = entry ? entry->severity : Severity::info;
    out.add(Metric::finding, 1, {{"finding", code}, {"severity", to_string(severity)}});
  }
}

using FamilyVerdicts = std::array<std::pair<IpFamily, const MxFamilyVerdict*>, 2>;

FamilyVerdicts families_of(const MxVerdict& verdict) {
  return {{{IpFamily::ipv4, verdict.ipv4 ? &*verdict.ipv4 : nullptr},
           {IpFamily::ipv6, verdict.ipv6 ? &*verdict.ipv6 : nullptr}}};
}

/// Calls `add` for each family that has a verdict, with the family's label.
template <class Add>
void each_family(const MxVerdict& verdict, Add add) {
  for (const auto& [family, seen] : families_of(verdict)) {
    if (seen) add(*seen, Label{"family", to_string(family)});
  }
}

}  // namespace

std::span<const MetricDefinition, kMetricCount> metric_table() { return kMetrics; }

const MetricDefinition& definition(Metric metric) { return kMetrics[static_cast<std::size_t>(metric)]; }

std::span<const MetricDefinition> metrics_of(MetricGroup group) {
  const auto in_group = [group](const MetricDefinition& metric) { return metric.group == group; };
  const auto count = static_cast<std::size_t>(std::ranges::count_if(kMetrics, in_group));
  return std::span{kMetrics}.subspan(first_of(group), count);
}

std::string_view RenderedSeries::family(std::size_t index) const {
  if (index + 1 >= offsets.size()) return {};
  return std::string_view{text}.substr(offsets[index], offsets[index + 1] - offsets[index]);
}

RenderedSeries render_domain_series(std::string_view name, const Labels& labels, const DomainVerdict* verdict) {
  SeriesWriter out{domain, "domain", name};
  const DomainState state = verdict ? verdict->state : DomainState::pending;
  out.add_states(Metric::domain_state, "state", kStates, std::optional{state});
  out.add_info(Metric::domain_info, labels);
  if (state != DomainState::pending) {
    add_probe(out, *verdict);
    add_records(out, *verdict);
    add_policy(out, *verdict);
    add_mx_set(out, *verdict);
    if (ever_judged(*verdict)) add_failures(out, *verdict);
    add_findings(out, *verdict);
  }
  return out.finish(domain);
}

RenderedSeries render_mx_series(std::string_view host, const MxVerdict* verdict) {
  SeriesWriter out{mx, "mx", host};
  if (!verdict) return out.finish(mx);
  using V = MxFamilyVerdict;
  each_family(*verdict, [&](const V& v, Label family) { out.add(Metric::mx_reachable, v.reachable, {family}); });
  each_family(*verdict, [&](const V& v, Label family) {
    if (!v.reachable) out.add(Metric::mx_unreachable_info, 1, {family, {"reason", v.unreachable_reason}});
  });
  each_family(*verdict, [&](const V& v, Label family) { out.add(Metric::mx_starttls, v.starttls, {family}); });
  each_family(*verdict, [&](const V& v, Label family) { out.add(Metric::mx_tls_verified, v.verified, {family}); });
  each_family(*verdict, [&](const V& v, Label family) {
    if (v.tls_version.empty()) return;
    out.add(Metric::mx_tls_info, 1, {family, {"version", v.tls_version}, {"cipher", v.cipher}});
  });
  each_family(*verdict, [&](const V& v, Label family) { out.add(Metric::mx_tls_observed, v.tls_observed, {family}); });
  each_family(*verdict, [&](const V& v, Label family) { out.add(Metric::mx_not_after, v.not_after, {family}); });
  each_family(*verdict,
              [&](const V& v, Label family) { out.add_expiry(Metric::mx_expiry_days, v.not_after, {family}); });
  if (const auto records = known_tlsa_records(*verdict)) out.add(Metric::mx_tlsa_records, *records);
  if (verdict->probed != UnixTime{}) out.add(Metric::mx_probe_timestamp, verdict->probed);
  return out.finish(mx);
}

RenderedSeries render_report_series(std::string_view name, const DomainReportTotals& totals) {
  SeriesWriter out{report, "domain", name};
  for (const std::string_view type : kReportedPolicyTypes) {
    const auto found = totals.sessions.find(type);
    const auto sum = found == totals.sessions.end() ? DomainReportTotals::Sessions{} : found->second;
    out.add(Metric::reported_sessions, sum.successful, {{"policy_type", type}, {"result", "success"}});
    out.add(Metric::reported_sessions, sum.failed, {{"policy_type", type}, {"result", "failure"}});
  }
  for (const std::string_view type : reported_result_types()) {
    const auto found = totals.failed.find(type);
    out.add(Metric::reported_failed_sessions, found == totals.failed.end() ? 0 : found->second,
            {{"result_type", type}});
  }
  for (const auto& [reporter, end] : totals.last_report) out.add(Metric::last_report, end, {{"reporter", reporter}});
  return out.finish(report);
}

std::string escape_label_value(std::string_view value) {
  if (std::ranges::all_of(value, plain)) return std::string{value};
  std::string out;
  while (!value.empty()) value.remove_prefix(escape_next(value, out));
  return out;
}

}  // namespace mtasts
