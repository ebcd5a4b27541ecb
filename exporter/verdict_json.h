// A verdict as JSON, in the shape that `check --format=json` and /api/v1/domains share.
// Next: routes.h, which serves it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "exporter/snapshot.h"

namespace mtasts {

/// The whole verdict of one domain. What was not seen is null. Times are Unix seconds.
boost::json::object verdict_json(const DomainVerdict& verdict);

/// The same for an entry: its free labels besides; only name and state while it is pending.
boost::json::object domain_json(const DomainEntry& entry);

/// An MX host as probed, per family.
boost::json::object mx_json(const MxVerdict& verdict);

/// A domain in the list of all: name, state, mode in force, coverage, deliverable, number of faults.
boost::json::object fleet_json(const DomainEntry& entry);

}  // namespace mtasts
