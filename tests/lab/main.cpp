// The lab as a program: serves until SIGTERM. See README.md.
// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <iomanip>
#include <iostream>
#include <map>
#include <string>

#include "tests/lab/lab.h"

namespace {

using mtasts::lab::Lab;
using mtasts::lab::LabOptions;

void list(const std::string& path) {
  for (const auto& scenario : mtasts::lab::load_scenarios(path)) {
    std::cout << std::left << std::setw(40) << scenario.domain << scenario.about << '\n';
    for (const auto& fault : scenario.expect.faults.value_or(std::vector<mtasts::lab::ExpectedFault>{})) {
      std::cout << std::setw(40) << "" << fault.result_type << ": " << fault.reason << " (" << fault.host << ")\n";
    }
  }
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// Blocks the stop signals in all threads; wait_for_stop takes one.
sigset_t block_stop_signals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return stop;
}

void wait_for_stop(const sigset_t& stop) {
  int signal = 0;
  sigwait(&stop, &signal);
}

void add_options(CLI::App& app, LabOptions& options, std::size_t& latency, bool& only_list) {
  options.dns_port = 5353;
  options.https_port = 8443;
  options.smtp_port = 2525;
  options.dir = "lab";
  app.add_option("--dns-port", options.dns_port, "DNS on 127.0.0.1, UDP and TCP; 0 picks a free one")
      ->capture_default_str();
  app.add_option("--https-port", options.https_port, "of every policy host; 0 picks")->capture_default_str();
  app.add_option("--smtp-port", options.smtp_port, "of every MX host; 0 picks")->capture_default_str();
  app.add_option("--control-port", options.control_port,
                 "takes `set DOMAIN SCENARIO`, `dns start|stop|servfail|cut`, `heal`");
  app.add_option("--dir", options.dir, "gets ca.pem and config.yaml")->capture_default_str();
  app.add_option("--scenarios", options.scenarios, "the table")->capture_default_str();
  app.add_option("--bulk", options.bulk.domains, "serve so many generated domains instead of the table");
  app.add_option("--dead", options.bulk.dead, "with --bulk: MX hosts that answer no SYN");
  app.add_option("--tarpit", options.bulk.tarpit, "with --bulk: MX hosts that never greet");
  app.add_option("--dead-policy", options.bulk.dead_policy, "with --bulk: policy hosts that answer no SYN");
  app.add_option("--hostile-mx", options.bulk.hostile_mx, "with --bulk: MX hosts that do what --hostile-kind says");
  app.add_option("--hostile-policy", options.bulk.hostile_policy, "with --bulk: the same of policy hosts");
  app.add_option("--hostile-kind", options.bulk.hostile_kind,
                 "one of the table's words for `smtp`, or for `http`, or `cut`: each connection ends an octet later");
  app.add_option("--shared-mx", options.bulk.shared_mx, "with --bulk: so many MX hosts for all domains");
  app.add_option("--latency", latency, "with --bulk: milliseconds before each reply");
  const std::map<std::string, std::string> kinds{{"p256", "good"}, {"letsencrypt", "letsencrypt"}};
  app.add_option("--chain", options.bulk.certificate,
                 "with --bulk: certificates as Let's Encrypt issues them, or small")
      ->transform(CLI::CheckedTransformer(kinds));
  app.add_flag("--list", only_list, "print the table and exit");
}

void serve(const LabOptions& options) {
  const sigset_t stop = block_stop_signals();
  raise_descriptor_limit();
  const Lab lab{options};
  std::cout << "lab: ready" << std::endl;
  wait_for_stop(stop);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Plays DNS, policy hosts and MX hosts on loopback, each domain with one fault."};
  LabOptions options;
  std::size_t latency = 0;
  bool only_list = false;
  add_options(app, options, latency, only_list);
  CLI11_PARSE(app, argc, argv);
  options.bulk.latency = std::chrono::milliseconds{latency};
  try {
    if (only_list)
      list(options.scenarios);
    else
      serve(options);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "lab: " << error.what() << '\n';
    return 1;
  }
}
