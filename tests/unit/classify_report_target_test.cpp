// SPDX-License-Identifier: Apache-2.0
#include "probes/core/classify_report_target.h"

#include <gmock/gmock.h>

namespace mtasts {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

DomainObservation domain_with(std::string rua, DnsStatus mx, std::vector<MxRecord> records = {}) {
  DomainObservation seen{.domain = "example.org"};
  seen.tlsrpt.lookup.status = DnsStatus::answered;
  seen.tlsrpt.records = {"v=TLSRPTv1; rua=" + std::move(rua)};
  seen.mx.lookup.status = mx;
  seen.mx.records = std::move(records);
  return seen;
}

const std::vector<MxRecord> kMx{{10, "mx.example.net"}};
const ReportTarget kOwnMailbox{ReportTargetKind::mailbox, "example.org"};
const ReportTarget kOwnHost{ReportTargetKind::https, "example.org"};
const ReportTarget kForeignMailbox{ReportTargetKind::mailbox, "example.com"};

TEST(TargetsToObserve, TheDomainsOwnMxAnswerServesForItsOwnMailbox) {
  EXPECT_THAT(targets_to_observe(domain_with("mailto:a@example.org", DnsStatus::answered, kMx)), IsEmpty());
  EXPECT_THAT(targets_to_observe(domain_with("mailto:a@example.org", DnsStatus::servfail)), IsEmpty());
}

TEST(TargetsToObserve, WithoutMxRecordItsAddressesAreAskedFor) {
  EXPECT_THAT(targets_to_observe(domain_with("mailto:a@example.org", DnsStatus::nodata)), ElementsAre(kOwnMailbox));
}

TEST(TargetsToObserve, OthersAreLookedAt) {
  const auto seen = domain_with("mailto:a@example.com,https://example.org/", DnsStatus::answered, kMx);
  EXPECT_THAT(targets_to_observe(seen), ElementsAre(kForeignMailbox, kOwnHost));
}

TEST(TargetsToObserve, NobodyReportsAboutADomainThatTakesNoMail) {
  EXPECT_THAT(targets_to_observe(domain_with("mailto:a@example.com", DnsStatus::nxdomain)), IsEmpty());
  EXPECT_THAT(targets_to_observe(domain_with("mailto:a@example.com", DnsStatus::answered, {{0, ""}})), IsEmpty());
}

TEST(TargetsToObserve, WhatWasNotSeenNamesNoTarget) {
  DomainObservation seen = domain_with("mailto:a@example.com", DnsStatus::answered, kMx);
  seen.spoiled = "our own trouble";
  EXPECT_THAT(targets_to_observe(seen), IsEmpty());
  seen.spoiled.reset();
  seen.tlsrpt.lookup.status = DnsStatus::timeout;
  EXPECT_THAT(targets_to_observe(seen), IsEmpty());
  EXPECT_THAT(targets_to_observe(domain_with("a@example.com", DnsStatus::answered, kMx)), IsEmpty()) << "invalid";
}

}  // namespace
}  // namespace mtasts
