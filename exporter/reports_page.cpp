// SPDX-License-Identifier: Apache-2.0
#include "exporter/reports_page.h"

#include "exporter/report_words.h"
#include "exporter/runbooks_page.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

constexpr std::size_t kMostFaultsShown = 20;  // of one policy; a person reads no more

View fault_view(const FaultGroup& group, const PageContext& context) {
  const ReportFailure& example = *group.example;
  const CatalogueEntry* entry = find_code(CodeKind::result_type, example.result_type);
  View view;
  view.text("type", example.result_type.empty() ? "(no type)" : example.result_type);
  view.text("host", example.receiving_mx_hostname).text("sessions", counted(group.sessions, "session"));
  view.text("severity", entry != nullptr ? to_string(entry->severity) : "");
  view.text("meaning", entry != nullptr ? entry->meaning : "").text("remedy", entry != nullptr ? entry->remedy : "");
  view.text("runbook", entry != nullptr ? context.prefix + "/runbooks#" + runbook_anchor(*entry) : "");
  view.text("seen", way_words(example)).text("reason", example.failure_reason_code);
  return view.text("more", example.additional_information);
}

View policy_view(const ReportPolicy& policy, const PageContext& context) {
  std::vector<View> faults;
  for (const auto& [key, group] : group_faults(policy.failures)) {
    if (faults.size() < kMostFaultsShown) faults.push_back(fault_view(group, context));
  }
  View view;
  view.text("words", policy_words(policy)).text("successful", grouped(policy.successful));
  view.text("failed", grouped(policy.failed)).flag("has_faults", !faults.empty());
  return view.list("faults", std::move(faults));
}

std::string submitter_words(const FiledReport& report) {
  if (report.submitter.starts_with("@token/")) return "somebody with a path token";
  if (report.submitter.starts_with('@') || report.submitter.empty()) return "nobody who could be verified";
  return report.submitter + " (DKIM)";
}

std::string counts_words(const FiledReport& report) {
  if (report.counts && report.authenticated) return "yes";
  if (report.counts) return "yes, though nobody vouches for it: tlsrpt.accept_unauthenticated is set";
  return "no: nobody vouches for it, neither a DKIM signature that passed nor a path token";
}

void set_sessions(View& view, const ReportTally& tally) {
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  for (const PolicySessions& sessions : tally.sessions) {
    successful = add_bounded(successful, sessions.successful);
    failed = add_bounded(failed, sessions.failed);
  }
  view.text("successful", grouped(successful)).text("failed", grouped(failed));
  view.text("failed_class", failed > 0 ? "failing" : "").flag("has_failures", failed > 0);
}

View report_view(const FiledReport& report, const PageContext& context) {
  View view;
  view.text("subject", report.domain).text("href", context.prefix + "/domains/" + url_encoded(report.domain));
  view.text("organization", report.organization).text("id", report.report_id).text("contact", report.contact);
  view.text("submitter", submitter_words(report)).text("counts", counts_words(report));
  view.text("counts_class", report.counts ? "ok" : "warning");
  set_sessions(view, report.contents.tally);
  set_time(view, "start", report.start, context.now);
  set_time(view, "end", report.end, context.now);
  set_time(view, "received", report.received, context.now);
  std::vector<View> policies;
  for (const ReportPolicy& policy : report.contents.policies) policies.push_back(policy_view(policy, context));
  return view.list("policies", std::move(policies));
}

std::string page_link(const std::string& domain, std::size_t number, const PageContext& context) {
  const std::string filter = domain.empty() ? "" : "domain=" + url_encoded(domain) + "&";
  return context.prefix + "/reports?" + filter + "page=" + std::to_string(number);
}

}  // namespace

std::string render_reports_page(const ReportsPageInput& input, const PageContext& context) {
  View page = page_view("TLS reports", "reports", context);
  page.text("domain", input.domain).text("trouble", input.trouble).flag("nothing", input.reports.empty());
  std::vector<View> reports;
  for (const FiledReport& report : input.reports) reports.push_back(report_view(report, context));
  page.list("reports", std::move(reports));
  page.part("paging",
            paging_view(input.paging, [&](std::size_t number) { return page_link(input.domain, number, context); }));
  return render_template("reports", page);
}

}  // namespace mtasts
