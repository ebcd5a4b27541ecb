// The commands that need no network: `lint`, `match` and `codes`, as text for people or JSON for programs.
// Next: probes/core/sts_policy.h for the rules, probes/core/catalogue.h for the codes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "exporter/output_format.h"

namespace mtasts {

/// What a command prints on standard output, and its exit status.
struct CommandResult {
  int exit_status{};
  std::string output{};
};

/// `lint policy`: exit status 0 when the policy is valid, else 1. Input: the body as received. Errors: in the output.
/// Source: RFC 8461 section 3.2.
CommandResult run_lint_policy(std::string_view body, OutputFormat format);

/// `lint record`: exit status 0 when the set yields exactly one valid record, else 1. Input: one element per record.
/// Errors: in the output. Source: RFC 8461 section 3.1.
CommandResult run_lint_record(std::span<const std::string> records, OutputFormat format);

/// `lint tlsrpt`: as run_lint_record. Source: RFC 8460 section 3.
CommandResult run_lint_tlsrpt(std::span<const std::string> records, OutputFormat format);

/// `match`: exit status 0 when the pattern matches the host, else 1. Source: RFC 8461 section 4.1.
CommandResult run_match(std::string_view pattern, std::string_view host);

/// `codes`: the whole catalogue; exit status 0.
CommandResult run_codes(OutputFormat format);

}  // namespace mtasts
