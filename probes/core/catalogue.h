// Every code the program utters, with its meaning: one table for classification, metrics, `codes`, docs and rules.
// Next: verdicts.h for the structs that carry the codes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "probes/core/verdicts.h"

namespace mtasts {

/// result_type: RFC 8460; reason: why a host fails; policy_error, record_error: rules of the texts, which are also
/// reasons of sts-policy-invalid; report_error: what is wrong or odd in a TLS report or around it; name_error: why
/// something is no domain name; finding: lint; severity: what it asks of people; outcome: how a probe of ours ended.
enum class CodeKind {
  result_type,
  reason,
  policy_error,
  record_error,
  report_error,
  name_error,
  finding,
  severity,
  outcome
};
std::string_view to_string(CodeKind kind);

/// One code. `severity` is that of an alert for a result type and of the metric for a finding; a severity's own; info
/// elsewhere.
struct CatalogueEntry {
  CodeKind kind{CodeKind::reason};
  std::string_view code{};
  Severity severity{Severity::info};
  std::string_view meaning{};
  std::string_view remedy{};
  std::string_view source{};  // RFC and section, "" where none applies
};

/// The whole catalogue, ordered by kind.
std::span<const CatalogueEntry> catalogue();

/// The entry of a code; the codes of a kind are unique. Errors: nullptr for a code that is not there.
const CatalogueEntry* find_code(CodeKind kind, std::string_view code);

}  // namespace mtasts
