// SPDX-License-Identifier: Apache-2.0
#include "exporter/series.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <iterator>
#include <limits>
#include <set>
#include <tuple>
#include <type_traits>

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
    {"mtasts_exporter_shard_index", gauge, self, "",
     "Which shard this exporter is, from 0; 0 also where one exporter has all domains."},
    {"mtasts_exporter_shards", gauge, self, "",
     "How many shards the domains are spread over; 1 where one exporter has all of them."},
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
    {"mtasts_exporter_busy_seconds_total", counter, self, "activity",
     "What the threads that probe spent their time on, by the wall clock, apart from waiting and from moving data."},

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

/// Of each octet: is it written as it is? A table, because every label of every scrape is looked up in it.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned char c = 0x20; c < 0x7F; ++c) plain[c] = c != '\\' && c != '"';
  return plain;
}();
bool plain(char c) { return kPlain[static_cast<unsigned char>(c)]; }

/// `[a-zA-Z_][a-zA-Z0-9_]*`, the label names of the data model.
bool is_label_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto inner = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !name.empty() && letter(name.front()) && std::ranges::all_of(name, inner);
}

/// As prometheus-cpp writes doubles, byte for byte: `%.16g`.
void append_number(std::string& out, double value) {
  constexpr int kDigits = std::numeric_limits<double>::max_digits10 - 1;
  std::array<char, 32> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::general, kDigits).ptr;
  out.append(digits.data(), end);
}

template <std::integral Number>
void append_number(std::string& out, Number value) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

void append_escaped(std::string& out, std::string_view value) {
  if (std::ranges::all_of(value, plain)) {
    out.append(value);
  } else {
    out.append(escape_label_value(value));
  }
}

/// Days to four digits: 9 seconds, finer than any probe interval.
double days_between(UnixTime from, UnixTime to) {
  constexpr double kSecondsPerDay = 86400;
  constexpr double kDigits = 1e4;
  return std::round(static_cast<double>((to - from).count()) / kSecondsPerDay * kDigits) / kDigits;
}

struct Label {
  std::string_view name{};
  std::string_view value{};
};
using LabelList = std::initializer_list<Label>;

/// Writes the lines of one family that belong to one domain or MX host; each begins with that identity.
class Lines {
 public:
  Lines(std::string& out, Metric metric, std::string_view identity, std::string_view value, UnixTime now)
      : out_{out}, metric_{metric}, identity_{identity}, value_{value}, now_{now} {}

  template <class Number>
  requires std::is_arithmetic_v<Number>
  void add(Number value, LabelList labels = {}) {
    append_identity(labels);
    out_.append("} ");
    append_number(out_, value);
    out_ += '\n';
  }
  void add(bool value, LabelList labels = {}) {
    append_identity(labels);
    out_.append(value ? "} 1\n" : "} 0\n");
  }
  void add(UnixTime value, LabelList labels = {}) {
    add(static_cast<std::int64_t>(value.time_since_epoch().count()), labels);
  }
  void add(Milliseconds value, LabelList labels = {}) { add(std::chrono::duration<double>(value).count(), labels); }
  /// Nothing for a value that was never seen: unknown is not 0.
  template <class Value>
  void add(const std::optional<Value>& value, LabelList labels = {}) {
    if (value) add(*value, labels);
  }
  void add(const OptionalTime& value, LabelList labels = {}) {
    if (value) add(*value, labels);
  }

  /// How long until then, counted from the scrape.
  void add_days_until(const OptionalTime& then, LabelList labels = {}) {
    if (then) add(days_between(now_, *then), labels);
  }

  /// One series per value of an enumerated label, 1 for `current`.
  template <class Value, std::size_t N>
  void add_states(std::string_view label, const std::array<Value, N>& all, const std::optional<Value>& current) {
    for (const Value value : all) add(current == value, {{label, to_string(value)}});
  }

  /// A series of value 1 with labels chosen by the operator; what is no label name or repeats ours is left out.
  void add_info(const Labels& labels) {
    append_head();
    for (const auto& [name, value] : labels) {
      if (is_label_name(name) && name != definition(metric_).labels) append_label({name, value});
    }
    out_.append("} 1\n");
  }

