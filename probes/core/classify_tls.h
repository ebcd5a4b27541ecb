// What a handshake's certificates and failures are called: the shared half of judging policy hosts and MX hosts.
// Next: classify.h, which uses it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "probes/core/classify.h"

namespace mtasts {

/// The reasons of a policy host's bad certificate, without repeats; empty when it verifies.
std::vector<std::string_view> policy_certificate_reasons(const TlsObservation& tls);

struct NamedFault {
  ResultType type{ResultType::validation_failure};
  std::string_view reason{};

  bool operator==(const NamedFault&) const = default;
};

/// The result types and reasons of an MX host's bad certificate, without repeats. Source: RFC 8460 section 4.3.1.
std::vector<NamedFault> mx_certificate_faults(const TlsObservation& tls, const ClassifyOptions& options);

/// Weak keys and signatures, certificates that expire soon, expired ones that no path needs.
std::vector<Finding> certificate_findings(const TlsObservation& tls, const std::string& host,
                                          const ClassifyOptions& options, UnixTime now);

}  // namespace mtasts
