// SPDX-License-Identifier: Apache-2.0
#include "exporter/check_command.h"

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <stdexcept>

#include "exporter/check_report.h"
#include "exporter/config.h"
#include "exporter/egress.h"
#include "exporter/live_probe.h"
#include "probes/core/domain_name.h"

namespace mtasts {
namespace {

bool wants_color() {
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org
  return (no_color == nullptr || *no_color == '\0') && isatty(STDOUT_FILENO) == 1;
}

std::optional<Config> config_of(const CheckOptions& options, std::ostream& err) {
  if (options.config_file.empty()) return Config{};
  ConfigResult loaded = load_config(options.config_file);
  for (const ConfigProblem& problem : loaded.problems) err << to_string(problem) << '\n';
  return std::move(loaded.config);
}

/// What the configuration says of the domain; a stranger has no expectations.
DomainConfig domain_config(const Config& config, const std::string& name) {
  for (const DomainConfig& domain : config.domains) {
    if (domain.name == name) return domain;
  }
  return {.name = name};
}

CheckResult result_of(LiveProbe probe) {
  return {.verdict = std::move(probe.verdict),
          .hosts = std::move(probe.mx),
          .seen = std::move(probe.seen),
          .host_observations = std::move(probe.hosts),
          .seconds = std::chrono::duration<double>(probe.duration).count()};
}

/// Takes out what all domains together show to be our own trouble: where no MX host answers, port 25 may be blocked.
void excuse(std::vector<LiveObservation>& observed) {
  Egress egress;
  const Egress::Suspected nothing_to_take_back = [] { return [] {}; };
  for (const LiveObservation& each : observed) {
    LiveObservation evidence = each;
    egress.note_policy(evidence.seen, nothing_to_take_back);
    egress.note_lookups(evidence.seen, nothing_to_take_back);
    for (MxHostObservation& host : evidence.hosts) egress.note_mx_host(host, nothing_to_take_back);
  }
  for (LiveObservation& each : observed) {
    egress.excuse(each.seen);
    for (MxHostObservation& host : each.hosts) egress.excuse(host);
  }
}

std::vector<CheckResult> probe_all(const Config& config, const std::vector<std::string>& names) {
  boost::asio::io_context io{1};
  auto engine = std::make_shared<ProbeEngine>(io, config);
  std::vector<LiveObservation> observed(names.size());
  std::exception_ptr failure;
  for (std::size_t i = 0; i < names.size(); ++i) {
    boost::asio::co_spawn(io, observe_live(engine, names[i], kPatient, std::nullopt),
                          [&observed, &failure, i](std::exception_ptr error, LiveObservation seen) {
                            if (error) failure = error;
                            observed[i] = std::move(seen);
                          });
  }
  io.run();
  if (failure) std::rethrow_exception(failure);
  excuse(observed);
  std::vector<CheckResult> results;
  for (std::size_t i = 0; i < names.size(); ++i)
    results.push_back(result_of(judge_live(*engine, domain_config(config, names[i]), {}, std::move(observed[i]))));
  return results;
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
  const std::optional<Config> config = config_of(options, err);
  if (!config) return kUsageErrorOfChecks;
  std::vector<std::string> names;
  for (const std::string& typed : options.domains) {
    const auto name = parse_domain_name(typed);
    if (!name) {
      err << "mtasts_exporter check: " << typed << ": " << name.error().detail << '\n';
      return kUsageErrorOfChecks;
    }
    names.push_back(*name);
  }
  try {
    const std::vector<CheckResult> results = probe_all(*config, names);
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
