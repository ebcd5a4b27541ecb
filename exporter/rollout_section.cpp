// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "exporter/domain_advice.h"
#include "exporter/domain_sections.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

/// Every one: a policy must permit all of them. The verdict is newer than what is kept of the probe, but names no more
/// than were probed.
std::vector<std::string> mx_hosts(const CheckResult& result) {
  std::vector<std::string> hosts;
  const bool all_judged = result.verdict.mx_hosts.value_or(0) <= result.verdict.mx.size();
  if (all_judged) {
    for (const MxMembership& mx : result.verdict.mx) hosts.push_back(mx.host);
  } else {
    for (const MxRecord& record : mx_hosts_of(result.seen)) hosts.push_back(record.host);
  }
  return hosts;
}

/// What `advise` would gather, from what the page has.
RolloutEvidence evidence_of(const DomainPageInput& input) {
  RolloutEvidence evidence{.verdict = input.result.verdict,
                           .memory = input.history.memory.value_or(DomainMemory{}),
                           .remembered = input.history.memory.has_value(),
                           .reports = input.reports,
                           .record_ttl = input.result.seen.sts.lookup.ttl};
  for (const PolicyRow& row : input.history.policies)
    evidence.served.push_back({row.id, row.policy, row.first_seen, row.last_seen});
  evidence.mx_hosts = mx_hosts(input.result);
  return evidence;
}

View obstacle_view(const Obstacle& obstacle, UnixTime now) {
  View view;
  set_prose(view, "what", escape_unprintable(obstacle.what));
  set_prose(view, "remedy", escape_unprintable(obstacle.remedy));
  set_time(view, "until", obstacle.until, now);
  return view;
}

/// Faults stand above under what to do, and are not said again.
std::vector<View> obstacle_views(const RolloutAdvice& advice, bool blocking, UnixTime now) {
  std::vector<View> views;
  for (const Obstacle& obstacle : advice.obstacles) {
    if (obstacle.blocks == blocking && obstacle.kind != ObstacleKind::fault)
      views.push_back(obstacle_view(obstacle, now));
  }
  return views;
}

/// Octets for octets, but for the line ends: a page cannot show them.
std::string file_text(const Publication& files) {
  std::string text = files.file;
  std::erase(text, '\r');
  return text;
}

std::string joined(const std::vector<std::string>& patterns) {
  std::string text;
  for (const std::string& pattern : patterns) text += (text.empty() ? "" : " ") + escape_unprintable(pattern);
  return text;
}

void set_files(View& view, const Publication* files, std::string_view title, const std::string& domain) {
  if (files == nullptr) {
    view.list("files", {});  // a template would look for it further out
    return;
  }
  View part;
  part.text("title", title).text("address", "https://mta-sts." + domain + "/.well-known/mta-sts.txt");
  part.text("file", file_text(*files)).text("zone_line", files->record).text("dropped", joined(files->dropped));
  view.part("files", std::move(part));
}

void set_way_back(View& page, const DomainAdvice& all, UnixTime now) {
  const RollbackPlan& plan = all.rollback;
  if (!plan.needed) return;
  View view;
  const bool refused = !plan.done && !plan.testing.publication;
  view.text("refusal", refused ? escape_unprintable(plan.testing.refusal) : "");
  view.text("situation", escape_unprintable(plan.situation)).text("quicker", escape_unprintable(plan.quicker));
  view.text("first_of_all", escape_unprintable(plan.first));
  set_time(view, "soonest", plan.bounds.soonest, now);
  set_time(view, "latest", plan.bounds.latest, now);
  view.text("soonest_sender", kSoonestSender).text("latest_sender", kLatestSender);
  set_files(view, publication_of(all, true), "Publish, in this order", all.evidence.verdict.domain);
  view.text("command", "mtasts_exporter advise --rollback " + all.evidence.verdict.domain);
  page.part("way_back", std::move(view));
}

std::string files_title(const DomainAdvice& all) {
  return (all.advice.repair ? std::string(repair_title(all)) : "Publish for the next step") + ", in this order";
}

}  // namespace

void set_rollout(View& page, const DomainPageInput& input, const PageContext& context) {
  if (!input.judged) return;
  const DomainAdvice all = advise_domain(evidence_of(input), input.rollout, context.now);
  const RolloutAdvice& advice = all.advice;
  View view;
  view.text("phase", phase_words(advice.phase)).text("next", next_words(advice)).text("answer", answer_words(advice));
  view.text("answer_class", advice.ready ? "ok" : "");
  set_time(view, "since", advice.phase_since, context.now);
  set_time(view, "come_back", advice.come_back, context.now);
  view.text("come_back_when", advice.ready ? ", when this step has been taken" : "");
  view.flag("has_faults", !input.result.verdict.faults.empty());
  std::vector<View> against = obstacle_views(advice, true, context.now);
  std::vector<View> to_know = obstacle_views(advice, false, context.now);
  view.flag("has_against", !against.empty()).flag("has_to_know", !to_know.empty());
  view.list("against", std::move(against)).list("to_know", std::move(to_know));
  set_files(view, publication_of(all, false), files_title(all), input.name);
  set_way_back(view, all, context.now);
  page.part("rollout", std::move(view));
}

}  // namespace mtasts
