// SPDX-License-Identifier: Apache-2.0
#include "exporter/domain_page.h"

#include <algorithm>

#include "exporter/check_providers.h"
#include "exporter/check_report.h"
#include "exporter/domain_sections.h"
#include "probes/core/classify_report_target.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

std::string patterns_text(const StsPolicy& policy) {
  std::string text;
  for (const std::string& pattern : policy.mx) text += (text.empty() ? "" : " ") + pattern;
  return text;
}

std::string record_text(const DomainVerdict& verdict) {
  if (!verdict.record) return "not known";
  const std::string id = verdict.record_id.empty() ? "" : ", id " + escape_unprintable(verdict.record_id);
  return std::string(to_string(*verdict.record)) + id;
}

std::string_view record_class(const std::optional<RecordStatus>& record) {
  if (!record) return "dim";
  return *record == RecordStatus::valid ? "ok" : *record == RecordStatus::none ? "dim" : "failing";
}

std::string policy_text(const DomainVerdict& verdict) {
  if (!verdict.fetch_success) return "not fetched";
  if (!*verdict.fetch_success) return no_policy_text(verdict);
  if (!verdict.policy) return "fetched, but not valid";
  return "valid, mode " + std::string(to_string(verdict.policy->mode)) + ", max_age " +
         span_text(verdict.policy->max_age);
}

std::string_view policy_class(const DomainVerdict& verdict) {
  if (!verdict.fetch_success) return "dim";
  if (verdict.policy) return "ok";
  return has_mta_sts(verdict) ? "failing" : "dim";
}

std::string in_force_text(const DomainVerdict& verdict) {
  if (!verdict.in_force) return verdict.record ? "no policy" : "not known";
  const std::string mode = "mode " + std::string(to_string(verdict.in_force->policy.mode));
  return verdict.in_force->live ? mode : mode + ", from the caches of senders: it is not served any more";
}

std::string certificate_word(const CheckResult& result) {
  if (!result.verdict.policy_not_after) return "none seen";
  return certificate_validity(result, "not valid");
}

std::string_view certificate_class(const DomainVerdict& verdict) {
  if (!verdict.policy_not_after) return "dim";
  return has_fault(verdict, ResultType::sts_webpki_invalid) ? "failing" : "ok";
}

std::string_view place_text(const ReportPlace& place) {
  if (!place.target) return "not looked at";
  if (!place.verdict.takes_reports) return "";
  return *place.verdict.takes_reports ? "takes reports" : "takes no reports";
}

/// What the probe found at a place is not kept; a finding on its host is.
bool is_found_wanting(const ReportPlace& place, const DomainVerdict& verdict) {
  if (place.verdict.takes_reports) return !*place.verdict.takes_reports;
  return place.target && std::ranges::any_of(verdict.findings, [&](const Finding& finding) {
           return finding.code == report_target_code(place.target->kind) && finding.host == place.target->host;
         });
}

std::vector<View> place_views(const CheckResult& result) {
  std::vector<View> views;
  for (const ReportPlace& place : report_places(result.seen)) {
    const bool wanting = is_found_wanting(place, result.verdict);
    View view;
    view.text("uri", escape_unprintable(place.uri)).text("class", wanting ? "failing" : "");
    views.push_back(view.text("takes", wanting ? "takes no reports" : place_text(place)));
  }
  return views;
}

/// Policies that a sender may have fetched and not forgotten, newest first.
std::vector<View> held_views(const DomainPageInput& input, UnixTime now) {
  std::vector<View> views;
  for (auto row = input.history.policies.rbegin(); row != input.history.policies.rend(); ++row) {
    const UnixTime until = row->last_seen + row->policy.max_age;
    if (until <= now) continue;
    View view;
    view.text("id", row->id).text("mode", to_string(row->policy.mode)).text("mx", patterns_text(row->policy));
    set_time(view, "until", until, now);
    views.push_back(view);
  }
  return views;
}

void set_verdict(View& page, const DomainPageInput& input) {
  const VerdictWords words = verdict_words(input.result, input.judged);
  page.text("verdict_class", words.css_class).text("sentence", words.sentence);
  set_prose(page, "why", words.why);
}

}  // namespace

void set_fundamentals(View& page, const DomainPageInput& input, UnixTime now) {
  const DomainVerdict& verdict = input.result.verdict;
  page.text("record", record_text(verdict)).text("record_class", record_class(verdict.record));
  page.text("policy", policy_text(verdict)).text("policy_class", policy_class(verdict));
  page.text("patterns", verdict.policy ? patterns_text(*verdict.policy) : "");
  page.text("in_force", in_force_text(verdict));
  set_time(page, "in_force_until",
           verdict.in_force && !verdict.in_force->live ? std::optional(verdict.in_force->until) : std::nullopt, now);
  page.text("certificate", certificate_word(input.result)).text("certificate_class", certificate_class(verdict));
  set_days_left(page, "certificate_days", verdict.policy_not_after, now);
  set_time(page, "certificate_end", verdict.policy_not_after, now);
  page.text("tlsrpt", verdict.tlsrpt ? to_string(*verdict.tlsrpt) : "not known");
  page.text("tlsrpt_class", record_class(verdict.tlsrpt)).list("places", place_views(input.result));
  page.text("hosted_by", CheckProviders(input.result).names());
  const bool enforces = mode_in_force(verdict) == StsMode::enforce;
  page.text("deliverable_label", enforces ? "Deliverable" : "Would pass under enforce");
  set_yes_no(page, "deliverable", verdict.deliverable);
  set_time(page, "enforced_until", verdict.enforced_until, now);
  page.list("held", held_views(input, now));
}

std::string render_domain_page(const DomainPageInput& input, const PageContext& context) {
  const std::string_view state = to_string(input.judged ? input.result.verdict.state : DomainState::pending);
  View page = page_view(input.name, input.live ? "check" : "domains", context);
  page.text("name", input.name).text("state", state).text("labels", labels_text(input.labels));
  page.flag("judged", input.judged).flag("live", input.live).text("trouble", input.history.trouble);
  page.text("typed", input.live ? input.name : "").text("check_query", url_encoded(input.name));
  set_verdict(page, input);
  set_time(page, "probed", input.result.verdict.probed, context.now);
  set_fundamentals(page, input, context.now);
  set_mx_hosts(page, input, context.now);
  set_todo(page, input, context);
  set_rollout(page, input, context);
  set_evidence(page, input, context);
  set_history(page, input, context);
  return render_template("domain", page);
}

}  // namespace mtasts
