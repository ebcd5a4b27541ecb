// SPDX-License-Identifier: Apache-2.0
#include "probes/core/tlsrpt_record.h"

#include "probes/core/catalogue.h"
#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

class TlsrptRecordCases : public testing::TestWithParam<Case> {};

TEST_P(TlsrptRecordCases, ParseAsRfc8460Says) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const TlsrptRecordSet record = parse_tlsrpt_records(list_of(expected, "input"));
  EXPECT_EQ(to_string(record.status), expected.node["status"].as<std::string>());
  EXPECT_EQ(record.rua, list_of(expected, "rua"));
  EXPECT_EQ(codes_of(record.errors), list_of(expected, "errors"));
  EXPECT_EQ(codes_of(record.warnings), list_of(expected, "warnings"));
  for (const ParseError& error : record.errors) EXPECT_NE(find_code(CodeKind::record_error, error.code), nullptr);
  for (const ParseError& error : record.warnings) EXPECT_NE(find_code(CodeKind::record_error, error.code), nullptr);
}
INSTANTIATE_TEST_SUITE_P(Data, TlsrptRecordCases, testing::ValuesIn(load_cases("tlsrpt_record.yaml")), case_name);

TEST(TlsrptRecord, ErrorsSayWhereTheyAre) {
  const std::vector<std::string> records{"v=TLSRPTv1; rua=mailto:a@example.com, mailto:b!10m@example.com"};
  const TlsrptRecordSet record = parse_tlsrpt_records(records);
  ASSERT_EQ(record.errors.size(), 1U);
  EXPECT_EQ(record.errors[0].offset, 46U);
  EXPECT_EQ(record.errors[0].detail, R"("mailto:b!10m@example.com" has "!", which must be written as %21)");
}

TEST(TlsrptRecord, ReadsOctetsThatAreNoText) {
  const std::vector<std::string> records{std::string("v=TLSRPTv1; rua=mailto:a@\0", 26)};
  EXPECT_EQ(parse_tlsrpt_records(records).errors[0].code, "rua-uri-syntax");
}

TEST(TlsrptRecord, ReadsALongListInOnePass) {
  std::string record = "v=TLSRPTv1; rua=mailto:a@example.com";
  for (int i = 0; i < 5000; ++i) record += ",mailto:a@example.com";
  EXPECT_EQ(parse_tlsrpt_records(std::vector{record}).rua.size(), 5001U);
}

}  // namespace
}  // namespace mtasts::test
