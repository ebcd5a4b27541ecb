// Observations plus `now` to verdicts: pure, no sockets, no clock. Here a fault gets its TLS-RPT name.
// Next: verdicts.h for the words, tests/data/classify for the cases.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "probes/core/observations.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// What the operator decides about classification.
struct ClassifyOptions {
  ResultType incomplete_chain{ResultType::validation_failure};  // RFC 8460 section 4.3.1 allows both
  std::chrono::seconds expiry_warning{std::chrono::days{21}};
  std::chrono::seconds min_max_age_enforce{std::chrono::days{14}};
  std::chrono::seconds min_max_age_testing{std::chrono::days{1}};
  std::chrono::seconds testing_longer_than{std::chrono::days{90}};
};

/// A fault that the last verdict had.
struct StandingFault {
  ResultType type{ResultType::validation_failure};
  std::string host{};
  std::string reason{};
  UnixTime since{};      // the first verdict that had it
  UnixTime last_seen{};  // the last one

  bool operator==(const StandingFault&) const = default;
};

/// MX hosts of a domain that a change of the set is looked for in. Mail of any size has fewer, and an answer of 64 KiB
/// may have thousands, each with the longest of names.
constexpr std::size_t kMostMxRemembered = 100;

/// What is remembered of a domain from probe to probe, and kept in the store.
struct DomainMemory {
  std::optional<StsPolicy> policy{};  // last seen with a valid record in front of it
  std::string policy_id{};
  UnixTime policy_seen{};  // when it was last seen live
  std::string body_sha256{};
  std::optional<UnixTime> policy_last_change{};
  std::optional<UnixTime> testing_since{};  // first seen in mode testing; nullopt in another mode
  std::optional<UnixTime> enforced_until{};
  bool mx_set_known{};                // an MX lookup has been answered once
  std::vector<std::string> mx_set{};  // sorted host names, the first kMostMxRemembered
  std::optional<UnixTime> mx_set_last_change{};
  std::optional<StsPolicy> id_policy{};            // with which the id was first seen
  std::optional<UnixTime> policy_changed_alone{};  // the policy became another than that one, and is still
  std::optional<UnixTime> id_changed_alone{};      // the last change of the id left the body as it was
  std::optional<UnixTime> watched_since{};         // of the first verdict, and again after a gap of days
  std::optional<UnixTime> last_watched{};          // when a probe last told what is wrong
  std::optional<UnixTime> last_fault{};            // of the last verdict that had a fault
  std::optional<UnixTime> last_ended{};            // of those faults that do not stand any more, when one was last seen
  std::vector<StandingFault> standing{};
};

/// The MX hosts of a domain as a sender walks them: by preference, then name, without duplicates; the domain itself
/// when there is no MX record (implicit MX, RFC 5321 section 5.1); nothing for a null MX (RFC 7505).
/// Input: an answered or NODATA lookup.
std::vector<MxRecord> mx_hosts_of(const DomainObservation& seen);

/// Takes what a probe saw into the memory. A probe that our own trouble spoiled changes nothing.
DomainMemory remember(DomainMemory memory, const DomainObservation& seen);

/// Judges one MX host. `previous` lends its TLS values to a family that is unreachable now, and everything when our
/// own trouble spoiled the probe. Source: RFC 8460 sections 4.3.1, 4.3.3, 4.3.4; contract section 5.
MxVerdict classify_mx_host(const MxHostObservation& seen, const MxVerdict* previous, const ClassifyOptions& options,
                           UnixTime now);

/// The verdicts of the MX hosts that a domain may need, by host name.
using MxVerdicts = std::map<std::string, const MxVerdict*, std::less<>>;

struct DomainInputs {
  const DomainObservation& seen;
  const DomainMemory& memory;     // already holds what `seen` adds
  const MxVerdicts& mx;           // hosts without an entry were not observed
  const DomainVerdict* previous;  // nullptr before the first verdict
  std::optional<StsMode> expected_mode;
  bool require_dane;
  std::size_t max_hosts;  // hosts beyond it are not probed
  bool outdated{};        // a probe after `seen` was spoiled: its policy may not be served any more
};

/// Is something wrong that another look at the domain's records and policy may find mended? Its MX hosts have probes of
/// their own.
bool own_half_failing(const DomainVerdict& verdict);

/// Joins a domain's, its policy host's and its MX hosts' observations into one verdict.
DomainVerdict classify_domain(const DomainInputs& in, const ClassifyOptions& options, UnixTime now);

}  // namespace mtasts
