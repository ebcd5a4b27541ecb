// A domain's recent faults in words: part of what `check --since` prints.
// Next: fault_history.h for what they are; check_report.h for the rest.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/fwd.hpp>
#include <string>

#include "exporter/fault_history.h"

namespace mtasts {

/// Lines for people, 100 columns where names allow it; texts from outside are escaped.
std::string render_fault_history_text(const FaultHistory& history, UnixTime now);

/// The same for programs; times are Unix seconds, null where there is none.
boost::json::object render_fault_history_json(const FaultHistory& history);

}  // namespace mtasts
