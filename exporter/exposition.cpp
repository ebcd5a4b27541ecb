// SPDX-License-Identifier: Apache-2.0
#include "exporter/exposition.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "probes/core/rollout.h"

namespace mtasts {
namespace {

// Of a piece; what a line more adds to it is little.
constexpr std::size_t kPieceOctets = std::size_t{256} * 1024;
// Of a piece that is sent compressed: text in it, most of which is ready, and text that had to be written for it and
// for pieces to come, a whole block at least.
constexpr std::size_t kZippedPieceOctets = std::size_t{1024} * 1024;
// Entries of a table: of a few, the lines of all families are compressed better in one part than each in its own.
constexpr std::size_t kWorthKeeping = 32;

std::string_view to_string(MetricKind kind) {
  constexpr std::array names{"gauge", "counter", "histogram"};
  return names[static_cast<std::size_t>(kind)];
}

bool is_mx_of(const DomainEntry* domain, std::string_view host) {
  if (domain == nullptr || domain->verdict == nullptr) return false;
  return std::ranges::find(domain->verdict->mx, host, &MxMembership::host) != domain->verdict->mx.end();
}

using FailureLabels = std::set<std::array<std::string_view, 3>>;  // result type, reporter, mx

/// What is still shown of a domain. Bounded: further failures lose their host.
FailureLabels shown_failures(const ReportEntry& entry, const DomainEntry* domain, UnixTime now) {
  constexpr std::size_t kMostWithHost = 100;
  FailureLabels shown;
  for (const ShownFailure& failure : entry.failures) {
    if (now > failure.until) continue;
    const bool named = shown.size() < kMostWithHost && is_mx_of(domain, failure.mx);
    shown.insert({failure.result_type, failure.reporter, named ? std::string_view{failure.mx} : kOther});
  }
  return shown;
}

/// What is still shown of a domain's reports.
void append_failures(std::string& out, const ReportEntry& entry, const Snapshot& snapshot, UnixTime now) {
  if (entry.failures.empty()) return;
  for (const auto& [type, reporter, mx] : shown_failures(entry, snapshot.find_domain(entry.domain), now)) {
    out.append(definition(Metric::reported_failure_info).name).append("{domain=\"").append(entry.domain);
    out.append("\",result_type=\"").append(type).append("\",reporter=\"").append(reporter);
    out.append("\",mx=\"").append(mx).append("\"} 1\n");
  }
}

void append_outcome(std::string& out, ReportOutcome outcome, std::uint64_t reports) {
  out.append(definition(Metric::reports_total).name).append("{outcome=\"").append(to_string(outcome));
  out.append("\"} ").append(std::to_string(reports)).append("\n");
}

void append_rollout(std::string& out, Metric metric, std::string_view domain, std::string_view source,
                    long long value) {
  out.append(definition(metric).name).append("{domain=\"").append(domain).append("\"");
  if (!source.empty()) out.append(",source=\"").append(source).append("\"");
  out.append("} ").append(std::to_string(value)).append("\n");
}

long long seconds_of(UnixTime time) { return time.time_since_epoch().count(); }

void append_sample(std::string& out, Metric metric, double value) {
  append_header(out, definition(metric));
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(definition(metric).name).append(" ").append(digits.data(), end).append("\n");
}

}  // namespace

void append_header(std::string& out, const MetricDefinition& family) {
  out.append("# HELP ").append(family.name).append(" ").append(family.help).append("\n# TYPE ");
  out.append(family.name).append(" ").append(to_string(family.kind)).append("\n");
}

Exposition::Exposition(ScrapeInput input) : input_{std::move(input)} {
  add_verdicts();
  if (input_.reports.active) add_reports();
  add_rollout();
}

bool Exposition::is_wanted(Metric metric) const {
  return input_.names.empty() || input_.names.contains(definition(metric).name);
}

void Exposition::add(Metric metric, std::size_t entries, std::function<void(std::string&, std::size_t)> append) {
  if (is_wanted(metric)) families_.push_back({.metric = metric, .entries = entries, .append = std::move(append)});
}

/// Input: 0, or the entry behind the last one.
const DomainEntry& Exposition::domain(std::size_t entry) {
  if (entry == 0) {
    domain_ = input_.snapshot.domains.begin();
  } else {
    ++domain_;
  }
  return **domain_;
}

/// The same.
const MxEntry& Exposition::mx_host(std::size_t entry) {
  if (entry == 0) {
    mx_host_ = input_.snapshot.mx_hosts.begin();
  } else {
    ++mx_host_;
  }
  return **mx_host_;
}

void Exposition::add_verdicts() {
  add_families(MetricGroup::domain, input_.snapshot.domains, domain_families_, &Exposition::domain);
  add_families(MetricGroup::mx, input_.snapshot.mx_hosts, mx_families_, &Exposition::mx_host);
}

template <class Table, class Entry>
void Exposition::add_families(MetricGroup group, const Table& table, std::vector<Metric>& steady,
                              const Entry& (Exposition::*entry_at)(std::size_t)) {
  for (const MetricDefinition& definition : metrics_of(group)) {
    const Metric metric = metric_of(definition);
    if (!is_wanted(metric)) continue;
    Family family{.metric = metric, .entries = table.size()};
    family.append = [this, metric, entry_at](std::string& out, std::size_t i) {
      append_family(out, metric, (this->*entry_at)(i), input_.now);
    };
    if (!moves_with_time(metric) && table.size() >= kWorthKeeping) {
      steady.push_back(metric);
      family.blocks = table.blocks();
      family.part = [this, metric, &table, &steady](std::size_t i) { return part_of(metric, table.block(i), steady); };
    }
    families_.push_back(std::move(family));
  }
}

template <class Block>
std::shared_ptr<const Deflated> Exposition::part_of(Metric family, const Block& block, std::span<const Metric> steady) {
  auto kept = block.memo.find(family);
  if (kept) return kept;
  written_octets_ += block.memo.write(steady, block.entries);
  return block.memo.find(family);
}

void Exposition::add_reports() {
  const ReportView& reports = input_.reports;
  const std::size_t outcomes = reports.outcomes_shown ? reports.outcomes.size() : 0;
  add(Metric::reports_total, outcomes, [this](std::string& out, std::size_t i) {
    append_outcome(out, static_cast<ReportOutcome>(i), input_.reports.outcomes[i]);
  });
  for (const Metric metric : {Metric::reported_sessions, Metric::reported_failed_sessions}) {
    add(metric, reports.domains.size(), [this, metric](std::string& out, std::size_t i) {
      const ReportEntry& entry = *input_.reports.domains[i];
      append_report_family(out, metric, entry.domain, entry.totals);
    });
  }
  add(Metric::reported_failure_info, reports.domains.size(), [this](std::string& out, std::size_t i) {
    append_failures(out, *input_.reports.domains[i], input_.snapshot, input_.now);
  });
  add(Metric::last_report, reports.domains.size(), [this](std::string& out, std::size_t i) {
    const ReportEntry& entry = *input_.reports.domains[i];
    append_report_family(out, Metric::last_report, entry.domain, entry.totals);
  });
}

/// What probes and reports together say of the last `ready_after`.
void Exposition::add_rollout() {
  const auto& domains = input_.snapshot.domains;
  add(Metric::rollout_ready, domains.size(), [this](std::string& out, std::size_t i) {
    const DomainEntry& entry = domain(i);
    const ReportEntry* reported = report_of(entry, i);
    if (!entry.verdict) return;
    const auto last = reported != nullptr ? reported->last_failure : std::nullopt;
    if (const auto free = failure_free(*entry.verdict, last, input_.ready_after, input_.now))
      append_rollout(out, Metric::rollout_ready, entry.name, "", *free ? 1 : 0);
  });
  add(Metric::last_failure, domains.size(), [this](std::string& out, std::size_t i) {
    const DomainEntry& entry = domain(i);
    const ReportEntry* reported = report_of(entry, i);
    if (!entry.verdict) return;
    if (const auto last = entry.verdict->last_fault)
      append_rollout(out, Metric::last_failure, entry.name, "probe", seconds_of(*last));
    if (reported != nullptr && reported->last_failure)
      append_rollout(out, Metric::last_failure, entry.name, "report", seconds_of(*reported->last_failure));
  });
}

/// What reports say of a domain, nullptr when there is no word of it. Both lists are sorted by name and the domains
/// asked for in order: one walk.
const ReportEntry* Exposition::report_of(const DomainEntry& domain, std::size_t entry) {
  const auto& reports = input_.reports.domains;
  if (entry == 0) report_ = 0;
  const std::string& name = domain.name;
  while (report_ < reports.size() && reports[report_]->domain < name) ++report_;
  return report_ < reports.size() && reports[report_]->domain == name ? reports[report_].get() : nullptr;
}

void Exposition::append_entry(std::string& out, const Family& family) {
  const std::size_t before = out.size();
  family.append(out, step_++);
  if (begun_ || out.size() == before) return;
  begun_ = true;
  std::string header;
  append_header(header, definition(family.metric));
  out.insert(before, header);
}

void Exposition::add_entry(GzipStream& out, const Family& family) {
  lines_.clear();
  append_entry(lines_, family);
  out.add(lines_);
}

void Exposition::add_part(GzipStream& out, const Family& family) {
  const std::shared_ptr<const Deflated> part = family.part(step_++);
  if (part->text_octets == 0) return;
  if (!begun_) {
    begun_ = true;
    lines_.clear();
    append_header(lines_, definition(family.metric));
    out.add(lines_);
  }
  out.add(*part);
}

/// Goes on with the families. Returns false when that was the last one. Input: `write` says whether a family is
/// complete.
template <class Write>
bool Exposition::walk(const Write& write) {
  for (; family_ < families_.size(); ++family_) {
    if (!write(families_[family_])) return true;
    step_ = 0;
    begun_ = false;
  }
  return false;
}

bool Exposition::next(std::string& out) {
  const std::size_t enough = out.size() + kPieceOctets;
  return walk([&](const Family& family) {
    while (step_ < family.entries && out.size() < enough) append_entry(out, family);
    return step_ == family.entries;
  });
}

bool Exposition::next(GzipStream& out) {
  const std::size_t enough = out.text_octets() + kZippedPieceOctets;
  written_octets_ = 0;
  return walk([&](const Family& family) {
    const std::size_t steps = family.part ? family.blocks : family.entries;
    const auto step = family.part ? &Exposition::add_part : &Exposition::add_entry;
    while (step_ < steps && out.text_octets() < enough && written_octets_ < kZippedPieceOctets)
      (this->*step)(out, family);
    return step_ == steps;
  });
}

std::string whole_text(Exposition& exposition) {
  std::string text;
  while (exposition.next(text)) {
  }
  return text;
}

std::string render_probe_metrics(Snapshot snapshot, UnixTime now, bool success, std::chrono::milliseconds duration) {
  Exposition verdicts{{.snapshot = std::move(snapshot), .now = now}};
  std::string out = whole_text(verdicts);
  append_sample(out, Metric::probe_result, success ? 1 : 0);
  append_sample(out, Metric::probe_result_duration, std::chrono::duration<double>(duration).count());
  return out;
}

std::string render_metrics_doc() {
  constexpr std::array<std::pair<MetricGroup, std::string_view>, 8> kSections{{
      {MetricGroup::domain, "Per domain"},
      {MetricGroup::mx, "Per MX host"},
      {MetricGroup::report, "TLS reports, once they have a way in or some were ingested"},
      {MetricGroup::rollout, "Per domain, on its way to a stable `enforce`"},
      {MetricGroup::self, "The exporter itself"},
      {MetricGroup::process, "The process"},
      {MetricGroup::probe, "Only in answers of /probe"},
      {MetricGroup::history, "Only in what `export` writes"},
  }};
  std::string out =
      "# Metrics\n\nGenerated from the table in exporter/series.cpp; a test keeps the two equal.\n\n"
      "- A value that was never observed is absent, not 0.\n"
      "- The values of an enumerated label are always exported together.\n"
      "- Domain and host names are lower-case A-labels without a final dot.\n"
      "- `mtasts_failure` says that a fault exists; whether mail is refused is said by `mtasts_policy_in_force` and\n"
      "  `mtasts_domain_deliverable`. Alerts join them.\n";
  for (const auto& [group, title] : kSections) {
    out.append("\n## ").append(title).append("\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for (const MetricDefinition& metric : metrics_of(group)) {
      out.append("| `").append(metric.name).append("` | ").append(to_string(metric.kind)).append(" | ");
      out.append(metric.labels).append(" | ").append(metric.help).append(" |\n");
    }
  }
  return out;
}

}  // namespace mtasts
