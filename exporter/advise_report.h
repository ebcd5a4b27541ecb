// What `advise` prints: the phase, what speaks against the next step, and what to publish, to be copied as it is.
// Next: advise_command.cpp, which runs it; docs/rollout.md for examples and the keys of the JSON form.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "exporter/domain_advice.h"

namespace mtasts {

/// As run_advise() returns it; the worst of several domains, in the order 2, 3, 1, 0.
int advise_exit_status(std::span<const DomainAdvice> results, bool rollback);

/// For people: 100 columns where names allow it; what is to be copied stands at the left margin. Octets from outside
/// are escaped.
std::string render_advice_text(std::span<const DomainAdvice> results, UnixTime now);
std::string render_rollback_text(std::span<const DomainAdvice> results, UnixTime now);

/// The same for programs: an array with one object a domain.
std::string render_advice_json(std::span<const DomainAdvice> results);
std::string render_rollback_json(std::span<const DomainAdvice> results);

}  // namespace mtasts
