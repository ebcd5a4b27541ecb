// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "probes/core/sts_record.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto records = fuzz::records_of({reinterpret_cast<const char*>(data), size});
  const StsRecordSet set = parse_sts_records(records);
  fuzz::expect_problems(set.errors, CodeKind::record_error, size);
  fuzz::expect_problems(set.warnings, CodeKind::record_error, size);
  expect((set.status == RecordStatus::valid || set.status == RecordStatus::none) == set.errors.empty());
  if (set.status == RecordStatus::valid) expect(set.id && !set.id->empty() && set.id->size() <= 32);
  return 0;
}
