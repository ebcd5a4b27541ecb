// What the database says of a domain before now, for commands that judge more than a moment.
// Next: state_reader.h and report_store.h, which read it; advise_command.cpp, which uses it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "exporter/config.h"
#include "exporter/fault_history.h"
#include "exporter/live_probe.h"
#include "probes/core/rollout.h"

namespace mtasts {

/// One domain before the probe. Not `remembered`: there is no database to ask.
struct DomainPast {
  bool remembered{};
  KnownBefore known{};
  std::vector<ServedPolicy> served{};
  ReportEvidence reports{};
};

/// Reads the past of each domain from storage.path, beside a daemon or without one. Errors: in words on `err`, and
/// nothing is remembered; a database that is not there is none.
std::vector<DomainPast> read_past(const Config& config, const std::vector<std::string>& names, std::ostream& err);

/// What `fault_history` needs of each domain. Errors: std::runtime_error when there is no database, or it cannot be
/// read.
std::vector<DomainRecord> read_records(const Config& config, const std::vector<std::string>& names);

}  // namespace mtasts