 private:
  /// Name and identity: written once, copied for every further series.
  void append_head() {
    if (head_length_ > 0) {
      out_.append(out_, head_at_, head_length_);
      return;
    }
    head_at_ = out_.size();
    out_.append(definition(metric_).name).append("{").append(identity_).append("=\"");
    append_escaped(out_, value_);
    out_ += '"';
    head_length_ = out_.size() - head_at_;
  }

  void append_label(const Label& label) {
    out_.append(",").append(label.name).append("=\"");
    append_escaped(out_, label.value);
    out_ += '"';
  }

  void append_identity(LabelList labels) {
    append_head();
    for (const Label& label : labels) append_label(label);
  }

  std::string& out_;
  Metric metric_;
  std::string_view identity_;
  std::string_view value_;
  UnixTime now_;
  std::size_t head_at_{};
  std::size_t head_length_{};
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

void add_durations(Lines& out, const DomainVerdict& verdict) {
  if (!ever_judged(verdict)) return;
  out.add(verdict.dns_duration, {{"phase", "dns"}});
  out.add(verdict.policy_duration, {{"phase", "policy"}});
  out.add(verdict.mx_duration, {{"phase", "mx"}});
  out.add(verdict.total_duration, {{"phase", "total"}});
}

void add_dns_success(Lines& out, const DomainVerdict& verdict) {
  for (const DnsQuery query : kQueries) {
    out.add(verdict.dns_success[static_cast<std::size_t>(query)], {{"query", to_string(query)}});
  }
}

void add_mode_fetched(Lines& out, const DomainVerdict& verdict) {
  const bool fetched = verdict.fetch_success || verdict.policy_valid;
  if (fetched) out.add_states("mode", kModes, mode_of(verdict.policy));
}

/// Without a policy in force or a record, nobody knows whether senders find a policy.
void add_mode_in_force(Lines& out, const DomainVerdict& verdict) {
  if (!verdict.in_force && !verdict.record) return;
  out.add_states("mode", kModes, verdict.in_force ? std::optional{verdict.in_force->policy.mode} : std::nullopt);
}

template <std::optional<bool> MxMembership::*Member>
void add_memberships(Lines& out, const DomainVerdict& verdict) {
  for (const MxMembership& mx_host : verdict.mx) out.add(mx_host.*Member, {{"mx", mx_host.host}});
}

/// All eleven types together.
void add_failures(Lines& out, const DomainVerdict& verdict) {
  if (!ever_judged(verdict)) return;
  std::array<bool, kResultTypeCount> failing{};
  for (const Fault& fault : verdict.faults) failing[static_cast<std::size_t>(fault.type)] = true;
  for (std::size_t i = 0; i < failing.size(); ++i) {
    out.add(failing[i], {{"result_type", to_string(static_cast<ResultType>(i))}});
  }
}

/// Each failing host once per type and reason.
void add_failing_hosts(Lines& out, const DomainVerdict& verdict) {
  if (!ever_judged(verdict)) return;
  std::set<std::tuple<ResultType, std::string_view, std::string_view>> hosts;
  for (const Fault& fault : verdict.faults) hosts.emplace(fault.type, fault.host, fault.reason);
  for (const auto& [type, host, reason] : hosts) {
    out.add(1, {{"result_type", to_string(type)}, {"host", host}, {"reason", reason}});
  }
}

/// One series per code, whichever hosts it concerns: the pages name the hosts.
void add_findings(Lines& out, const DomainVerdict& verdict) {
  std::set<std::string_view> codes;
  for (const Finding& finding : verdict.findings) codes.insert(finding.code);
  for (const std::string_view code : codes) {
    const CatalogueEntry* entry = find_code(CodeKind::finding, code);
    const Severity severity = entry ? entry->severity : Severity::info;
    out.add(1, {{"finding", code}, {"severity", to_string(severity)}});
  }
}

/// A family whose value is a member of the verdict.
template <auto Member>
void add_member(Lines& out, const DomainVerdict& verdict) {
  out.add(verdict.*Member);
}

template <std::optional<RecordStatus> DomainVerdict::*Member>
void add_validity(Lines& out, const DomainVerdict& verdict) {
  out.add(is_valid(verdict.*Member));
}

/// Are these the families of the table from `first` on, in its order? Then a metric's place tells which one it is.
template <class Family, std::size_t N>
constexpr bool is_contiguous(const Family (&families)[N], Metric first) {
  for (std::size_t i = 0; i < N; ++i) {
    if (static_cast<std::size_t>(families[i].metric) != static_cast<std::size_t>(first) + i) return false;
  }
  return true;
}

using V = DomainVerdict;

/// What a family shows of a domain that was judged once; in the order of the table, from probe_success on.
struct DomainFamily {
  Metric metric{};
  void (*add)(Lines& out, const DomainVerdict& verdict){};
};
constexpr DomainFamily kDomainFamilies[] = {
    {Metric::probe_success,
     [](Lines& out, const V& v) {
       if (ever_judged(v)) out.add(v.success);
     }},
    {Metric::probe_duration, add_durations},
    {Metric::probe_timestamp,
     [](Lines& out, const V& v) {
       if (ever_judged(v)) out.add(v.probed);
     }},
    {Metric::dns_success, add_dns_success},
    {Metric::record_valid, add_validity<&V::record>},
    {Metric::record_info,
     [](Lines& out, const V& v) {
       if (v.record == RecordStatus::valid) out.add(1, {{"id", v.record_id}});
     }},
    {Metric::tlsrpt_record_valid, add_validity<&V::tlsrpt>},
    {Metric::policy_fetch_success, add_member<&V::fetch_success>},
    {Metric::policy_http_status, add_member<&V::http_status>},
    {Metric::policy_valid, add_member<&V::policy_valid>},
    {Metric::policy_mode, add_mode_fetched},
    {Metric::policy_max_age,
     [](Lines& out, const V& v) {
       if (v.policy) out.add(std::int64_t{v.policy->max_age.count()});
     }},
    {Metric::policy_in_force, add_mode_in_force},
    {Metric::policy_expected_mode,
     [](Lines& out, const V& v) {
       if (v.expected_mode) out.add_states("mode", kModes, v.expected_mode);
     }},
    {Metric::policy_not_after, add_member<&V::policy_not_after>},
    {Metric::policy_expiry_days, [](Lines& out, const V& v) { out.add_days_until(v.policy_not_after); }},
    {Metric::policy_last_change, add_member<&V::policy_last_change>},
    {Metric::policy_enforced_until, add_member<&V::enforced_until>},
    {Metric::mx_set_last_change, add_member<&V::mx_set_last_change>},
    {Metric::mx_hosts, add_member<&V::mx_hosts>},
    {Metric::mx_covered, add_memberships<&MxMembership::covered>},
    {Metric::mx_coverage_ratio, add_member<&V::coverage>},
    {Metric::mx_deliverable, add_memberships<&MxMembership::deliverable>},
    {Metric::mx_dane_verified, add_memberships<&MxMembership::dane_verified>},
    {Metric::domain_deliverable, add_member<&V::deliverable>},
    {Metric::failure, add_failures},
    {Metric::failure_info, add_failing_hosts},
    {Metric::finding, add_findings},
};
constexpr auto kFirstOfVerdict = static_cast<std::size_t>(Metric::probe_success);
static_assert(is_contiguous(kDomainFamilies, Metric::probe_success));

/// Calls `add` for each address family that has a verdict, with its label.
template <class Add>
void each_family(const MxVerdict& verdict, Add add) {
  if (verdict.ipv4) add(*verdict.ipv4, Label{"family", to_string(IpFamily::ipv4)});
  if (verdict.ipv6) add(*verdict.ipv6, Label{"family", to_string(IpFamily::ipv6)});
}

/// A family whose value is a member of the verdict of each address family.
template <auto Member>
void add_by_family(Lines& out, const MxVerdict& verdict) {
  each_family(verdict, [&](const MxFamilyVerdict& seen, Label family) { out.add(seen.*Member, {family}); });
}

void add_unreachable(Lines& out, const MxVerdict& verdict) {
  each_family(verdict, [&](const MxFamilyVerdict& seen, Label family) {
    if (!seen.reachable) out.add(1, {family, {"reason", seen.unreachable_reason}});
  });
}

void add_tls_info(Lines& out, const MxVerdict& verdict) {
  each_family(verdict, [&](const MxFamilyVerdict& seen, Label family) {
    if (!seen.tls_version.empty()) out.add(1, {family, {"version", seen.tls_version}, {"cipher", seen.cipher}});
  });
}

void add_days_left(Lines& out, const MxVerdict& verdict) {
  each_family(verdict,
              [&](const MxFamilyVerdict& seen, Label family) { out.add_days_until(seen.not_after, {family}); });
}

using F = MxFamilyVerdict;

/// What a family shows of an MX host, in the order of the table.
struct MxFamily {
  Metric metric{};
  void (*add)(Lines& out, const MxVerdict& verdict){};
};
constexpr MxFamily kMxFamilies[] = {
    {Metric::mx_reachable, add_by_family<&F::reachable>},
    {Metric::mx_unreachable_info, add_unreachable},
    {Metric::mx_starttls, add_by_family<&F::starttls>},
    {Metric::mx_tls_verified, add_by_family<&F::verified>},
    {Metric::mx_tls_info, add_tls_info},
    {Metric::mx_tls_observed, add_by_family<&F::tls_observed>},
    {Metric::mx_not_after, add_by_family<&F::not_after>},
    {Metric::mx_expiry_days, add_days_left},
    {Metric::mx_tlsa_records, [](Lines& out, const MxVerdict& v) { out.add(known_tlsa_records(v)); }},
    {Metric::mx_probe_timestamp,
     [](Lines& out, const MxVerdict& v) {
       if (v.probed != UnixTime{}) out.add(v.probed);
     }},
};
constexpr auto kFirstOfMx = static_cast<std::size_t>(Metric::mx_reachable);
static_assert(is_contiguous(kMxFamilies, Metric::mx_reachable));

}  // namespace

