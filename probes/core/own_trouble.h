// What of an observation tells of this machine and not of the peer: found, and taken out before anyone is judged.
// Next: probes/net/domain_probe.h, which asks it of every probe; exporter/egress.h, which sees many probes together.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "probes/core/observations.h"

namespace mtasts {

/// SERVFAIL or silence: the lookup says nothing about the name.
bool lookup_failed(const DnsLookup& lookup);
/// The same of either family's lookup.
bool lookup_failed(const AddressObservation& seen);

/// DNS says that the host has no address at all. A family that was not asked for may have one, unless the name does not
/// exist (RFC 8020 section 2).
bool lookup_empty(const AddressObservation& seen);

/// Why nothing is known of a host that may well be served over the one address family that is not asked for; nullopt
/// where it has an address, surely has none, or the lookup failed.
std::optional<std::string> family_left_out(const std::string& host, const AddressObservation& seen);

/// Did a lookup fail because no DNS server of ours answered? Then it says something of us alone.
bool resolver_down(const DomainObservation& seen);
bool resolver_down(const AddressObservation& seen);

/// Did the connection attempt end in silence? A peer that refuses or resets proves that the way to it is open.
bool silent(const std::optional<NetFailure>& failure);

/// Takes out the attempts that this machine had no route for, and with them their address family: a family without
/// connectivity here has no verdict. Returns our own trouble in words when it spoiled the observation: something else
/// failed on our side, or no attempt is left.
std::optional<std::string> take_out_own_trouble(PolicyObservation& seen);
std::optional<std::string> take_out_own_trouble(MxHostObservation& seen);
std::optional<std::string> take_out_own_trouble(ReportTargetObservation& seen);

/// Gives one domain a copy of its own of what others share with it, to take something out.
ReportTargetObservation& own_copy(std::shared_ptr<const ReportTargetObservation>& shared);

}  // namespace mtasts
