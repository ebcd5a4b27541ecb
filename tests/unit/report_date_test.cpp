// SPDX-License-Identifier: Apache-2.0
#include "probes/core/report_date.h"

#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

class ReportDateCases : public testing::TestWithParam<Case> {};

TEST_P(ReportDateCases, AreUnderstoodOrNot) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const auto date = parse_report_date(text_of(expected));
  ASSERT_EQ(date.has_value(), expected.node["time"].IsDefined());
  if (!date) return;
  EXPECT_EQ(date->time.time_since_epoch().count(), expected.node["time"].as<std::int64_t>());
  EXPECT_EQ(date->exact, expected.node["exact"].as<bool>());
}
INSTANTIATE_TEST_SUITE_P(Data, ReportDateCases, testing::ValuesIn(load_cases("report_date.yaml")), case_name);

}  // namespace
}  // namespace mtasts::test