std::span<const MetricDefinition, kMetricCount> metric_table() { return kMetrics; }

Metric metric_of(const MetricDefinition& definition) { return static_cast<Metric>(&definition - kMetrics.data()); }

const MetricDefinition& definition(Metric metric) { return kMetrics[static_cast<std::size_t>(metric)]; }

bool moves_with_time(Metric metric) {
  constexpr std::array kMoving{Metric::policy_expiry_days, Metric::mx_expiry_days};
  return std::ranges::find(kMoving, metric) != kMoving.end();
}

std::span<const MetricDefinition> metrics_of(MetricGroup group) {
  const auto in_group = [group](const MetricDefinition& metric) { return metric.group == group; };
  const auto count = static_cast<std::size_t>(std::ranges::count_if(kMetrics, in_group));
  return std::span{kMetrics}.subspan(first_of(group), count);
}

void append_domain_family(std::string& out, Metric family, const DomainSource& source, UnixTime now) {
  Lines lines{out, family, "domain", source.name, now};
  const DomainState state = source.verdict ? source.verdict->state : DomainState::pending;
  if (family == Metric::domain_state) return lines.add_states("state", kStates, std::optional{state});
  if (family == Metric::domain_info) return lines.add_info(source.labels);
  if (state == DomainState::pending) return;
  kDomainFamilies[static_cast<std::size_t>(family) - kFirstOfVerdict].add(lines, *source.verdict);
}

