// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "probes/core/domain_name.h"
#include "probes/core/report_target.h"
#include "probes/core/tlsrpt_record.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto records = fuzz::records_of({reinterpret_cast<const char*>(data), size});
  const TlsrptRecordSet set = parse_tlsrpt_records(records);
  fuzz::expect_problems(set.errors, CodeKind::record_error, size);
  fuzz::expect_problems(set.warnings, CodeKind::record_error, size);
  expect((set.status == RecordStatus::valid || set.status == RecordStatus::none) == set.errors.empty());
  if (set.status == RecordStatus::valid) expect(!set.rua.empty());
  const auto targets = report_targets_of(set.rua);
  expect(targets.size() <= kMostReportTargets);
  for (const ReportTarget& target : targets) expect(parse_domain_name(target.host).value() == target.host);
  return 0;
}
