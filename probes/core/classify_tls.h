// What a handshake's certificates and failures are called: the shared half of judging policy hosts and MX hosts.
// Next: classify.h, which uses it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "probes/core/classify.h"

namespace mtasts {

struct NamedFault {
  ResultType type{ResultType::validation_failure};
  std::string_view reason{};
  std::string text{};  // what was found, of all problems of that reason
};

/// What is wrong with a policy host's certificate, each reason once; empty when it verifies.
std::vector<NamedFault> policy_certificate_faults(const TlsObservation& tls);

/// The result types and reasons of an MX host's bad certificate, each once. Source: RFC 8460 section 4.3.1.
std::vector<NamedFault> mx_certificate_faults(const TlsObservation& tls, const ClassifyOptions& options);

/// Weak keys and signatures, certificates that expire soon, expired ones that no path needs.
std::vector<Finding> certificate_findings(const TlsObservation& tls, const std::string& host,
                                          const ClassifyOptions& options, UnixTime now);

}  // namespace mtasts
