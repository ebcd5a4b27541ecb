// The policy file: text to values, every broken rule named; and whether its `mx` patterns permit a host.
// Next: classify.h, which joins a policy with what the MX hosts showed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/parse.h"

namespace mtasts {

enum class StsMode : std::uint8_t { enforce, testing, none };

/// "enforce", "testing" or "none", as the policy file spells them.
std::string_view to_string(StsMode mode);

/// A valid policy. `mx` holds the patterns in file order, lower case.
struct StsPolicy {
  StsMode mode{StsMode::none};
  std::chrono::seconds max_age{};
  std::vector<std::string> mx{};

  bool operator==(const StsPolicy&) const = default;
};

/// max_age at most 31557600 (RFC 8461 section 3.2).
constexpr std::uint64_t kMaxPolicyAge = 31557600;
/// Lines and mx entries read from one policy; 64 KiB hold fewer in practice.
constexpr std::size_t kMaxPolicyLines = 8192;

/// All that can be said of a policy text: the values as written where they could be read, every error and warning in
/// line order, and the policy itself when there is no error.
struct PolicyLint {
  std::optional<std::string> version{};
  std::optional<std::string> mode{};
  std::optional<std::uint64_t> max_age{};
  std::size_t max_age_line{};  // where max_age was read, 0 without it
  std::vector<std::string> mx{};
  std::vector<ParseError> errors{};
  std::vector<ParseError> warnings{};
  std::optional<StsPolicy> policy{};
};

/// Reads a policy file by the letter of the grammar. Input: the body as received, any octets. Errors: in the result,
/// each with line and octet offset; warnings are what some senders shrug at or what is surely a mistake.
/// Source: RFC 8461 section 3.2, errata 6253.
PolicyLint parse_sts_policy(std::string_view body);

/// Does `host` match `pattern`? `*.` stands for exactly one left-most label; case and one final dot of the host do not
/// matter; a pattern outside the grammar matches nothing. Source: RFC 8461 section 4.1.
bool mx_pattern_matches(std::string_view pattern, std::string_view host);

/// True when some pattern of the policy matches the host. Input: patterns as parse_sts_policy() leaves them, valid and
/// in lower case; there may be thousands.
bool policy_permits(const StsPolicy& policy, std::string_view host);

}  // namespace mtasts
