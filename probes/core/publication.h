// What an administrator publishes: a policy file, octet by octet, and the TXT record that announces it.
// Next: rollout.h and rollback.h, which say when; mx_patterns.h for patterns that fit.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "probes/core/observations.h"
#include "probes/core/sts_policy.h"

namespace mtasts {

/// The TTL of the records proposed: a new id, and with it a rollback, is seen within minutes.
constexpr std::chrono::seconds kProposedTtl{300};

/// A policy file and the TXT record that announces it.
struct Publication {
  StsPolicy policy{};
  std::string file{};  // the exact octets, lines end in CRLF
  std::string id{};
  std::string txt{};                   // the content of the record
  std::string record{};                // a line of a zone file
  std::vector<std::string> dropped{};  // patterns of the present policy that it does not have
};

/// A publication, or why there is none: exactly one of the two.
struct Proposal {
  std::optional<Publication> publication{};
  std::string refusal{};
};

/// What a proposal must fit.
struct ProposalNeeds {
  std::string domain{};
  std::vector<std::string> mx_hosts{};   // every one in DNS
  std::optional<StsPolicy> present{};    // its patterns are kept where they fit
  std::vector<std::string> taken_ids{};  // the present id, and every one before it
  bool emergency{};                      // mode testing may keep the present patterns where no others can be made
};

/// The files for a policy of this mode and max_age. The present patterns are kept when they permit every MX host and
/// hold no mistake, else patterns are proposed; mode none has none. Errors: a refusal in words, when no MX host is
/// known, or one of them can be put into no valid policy file.
Proposal propose_publication(const ProposalNeeds& needs, StsMode mode, std::chrono::seconds max_age, UnixTime now);

/// A policy file: CRLF line ends, one mx line per pattern. Source: RFC 8461 section 3.2.
std::string render_policy_file(const StsPolicy& policy);

/// An id that is none of `taken`: the time in UTC as YYYYMMDDhhmmss, or of the first second after it that is free.
std::string new_policy_id(UnixTime now, std::span<const std::string> taken);

}  // namespace mtasts