void append_mx_family(std::string& out, Metric family, std::string_view host, const MxVerdict* verdict, UnixTime now) {
  if (!verdict) return;
  Lines lines{out, family, "mx", host, now};
  kMxFamilies[static_cast<std::size_t>(family) - kFirstOfMx].add(lines, *verdict);
}

void append_report_family(std::string& out, Metric family, std::string_view domain, const DomainReportTotals& totals) {
  Lines lines{out, family, "domain", domain, {}};
  if (family == Metric::reported_sessions) {
    for (const std::string_view type : kReportedPolicyTypes) {
      const auto found = totals.sessions.find(type);
      const auto sum = found == totals.sessions.end() ? DomainReportTotals::Sessions{} : found->second;
      lines.add(sum.successful, {{"policy_type", type}, {"result", "success"}});
      lines.add(sum.failed, {{"policy_type", type}, {"result", "failure"}});
    }
  } else if (family == Metric::reported_failed_sessions) {
    for (const std::string_view type : reported_result_types()) {
      const auto found = totals.failed.find(type);
      lines.add(found == totals.failed.end() ? 0 : found->second, {{"result_type", type}});
    }
  } else if (family == Metric::last_report) {
    for (const auto& [reporter, end] : totals.last_report) lines.add(end, {{"reporter", reporter}});
  }
}

std::string escape_label_value(std::string_view value) {
  if (std::ranges::all_of(value, plain)) return std::string{value};
  std::string out;
  while (!value.empty()) value.remove_prefix(escape_next(value, out));
  return out;
}

}  // namespace mtasts
