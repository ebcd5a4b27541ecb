// Who hosts a domain's mail and who serves its policy file, by the names and addresses that the providers publish.
// Next: provider_advice.h, which says what to do there; tests/data/providers.yaml, real names and near misses.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/observations.h"

namespace mtasts {

/// What a provider does for a domain.
enum class ProviderRole { mail, policy };
/// "mail" or "policy".
std::string_view to_string(ProviderRole role);

/// One that many domains use. `source` is where the provider documents the names that it is known by, or itself.
struct Provider {
  ProviderRole role{ProviderRole::mail};
  std::string_view code{};  // one for each provider and role, in lower case with hyphens
  std::string_view name{};  // as people know it
  std::string_view source{};
};

/// All that can be recognised, mail first.
std::span<const Provider> providers();

/// Whose MX host is this? Names are compared label by label from the right, in any case, with or without a final dot.
/// Errors: nullptr for a host of nobody known.
const Provider* mail_provider_of(std::string_view mx_host);

/// The providers of one domain; they live as long as the program.
struct ProviderSet {
  std::string policy_host{};
  std::vector<const Provider*> mail{};  // each once, by the preference of its first MX host
  const Provider* policy{};             // nullptr: nobody known
};

/// Recognises the providers of a domain. The policy's is told by what the policy host's CNAMEs point at, else by the
/// addresses probed, else by the Server header; where the policy host has no address, by what `_mta-sts` points at
/// (RFC 8461 section 8.2: both are delegated together). Whoever owns a name may point it anywhere, so this explains,
/// and never decides. Errors: none; what is not known is not there.
ProviderSet classify_providers(const DomainObservation& seen);

}  // namespace mtasts
