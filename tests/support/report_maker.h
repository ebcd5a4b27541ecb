// Reports as the reader hands them on, made by hand.
// Next: tests/unit/report_intake_test.cpp.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "exporter/report_intake.h"

namespace mtasts::test {

constexpr UnixTime kReportNow{std::chrono::seconds{1'800'000'000}};

/// A report of one day for example.org that ended an hour before kReportNow.
inline TlsReport make_report(std::string id, std::uint64_t successful, std::uint64_t failed = 0) {
  const UnixTime end = kReportNow - std::chrono::hours{1};
  TlsReport report{.organization = "Example Sender", .report_id = std::move(id), .contact_info = "a@sender.example"};
  report.start = end - std::chrono::days{1};
  report.end = end;
  report.policies.push_back({.type = "sts", .domain = "example.org", .successful = successful, .failed = failed});
  return report;
}

inline Delivery deliver(TlsReport report, const std::string& dkim_domain,
                        ReportChannel channel = ReportChannel::maildir, bool token = false) {
  ReadReport read;
  read.result.report = std::move(report);
  read.voucher.domain = dkim_domain;
  Delivery delivery{.arrival = {.channel = channel, .token = token}};
  delivery.read.reports.push_back(std::move(read));
  return delivery;
}

}  // namespace mtasts::test
