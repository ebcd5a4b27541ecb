// Who hosts a checked domain, and what to do there about a fault or finding.
// Next: probes/core/provider_advice.h, which knows; check_report.h, which prints it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exporter/check_status.h"
#include "probes/core/provider_advice.h"

namespace mtasts {

/// The providers of one domain, recognised once for all that is said of it.
class CheckProviders {
 public:
  explicit CheckProviders(const CheckResult& result);

  /// Those of the mail by preference, then that of the policy; each once.
  [[nodiscard]] std::vector<const Provider*> all() const;
  /// The same in words: "Microsoft 365 (mail), Cloudflare (policy)", "" where nobody known is concerned.
  [[nodiscard]] std::string names() const;
  /// nullopt where there is nothing to do at a known provider. Names in it come from DNS and are not escaped.
  [[nodiscard]] std::optional<ProviderAdvice> advice(const Fault& fault) const;
  [[nodiscard]] std::optional<ProviderAdvice> advice(const Finding& finding) const;

 private:
  ProviderSet providers_;
  std::vector<std::string> mx_hosts_{};
};

}  // namespace mtasts
