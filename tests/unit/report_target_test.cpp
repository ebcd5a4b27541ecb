// SPDX-License-Identifier: Apache-2.0
#include "probes/core/report_target.h"

#include <gmock/gmock.h>

#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

std::string text_of_target(const std::optional<ReportTarget>& target) {
  if (!target) return "";
  return (target->kind == ReportTargetKind::mailbox ? "mailbox " : "https ") + target->host;
}

class ReportTargetCases : public testing::TestWithParam<Case> {};

TEST_P(ReportTargetCases, NameWhatCanBeLookedAt) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where + ", RFC " + expected.rfc);
  const auto kind = expected.node["kind"].as<std::string>("");
  const std::string wanted = kind.empty() ? "" : kind + " " + expected.node["host"].as<std::string>();
  EXPECT_EQ(text_of_target(parse_report_target(text_of(expected))), wanted);
}
INSTANTIATE_TEST_SUITE_P(Data, ReportTargetCases, testing::ValuesIn(load_cases("report_target.yaml")), case_name);

TEST(ReportTargets, EachIsLookedAtOnceInTheOrderOfTheRecord) {
  const std::vector<std::string> rua{"mailto:a@example.org", "ftp://example.org", "https://example.org/a",
                                     "mailto:b@example.org", "https://example.org/b"};
  EXPECT_THAT(report_targets_of(rua), ElementsAre(ReportTarget{ReportTargetKind::mailbox, "example.org"},
                                                  ReportTarget{ReportTargetKind::https, "example.org"}));
}

TEST(ReportTargets, ARecordCannotHaveManyLookedAt) {
  std::vector<std::string> rua;
  for (int i = 0; i < 5000; ++i) rua.push_back("mailto:a@d" + std::to_string(i) + ".example");
  EXPECT_THAT(report_targets_of(rua), SizeIs(kMostReportTargets));
}

}  // namespace
}  // namespace mtasts::test
