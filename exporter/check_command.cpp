// SPDX-License-Identifier: Apache-2.0
#include "exporter/check_command.h"

#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <ostream>
#include <stdexcept>

#include "exporter/check_report.h"
#include "exporter/command_probe.h"

namespace mtasts {
namespace {

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
  CheckReportOptions options{
      .now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()),
      .color = wants_color(),
      .places = {.policy_port = config.policy.port, .smtp_port = config.smtp.port, .ca_file = config.tls.ca_file}};
  if (!config.dns.servers.empty()) {
    const DnsServer& server = config.dns.servers.front();
    const std::string address = to_string(server.address);
    options.places.dns_server =
        (server.address.family == IpFamily::ipv6 ? "[" + address + "]" : address) + ":" + std::to_string(server.port);
  }
  return options;
}

}  // namespace

int run_check(const CheckOptions& options, std::ostream& out, std::ostream& err) {
  const std::optional<Config> config = config_for_command(options.config_file, err);
  if (!config) return kUsageErrorOfChecks;
  const auto names = parse_domains(options.domains, "check", err);
  if (!names) return kUsageErrorOfChecks;
  try {
    std::vector<CheckResult> results;
    for (LiveProbe& probe : probe_domains(*config, *names, {})) results.push_back(result_of(std::move(probe)));
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
