// What to do about a fault or finding at the provider that hosts the mail or serves the policy file.
// Next: catalogue.h for what to do anywhere; exporter/check_report.cpp, which shows both.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>

#include "probes/core/providers.h"
#include "probes/core/verdicts.h"

namespace mtasts {

struct ProviderAdvice {
  const Provider* provider{};
  std::string text{};  // one to three sentences; names in it are as DNS gave them, not escaped
};

/// What to do at the provider concerned: the host's for a fault of an MX host, the policy's for one of the policy host.
/// Patterns in it are made from the MX hosts, and shown only if together they permit every one (RFC 8461 section 4.1).
/// Input: the domain's providers, and its MX hosts in any order. Errors: nullopt where no known provider is concerned,
/// or where there is nothing to do there.
std::optional<ProviderAdvice> advise_at_provider(const ProviderSet& providers, const Fault& fault,
                                                 std::span<const std::string> mx_hosts);
std::optional<ProviderAdvice> advise_at_provider(const ProviderSet& providers, const Finding& finding,
                                                 std::span<const std::string> mx_hosts);

}  // namespace mtasts
