// SPDX-License-Identifier: Apache-2.0
#include "exporter/mail_voucher.h"

#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

std::vector<HeaderField> header_of(const Case& expected) {
  std::vector<HeaderField> header;
  for (const std::string& line : list_of(expected, "header")) {
    const auto colon = line.find(':');
    header.push_back({line.substr(0, colon), line.substr(colon + 1)});
  }
  return header;
}

class MailVoucherCases : public testing::TestWithParam<Case> {};

TEST_P(MailVoucherCases, VouchOrDoubt) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const Voucher voucher =
      classify_voucher(header_of(expected), expected.node["authserv_id"].as<std::string>("mx.example.org"));
  EXPECT_EQ(voucher.domain, expected.node["domain"].as<std::string>(""));
  EXPECT_EQ(voucher.doubt.empty(), !voucher.domain.empty());
  EXPECT_NE(voucher.doubt.find(expected.node["doubt"].as<std::string>("")), std::string::npos) << voucher.doubt;
}
INSTANTIATE_TEST_SUITE_P(Data, MailVoucherCases, testing::ValuesIn(load_cases("mail_voucher.yaml")), case_name);

}  // namespace
}  // namespace mtasts::test
