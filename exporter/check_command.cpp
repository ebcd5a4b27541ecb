// SPDX-License-Identifier: Apache-2.0
#include "exporter/check_command.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <stdexcept>

#include "exporter/check_report.h"
#include "exporter/command_probe.h"
#include "exporter/config_value.h"
#include "exporter/domain_past.h"

namespace mtasts {
namespace {

UnixTime system_now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

bool wants_color() {
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org
  return (no_color == nullptr || *no_color == '\0') && isatty(STDOUT_FILENO) == 1;
}

CheckResult result_of(LiveProbe probe) {
  return {.verdict = std::move(probe.verdict),
          .hosts = std::move(probe.mx),
          .seen = std::move(probe.seen),
          .host_observations = std::move(probe.hosts),
          .seconds = std::chrono::duration<double>(probe.duration).count()};
}

CheckReportOptions report_options(const Config& config) {
  return {.now = system_now(), .color = wants_color(), .places = places_of(config)};
}

/// Looks back `span` from now in what the daemon and the reports left behind.
void add_history(std::vector<CheckResult>& results, const Config& config, const std::vector<std::string>& names,
                 std::chrono::milliseconds span) {
  const std::vector<DomainRecord> records = read_records(config, names);
  const UnixTime now = system_now();
  const UnixTime since = std::max(UnixTime{}, std::chrono::floor<std::chrono::seconds>(now - span));
  for (std::size_t i = 0; i < results.size(); ++i)
    results[i].history = fault_history(results[i].verdict, records[i], since, now);
}

}  // namespace

int run_check(const CheckOptions& options, std::ostream& out, std::ostream& err) {
  const auto span = parse_duration(options.since);
  if (!span && !options.since.empty()) {
    err << "mtasts_exporter check: --since=" << options.since << " is no duration; write for example 48h\n";
    return kUsageErrorOfChecks;
  }
  const std::optional<Config> config = config_for_command(options.config_file, err);
  if (!config) return kUsageErrorOfChecks;
  const auto names = parse_domains(options.domains, "check", err);
  if (!names) return kUsageErrorOfChecks;
  try {
    std::vector<CheckResult> results;
    for (LiveProbe& probe : probe_domains(*config, *names, {})) results.push_back(result_of(std::move(probe)));
    if (span) add_history(results, *config, *names, *span);
    const CheckReportOptions report = report_options(*config);
    out << (options.format == OutputFormat::json ? render_check_json(results, report)
                                                 : render_check_text(results, report));
    return check_exit_status(results);
  } catch (const std::runtime_error& error) {
    err << "mtasts_exporter check: " << error.what() << '\n';
    return kUsageErrorOfChecks;
  }
}

}  // namespace mtasts
