// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "probes/core/tls_report.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ReportLimits limits{.max_depth = 8, .max_policies = 3, .max_failures = 4, .max_strings = 8, .max_text = 64};
  const TlsReportResult result = parse_tls_report({reinterpret_cast<const char*>(data), size}, limits);
  fuzz::expect_problems(result.errors, CodeKind::report_error, size);
  fuzz::expect_problems(result.warnings, CodeKind::report_error, size);
  expect(result.report.has_value() == result.errors.empty());
  if (!result.report) return 0;
  expect(result.report->policies.size() <= limits.max_policies);
  for (const ReportPolicy& policy : result.report->policies) {
    expect(policy.successful <= INT64_MAX && policy.failed <= INT64_MAX);
    expect(policy.failures.size() <= limits.max_failures);
    for (const ReportFailure& failure : policy.failures) expect(failure.failed_sessions <= INT64_MAX);
  }
  return 0;
}
