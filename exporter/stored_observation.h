// Observations to their stored form and back: what pages show of records, policies, chains and sessions.
// Next: state_reader.h, which reads them back; stored_json.h for the other rows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "exporter/stored_json.h"
#include "probes/core/observations.h"

namespace mtasts {

/// A number that is another one when anything but times and durations differs: equal numbers need no new row.
std::uint64_t fingerprint(const DomainObservation& seen);
std::uint64_t fingerprint(const MxHostObservation& seen);

/// The stored form, at most a few hundred KiB whatever a peer sent: of one that is larger, PEM forms, bodies and
/// transcripts are left out. Where reports are sent to and durations are not kept.
std::string render_observation(const DomainObservation& seen);
std::string render_observation(const MxHostObservation& seen);

/// The reverse. Errors: StoredJsonError.
DomainObservation parse_domain_observation(std::string_view text);
MxHostObservation parse_mx_host_observation(std::string_view text);

/// In few octets, for as long as the process lives, and back. Where reports are sent to is left out. Errors:
/// std::out_of_range for what pack() did not make.
std::string pack(const DomainObservation& seen);
DomainObservation unpack_domain_observation(std::string_view packed);

}  // namespace mtasts
