// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_arrival.h"

#include <gtest/gtest.h>

namespace mtasts::test {
namespace {

TEST(IsRefused, WhenAPersonShouldLook) {
  const auto of = [](std::vector<ReportOutcome> outcomes) {
    IntakeResult result;
    for (const ReportOutcome outcome : outcomes) result.reports.push_back({.outcome = outcome});
    return is_refused(result);
  };
  using enum ReportOutcome;
  for (const auto kept : {counted, uncounted, duplicate}) {
    EXPECT_FALSE(of({kept}));
    EXPECT_FALSE(of({unknown_domain, kept})) << "a report about other people's domains too";
    EXPECT_TRUE(of({kept, invalid}));
  }
  for (const auto lost : {conflict, unknown_domain, invalid}) EXPECT_TRUE(of({lost}));
}

}  // namespace
}  // namespace mtasts::test
