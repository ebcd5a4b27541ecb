// SPDX-License-Identifier: Apache-2.0
#include "probes/core/sts_record.h"

#include "probes/core/catalogue.h"
#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

class StsRecordCases : public testing::TestWithParam<Case> {};

TEST_P(StsRecordCases, ParseAsRfc8461Says) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const StsRecordSet record = parse_sts_records(list_of(expected, "input"));
  EXPECT_EQ(to_string(record.status), expected.node["status"].as<std::string>());
  EXPECT_EQ(record.id.value_or(""), expected.node["id"].as<std::string>(""));
  EXPECT_EQ(codes_of(record.errors), list_of(expected, "errors"));
  EXPECT_EQ(codes_of(record.warnings), list_of(expected, "warnings"));
  for (const ParseError& error : record.errors) EXPECT_NE(find_code(CodeKind::record_error, error.code), nullptr);
  for (const ParseError& error : record.warnings) EXPECT_NE(find_code(CodeKind::record_error, error.code), nullptr);
}
INSTANTIATE_TEST_SUITE_P(Data, StsRecordCases, testing::ValuesIn(load_cases("sts_record.yaml")), case_name);

TEST(StsRecord, ErrorsSayWhereTheyAre) {
  const std::vector<std::string> records{"v=STSv1; id=a-b; x=;"};
  const StsRecordSet record = parse_sts_records(records);
  ASSERT_EQ(record.errors.size(), 2U);
  EXPECT_EQ(record.errors[0].offset, 12U);
  EXPECT_EQ(record.errors[0].detail, R"(the id "a-b" has something else than letters and digits)");
  EXPECT_EQ(record.errors[1].offset, 19U);
}

TEST(StsRecord, ReadsOctetsThatAreNoText) {
  const std::vector<std::string> records{std::string("v=STSv1; id=1; x=\0", 18), "v=STSv1; id=\xff"};
  EXPECT_EQ(parse_sts_records(std::span(records).first(1)).status, RecordStatus::invalid);
  EXPECT_EQ(parse_sts_records(std::span(records).last(1)).errors[0].code, "id-syntax");
  EXPECT_EQ(parse_sts_records(records).status, RecordStatus::multiple);
}

}  // namespace
}  // namespace mtasts::test
