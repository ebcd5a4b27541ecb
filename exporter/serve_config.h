// What `serve` runs on: the configuration with the domains of its domain files, or everything that keeps it from
// running. Next: daemon.cpp, which asks here at its start, at every reload and for --config.check.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exporter/config.h"

namespace mtasts {

/// The configuration file as written, and what it comes to: with the domains of the files, those of this shard,
/// sorted by name.
struct ServeConfig {
  Config written{};  // without its domains, where nothing else can be put to them
  Config config{};
  DomainFiles files{};  // their problems stop nothing: what can be read of them counts
};

/// `config` is there exactly when `problems` is empty.
struct ServeConfigResult {
  std::optional<ServeConfig> config{};
  std::vector<ConfigProblem> problems{};
  std::vector<ConfigProblem> warnings{};
};

/// Reads the file and the domain files, and looks at all that a start or, beside `running`, a reload depends on.
/// Changes nothing: no database is made. Input: `choice`, what counts in place of the file's section sharding. Errors:
/// in the result, with file, line and key.
ServeConfigResult load_serve_config(const std::string& path, const ServeConfig* running = nullptr,
                                    const ShardChoice& choice = {});

/// Completes a configuration with its domain files as they are now. Errors: as load_domain_files.
ServeConfig with_domain_files(Config written, const DomainFiles& previous);

}  // namespace mtasts
