// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_history.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <ostream>

#include "exporter/config_value.h"
#include "exporter/serve_config.h"

namespace mtasts {
namespace {

using std::chrono::sys_days;

constexpr std::array kFamilies{Metric::daily_reports, Metric::daily_sessions, Metric::daily_failed_sessions};

std::string label(std::string_view name, std::string_view value) {
  return std::string{name} + "=\"" + escape_label_value(value) + "\"";
}

void add(DailySamples& samples, const FiledReport& report, const std::string& labels, std::uint64_t number) {
  const std::string_view vouched = report.submitter.starts_with('@') ? "" : std::string_view{report.submitter};
  const std::string all =
      "{" + label("domain", report.domain) + labels + "," + label("reporter", reporter_of(vouched)) + "}";
  std::uint64_t& sum = samples[all][day_of(report)];
  sum = add_bounded(sum, number);
}

/// From which time on; nullopt for a text that is no duration.
std::optional<UnixTime> begin_of(const std::string& since, UnixTime now) {
  if (since.empty()) return UnixTime{};
  const auto span = parse_duration(since);
  if (!span) return std::nullopt;
  return std::max(UnixTime{}, std::chrono::floor<std::chrono::seconds>(now - *span));
}

void write_family(ReportStore& store, Metric family, UnixTime begin, UnixTime now, std::ostream& out) {
  const MetricDefinition& about = definition(family);
  out << "# HELP " << about.name << ' ' << about.help << "\n# TYPE " << about.name << " gauge\n";
  for (const std::string& domain : store.domains()) {
    DailySamples samples;
    store.for_each(domain, std::numeric_limits<std::size_t>::max(), [&](const FiledReport& report) {
      if (report.counts && report.counted_end >= begin && tells_of_days(report)) add_report(samples, family, report);
    });
    out << render_samples(family, samples, now);
  }
}

void write_history(const std::string& where, UnixTime begin, UnixTime now, std::ostream& out) {
  ReportStore store = ReportStore::open_existing(where);
  for (const Metric family : kFamilies) write_family(store, family, begin, now, out);
  out << "# EOF\n";
}

}  // namespace

sys_days day_of(const FiledReport& report) {
  const UnixTime start = std::min(report.start, report.counted_end);
  return std::chrono::floor<std::chrono::days>(start + (report.counted_end - start) / 2);
}

bool tells_of_days(const FiledReport& report) {
  constexpr UnixTime kFirst{sys_days{std::chrono::year{2018} / 9 / 1}};  // the month of RFC 8460
  constexpr std::chrono::days kLongest{8};                               // "generally a day"; some send a week
  return report.start >= kFirst && report.counted_end - report.start <= kLongest;
}

void add_report(DailySamples& samples, Metric family, const FiledReport& report) {
  const ReportTally& tally = report.contents.tally;
  if (family == Metric::daily_reports) add(samples, report, "", 1);
  if (family == Metric::daily_sessions) {
    for (const PolicySessions& of_policy : tally.sessions) {
      const std::string type = "," + label("policy_type", of_policy.policy_type);
      add(samples, report, type + "," + label("result", "success"), of_policy.successful);
      add(samples, report, type + "," + label("result", "failure"), of_policy.failed);
    }
  }
  if (family == Metric::daily_failed_sessions) {
    for (const FailedSessions& failed : tally.failed)
      add(samples, report, "," + label("result_type", failed.result_type), failed.sessions);
  }
}

std::string render_samples(Metric family, const DailySamples& samples, UnixTime now) {
  std::string out;
  for (const auto& [labels, days] : samples) {
    for (const auto& [day, number] : days) {
      const UnixTime noon = std::min(now, std::chrono::sys_seconds{day} + std::chrono::hours{12});
      out.append(definition(family).name).append(labels).append(" ").append(std::to_string(number)).append(" ");
      out.append(std::to_string(noon.time_since_epoch().count())).append("\n");
    }
  }
  return out;
}

int run_export(const ExportOptions& options, std::ostream& out, std::ostream& err) {
  const ServeConfigResult loaded = load_serve_config(options.config_file);
  for (const ConfigProblem& problem : loaded.problems) err << to_string(problem) << '\n';
  if (!loaded.config) return 1;
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const std::optional<UnixTime> begin = begin_of(options.since, now);
  if (!begin) {
    err << "mtasts_exporter: --since=" << options.since << " is no duration; write for example 30d\n";
    return 1;
  }
  try {
    write_history(report_database_of(loaded.config->config.storage), *begin, now, out);
  } catch (const StoreError& error) {
    err << "mtasts_exporter: " << error.what() << '\n';
    return 1;
  }
  return out.flush() ? 0 : 1;
}

}  // namespace mtasts
