// What `check` and `advise` have in common: the configuration they take, the domains as typed, and the probes.
// Next: check_command.cpp and advise_command.cpp, which use it; live_probe.h, which probes one domain.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "exporter/config.h"
#include "exporter/live_probe.h"

namespace mtasts {

/// The configuration of that file, the defaults for "". Errors: nullopt, with every problem on `err`.
std::optional<Config> config_for_command(const std::string& file, std::ostream& err);

/// The domains in the form of parse_domain_name. Errors: nullopt, with the first that is none on `err` behind
/// `command`.
std::optional<std::vector<std::string>> parse_domains(const std::vector<std::string>& typed, const std::string& command,
                                                      std::ostream& err);

/// Probes the domains side by side, with all MX hosts, and judges them. Input: `known` has one element a domain, or
/// none at all. Our own trouble, as far as all domains together show it, is taken out. Errors: std::runtime_error when
/// the trust store cannot be read.
std::vector<LiveProbe> probe_domains(const Config& config, const std::vector<std::string>& names,
                                     const std::vector<KnownBefore>& known);

}  // namespace mtasts
