// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>

#include "exporter/report_intake.h"
#include "exporter/report_mail.h"
#include "exporter/report_reader.h"
#include "exporter/tlsrpt_http.h"
#include "probes/core/domain_name.h"
#include "tests/fuzz/expect.h"
#include "tests/support/mail_forms.h"
#include "tests/support/report_text.h"

using namespace mtasts;
using mtasts::fuzz::expect;

namespace {

constexpr std::ptrdiff_t kMostMarks = 16;
constexpr std::size_t kDigestDigits = 64;
constexpr std::size_t kMostParts = 20;

ReaderOptions reader_options() {
  return {.authserv_id = "mx.example.org",
          .limits = {.max_bytes = 16 * 1024, .max_depth = 8, .max_policies = 4, .max_failures = 4, .max_text = 256},
          .max_reports = 3};
}

void expect_voucher(const Voucher& voucher) {
  expect(voucher.domain.empty() != voucher.doubt.empty());
  if (!voucher.domain.empty()) expect(parse_domain_name(voucher.domain).value() == voucher.domain);
}

void expect_reports(const ReadReports& read) {
  const ReaderOptions options = reader_options();
  expect(read.reports.size() <= options.max_reports && read.reports.size() + read.errors.size() > 0);
  fuzz::expect_problems(read.errors, CodeKind::report_error, 0);
  std::size_t policies = 0;
  for (const ReadReport& report : read.reports) {
    expect(report.result.report.has_value() == report.result.errors.empty());
    fuzz::expect_problems(report.result.errors, CodeKind::report_error, report.octets);
    fuzz::expect_problems(report.result.warnings, CodeKind::report_error, report.octets);
    expect_voucher(report.voucher);
    if (report.octets > 0) expect(report.sha256.size() == kDigestDigits);
    if (report.result.report) policies += report.result.report->policies.size();
  }
  expect(policies <= options.limits.max_policies);
}

void expect_parts(std::string_view message) {
  const ReportMail mail = parse_report_mail(message, {.max_depth = 4, .max_parts = kMostParts});
  expect(mail.bodies.size() <= kMostParts);
  std::size_t octets = 0;
  for (const MailBody& body : mail.bodies) octets += body.content.size();
  expect(octets <= message.size());
}

/// A text that every database takes.
void expect_storable(std::string_view text) {
  expect(find_not_utf8(text) == std::string_view::npos && text.find('\0') == std::string_view::npos);
}

void expect_judged(ReadReports read) {
  const IntakeRules rules{.domains = {"example.net", "example.org"}};
  const UnixTime now{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};
  const JudgedDelivery judged = judge_delivery({.read = std::move(read)}, rules, now);
  const std::vector<TakenReport>& taken = judged.result.reports;
  expect(!taken.empty() && judged.reports.size() == judged.places.size());
  expect(std::is_sorted(judged.places.begin(), judged.places.end()));
  for (std::size_t i = 0; i < judged.reports.size(); ++i) {
    const FiledReport& filed = judged.reports[i];
    expect(judged.places[i] < taken.size() && taken[judged.places[i]].domain == filed.domain);
    expect(std::binary_search(rules.domains.begin(), rules.domains.end(), filed.domain));
    expect(!filed.counts || filed.authenticated);
    expect(filed.counted_end <= now);
    for (const std::string* text : {&filed.report_id, &filed.organization, &filed.submitter, &filed.contact})
      expect_storable(*text);
  }
  const HttpResponse answer = answer_to_sender(judged.result);
  expect(answer.body.ends_with('\n') && answer.status >= 201);
  fuzz::expect_printable(answer.body.substr(0, answer.body.size() - 1));
}

}  // namespace

/// The input is what arrives: a mail, JSON or gzip; the marks of tests/data/report_mail.yaml stand for a report.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string form(reinterpret_cast<const char*>(data), size);
  const bool may_have_marks = std::count(form.begin(), form.end(), '{') <= kMostMarks;
  const std::string input = may_have_marks ? test::message_of(form, test::report_text("id")) : form;
  ReadReports read = read_reports(input, reader_options());
  expect_reports(read);
  expect_parts(input);
  expect_judged(std::move(read));
  return 0;
}
