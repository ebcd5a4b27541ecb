// SPDX-License-Identifier: Apache-2.0
#include "exporter/check_providers.h"

namespace mtasts {

CheckProviders::CheckProviders(const CheckResult& result) : providers_(classify_providers(result.seen)) {
  for (const MxMembership& mx : result.verdict.mx) mx_hosts_.push_back(mx.host);
}

std::vector<const Provider*> CheckProviders::all() const {
  std::vector<const Provider*> all = providers_.mail;
  if (providers_.policy != nullptr) all.push_back(providers_.policy);
  return all;
}

std::string CheckProviders::names() const {
  std::string text;
  for (const Provider* provider : all())
    text +=
        (text.empty() ? "" : ", ") + std::string{provider->name} + " (" + std::string{to_string(provider->role)} + ")";
  return text;
}

std::optional<ProviderAdvice> CheckProviders::advice(const Fault& fault) const {
  return advise_at_provider(providers_, fault, mx_hosts_);
}

std::optional<ProviderAdvice> CheckProviders::advice(const Finding& finding) const {
  return advise_at_provider(providers_, finding, mx_hosts_);
}

}  // namespace mtasts
