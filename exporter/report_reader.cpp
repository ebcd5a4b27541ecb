// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_reader.h"

#include <algorithm>
#include <utility>

#include "exporter/gunzip.h"
#include "exporter/mail_voucher.h"
#include "exporter/report_mail.h"
#include "probes/core/octets.h"
#include "probes/net/sha256.h"

namespace mtasts {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::size_t kMaxFieldName = 100;  // far above any that a message begins with

bool looks_like_json(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) return true;
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  return start != std::string_view::npos && (text[start] == '{' || text[start] == '[');
}

/// Does it begin with a field name and a colon, or with the line that mbox files put before? Source: RFC 5322
/// section 2.2.
bool looks_like_mail(std::string_view text) {
  if (text.starts_with("From ")) return true;
  const std::size_t colon = text.substr(0, kMaxFieldName).find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view name = trim_wsp_right(text.substr(0, colon));
  return all_of(name, [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}

ReadReport refused(std::string_view code, std::string detail) {
  ReadReport report;
  report.result.errors.push_back({.code = code, .detail = std::move(detail)});
  return report;
}

ReadReport read_json(std::string_view text, const ReaderOptions& options) {
  return {.result = parse_tls_report(text, options.limits), .sha256 = sha256_hex(text), .octets = text.size()};
}

ReadReport read_gzip(std::string_view data, const ReaderOptions& options) {
  const Gunzipped gunzipped = gunzip(data, options.limits.max_bytes);
  if (gunzipped.fault == GunzipFault::damaged) return refused("report-gzip", "the gzip data is damaged or cut off");
  if (gunzipped.fault == GunzipFault::too_large) {
    return refused("report-too-large",
                   "the report is larger than " + std::to_string(options.limits.max_bytes) + " octets when unpacked");
  }
  ReadReport report = read_json(gunzipped.content, options);
  if (gunzipped.trailing) {
    report.result.warnings.push_back(
        {.code = "report-gzip-trailing", .detail = "something else follows the gzip data"});
  }
  return report;
}

/// A part named gzip may hold plain JSON, and the other way round: the content decides.
ReadReport read_body(std::string_view body, const ReaderOptions& options) {
  return looks_like_gzip(body) ? read_gzip(body, options) : read_json(body, options);
}

/// Takes what a report needed off what the input may need.
void spend(ReaderOptions& left, const ReadReport& read) {
  const auto take = [](std::size_t& limit, std::size_t used) { limit -= std::min(limit, used); };
  take(left.max_reports, 1);
  take(left.limits.max_bytes, read.octets);
  if (!read.result.report) return;
  const std::vector<ReportPolicy>& policies = read.result.report->policies;
  take(left.limits.max_policies, policies.size());
  for (const ReportPolicy& policy : policies) {
    take(left.limits.max_failures, policy.failures.size());
    take(left.limits.max_strings, policy.policy_strings.size() + policy.mx_hosts.size());
  }
}

Voucher voucher_of(const MailBody& body, const Voucher& of_mail) {
  if (!body.forwarded) return of_mail;
  return {.doubt = "the report is in a forwarded message, and nobody vouches for its header"};
}

void read_mail(std::string_view message, const ReaderOptions& options, ReadReports& found) {
  const ReportMail mail = parse_report_mail(message);
  const Voucher voucher = classify_voucher(mail.header, options.authserv_id);
  ReaderOptions left = options;
  bool beyond_limits = mail.beyond_limits;
  for (const MailBody& body : mail.bodies) {
    if (!body.declared && !looks_like_gzip(body.content) && !looks_like_json(body.content)) continue;
    if (left.max_reports == 0) {
      beyond_limits = true;
      break;
    }
    found.reports.push_back(read_body(body.content, left));
    found.reports.back().voucher = voucher_of(body, voucher);
    spend(left, found.reports.back());
  }
  if (beyond_limits) {
    found.errors.push_back(
        {.code = "report-mail-limits",
         .detail = "the message has too many reports, parts or header fields, or nests parts too deep"});
  }
  if (found.reports.empty() && found.errors.empty())
    found.errors.push_back({.code = "report-not-found", .detail = "there is no report in the message"});
}

}  // namespace

ReadReports read_reports(std::string_view input, const ReaderOptions& options) {
  ReadReports found;
  if (input.size() > options.max_input_bytes) {
    found.errors.push_back(
        {.code = "report-too-large",
         .detail = "the input is larger than " + std::to_string(options.max_input_bytes) + " octets"});
  } else if (input.empty()) {
    found.errors.push_back({.code = "report-not-found", .detail = "the input is empty"});
  } else if (!looks_like_gzip(input) && !looks_like_json(input) && looks_like_mail(input)) {
    read_mail(input, options, found);
  } else {
    found.reports.push_back(read_body(input, options));
    found.reports.back().voucher.doubt = "the report did not come by mail, so no DKIM signature vouches for it";
  }
  return found;
}

}  // namespace mtasts
