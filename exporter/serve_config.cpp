// SPDX-License-Identifier: Apache-2.0
#include "exporter/serve_config.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "exporter/store.h"
#include "probes/core/shard.h"

namespace mtasts {
namespace {

/// Adds the domains of the files, then keeps those of this shard.
void take_domains_of_files(Config& config, const DomainFiles& files) {
  std::set<std::string> known;
  for (const DomainConfig& domain : config.domains) known.insert(domain.name);
  for (const std::string& name : files.domains) {
    if (known.insert(name).second) config.domains.push_back({.name = name});
  }
  const ShardingConfig sharding = config.sharding;
  std::erase_if(config.domains, [&sharding](const DomainConfig& domain) {
    return shard_of(domain.name, sharding.count) != sharding.index;
  });
  std::ranges::sort(config.domains, {}, &DomainConfig::name);
}

/// Collects what is wrong with one configuration file.
struct Inspection {
  const std::string& path;
  const ConfigLines& lines;
  ServeConfigResult& result;

  ConfigProblem at(const std::string& key, std::string message) const {
    const auto line = lines.find(key);
    return {path, line == lines.end() ? 0 : line->second, key, std::move(message)};
  }

  /// The default directory is made by the service unit: that it is missing before the first start is no mistake.
  void check_storage(const std::string& database) const {
    const std::string fault = database_path_fault(database);
    if (fault.empty()) return;
    std::error_code error;
    const bool comes_with_the_unit = database == StorageConfig{}.path &&
                                     !std::filesystem::exists(std::filesystem::path(database).parent_path(), error);
    (comes_with_the_unit ? result.warnings : result.problems).push_back(at("storage.path", fault));
  }

  void check_storage_stays(const StorageConfig& storage, const StorageConfig& running) const {
    if (storage.path != running.path)
      result.problems.push_back(at("storage.path", "'" + storage.path + "' cannot take the place of '" + running.path +
                                                       "' in a running exporter; it needs a restart"));
    if (storage.url != running.url)
      result.problems.push_back(at("storage.url", "cannot change in a running exporter; it needs a restart"));
  }

  /// What the file says by itself has been checked; a part of it from elsewhere may not fit the other.
  void check_sharding(const ShardingConfig& sharding, const ShardChoice& choice) const {
    if (sharding.index < sharding.count || (!choice.index && !choice.count)) return;
    result.problems.push_back(at("sharding", "index " + std::to_string(sharding.index) + " and count " +
                                                 std::to_string(sharding.count) +
                                                 ", as --sharding.index and --sharding.count or the environment "
                                                 "change them, do not fit; indexes start at 0"));
  }

  void check_domains(const ServeConfig& complete) const {
    const auto& globs = complete.written.domain_files;
    for (std::size_t i = 0; i < globs.size(); ++i) {
      if (domain_file_exists(globs[i])) continue;
      const std::string key = "domain_files[" + std::to_string(i) + "]";
      result.warnings.push_back(at(key, "no file matches '" + globs[i] + "'; correct it, or add a file"));
    }
    const bool has_domains = !complete.written.domains.empty() || !complete.files.domains.empty();
    if (has_domains && complete.config.domains.empty()) {
      result.warnings.push_back(at("sharding", "none of the domains falls to this shard; there is nothing to watch"));
    }
  }
};

}  // namespace

ServeConfig with_domain_files(Config written, const DomainFiles& previous) {
  ServeConfig complete{.written = std::move(written)};
  complete.config = complete.written;
  complete.files = load_domain_files(complete.written.domain_files, previous);
  take_domains_of_files(complete.config, complete.files);
  return complete;
}

ServeConfigResult load_serve_config(const std::string& path, const ServeConfig* running, const ShardChoice& choice) {
  ConfigResult loaded = load_config(path);
  ServeConfigResult result{.problems = std::move(loaded.problems), .warnings = std::move(loaded.warnings)};
  if (!loaded.config) return result;
  const Inspection inspection{path, loaded.lines, result};
  ShardingConfig& sharding = loaded.config->sharding;
  sharding = {.index = choice.index.value_or(sharding.index), .count = choice.count.value_or(sharding.count)};
  inspection.check_sharding(sharding, choice);
  if (!result.problems.empty()) return result;
  if (running == nullptr) {
    inspection.check_storage(loaded.config->storage.path);
  } else {
    inspection.check_storage_stays(loaded.config->storage, running->written.storage);
  }
  ServeConfig complete =
      with_domain_files(std::move(*loaded.config), running == nullptr ? DomainFiles{} : running->files);
  inspection.check_domains(complete);
  // Without files of domains nobody puts the configuration together again: a fleet need not be there twice.
  const bool is_final = complete.written.domain_files.empty() && complete.written.storage.url.empty();
  if (is_final) std::vector<DomainConfig>().swap(complete.written.domains);
  if (result.problems.empty()) result.config = std::move(complete);
  return result;
}

}  // namespace mtasts
