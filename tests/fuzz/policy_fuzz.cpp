// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>

#include "probes/core/sts_policy.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const PolicyLint lint = parse_sts_policy(body);
  fuzz::expect_problems(lint.errors, CodeKind::policy_error, size);
  fuzz::expect_problems(lint.warnings, CodeKind::policy_error, size);
  const auto by_line = [](const ParseError& a, const ParseError& b) { return a.line < b.line; };
  expect(std::is_sorted(lint.errors.begin(), lint.errors.end(), by_line));
  expect(std::is_sorted(lint.warnings.begin(), lint.warnings.end(), by_line));
  expect(lint.policy.has_value() == lint.errors.empty());
  if (!lint.policy) return 0;
  expect(static_cast<std::uint64_t>(lint.policy->max_age.count()) <= kMaxPolicyAge);
  for (const std::string& pattern : lint.policy->mx) {
    const std::string host = pattern.starts_with("*.") ? "a" + pattern.substr(1) : pattern;
    expect(mx_pattern_matches(pattern, host) && policy_permits(*lint.policy, host));
  }
  return 0;
}
