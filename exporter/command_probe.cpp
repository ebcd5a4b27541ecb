// SPDX-License-Identifier: Apache-2.0
#include "exporter/command_probe.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <ostream>

#include "exporter/egress.h"
#include "probes/core/entered_domain.h"

namespace mtasts {
namespace {

/// What the configuration says of the domain; a stranger has no expectations.
DomainConfig domain_config(const Config& config, const std::string& name) {
  for (const DomainConfig& domain : config.domains) {
    if (domain.name == name) return domain;
  }
  return {.name = name};
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

std::vector<LiveObservation> observe_all(const std::shared_ptr<ProbeEngine>& engine, boost::asio::io_context& io,
                                         const std::vector<std::string>& names) {
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
  return observed;
}

}  // namespace

std::optional<Config> config_for_command(const std::string& file, std::ostream& err) {
  if (file.empty()) return Config{};
  ConfigResult loaded = load_config(file);
  for (const ConfigProblem& problem : loaded.problems) err << to_string(problem) << '\n';
  return std::move(loaded.config);
}

std::optional<std::vector<std::string>> parse_domains(const std::vector<std::string>& typed, const std::string& command,
                                                      std::ostream& err) {
  std::vector<std::string> names;
  for (const std::string& word : typed) {
    const auto name = parse_entered_domain_name(word);
    if (!name) {
      err << "mtasts_exporter " << command << ": " << word << ": " << name.error().detail << '\n';
      return std::nullopt;
    }
    names.push_back(*name);
  }
  return names;
}

std::vector<LiveProbe> probe_domains(const Config& config, const std::vector<std::string>& names,
                                     const std::vector<KnownBefore>& known) {
  boost::asio::io_context io{1};
  const auto engine = std::make_shared<ProbeEngine>(io, config);
  std::vector<LiveObservation> observed = observe_all(engine, io, names);
  excuse(observed);
  std::vector<LiveProbe> probes;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const KnownBefore before = i < known.size() ? known[i] : KnownBefore{};
    probes.push_back(judge_live(*engine, domain_config(config, names[i]), before, std::move(observed[i])));
  }
  return probes;
}

}  // namespace mtasts
