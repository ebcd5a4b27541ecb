// SPDX-License-Identifier: Apache-2.0
#include "exporter/advise_command.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <ostream>
#include <stdexcept>

#include "exporter/advise_report.h"
#include "exporter/command_probe.h"
#include "exporter/domain_past.h"

namespace mtasts {
namespace {

RolloutEvidence evidence_of(LiveProbe probe, DomainPast past) {
  RolloutEvidence evidence{.verdict = std::move(probe.verdict),
                           .memory = std::move(probe.memory),
                           .remembered = past.remembered,
                           .served = std::move(past.served),
                           .reports = past.reports,
                           .record_ttl = probe.seen.sts.lookup.ttl};
  for (const MxRecord& record : mx_hosts_of(probe.seen)) evidence.mx_hosts.push_back(record.host);
  return evidence;
}

std::vector<DomainAdvice> advise_all(const Config& config, const std::vector<std::string>& names,
                                     std::vector<DomainPast> pasts, UnixTime now) {
  std::vector<KnownBefore> known;
  for (const DomainPast& past : pasts) known.push_back(past.known);
  std::vector<LiveProbe> probes = probe_domains(config, names, known);
  std::vector<DomainAdvice> results;
  for (std::size_t i = 0; i < names.size(); ++i) {
    RolloutEvidence evidence = evidence_of(std::move(probes[i]), std::move(pasts[i]));
    results.push_back(advise_domain(std::move(evidence), rollout_options_of(config), now));
  }
  return results;
}

std::string render(const std::vector<DomainAdvice>& results, const AdviseOptions& options, UnixTime now) {
  const bool json = options.format == OutputFormat::json;
  if (options.rollback) return json ? render_rollback_json(results) : render_rollback_text(results, now);
  return json ? render_advice_json(results) : render_advice_text(results, now);
}

/// Writes the file octet by octet; what is there already stays. Returns whether it could.
bool write_policy(const Publication* publication, const std::string& folder, std::ostream& err) {
  if (publication == nullptr) {
    err << "mtasts_exporter advise: nothing is to be published now, so no file was written\n";
    return true;
  }
  const std::filesystem::path path = std::filesystem::path(folder) / "mta-sts.txt";
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    err << "mtasts_exporter advise: " << path.string() << " exists already: move it away, or name another directory\n";
    return false;
  }
  std::ofstream file(path, std::ios::binary);
  file << publication->file << std::flush;
  if (!file) {
    err << "mtasts_exporter advise: " << path.string() << " cannot be written\n";
    return false;
  }
  err << "mtasts_exporter advise: wrote " << path.string() << '\n';
  return true;
}

}  // namespace

int run_advise(const AdviseOptions& options, std::ostream& out, std::ostream& err) {
  const std::optional<Config> config = config_for_command(options.config_file, err);
  if (!config) return kUsageErrorOfChecks;
  const auto names = parse_domains(options.domains, "advise", err);
  if (!names) return kUsageErrorOfChecks;
  try {
    std::vector<DomainPast> pasts(names->size());
    if (!options.config_file.empty()) pasts = read_past(*config, *names, err);
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const std::vector<DomainAdvice> results = advise_all(*config, *names, std::move(pasts), now);
    out << render(results, options, now);
    const bool written = options.write_folder.empty() ||
                         write_policy(publication_of(results.front(), options.rollback), options.write_folder, err);
    return written ? advise_exit_status(results, options.rollback) : kUsageErrorOfChecks;
  } catch (const std::runtime_error& error) {
    err << "mtasts_exporter advise: " << error.what() << '\n';
    return kUsageErrorOfChecks;
  }
}

}  // namespace mtasts
