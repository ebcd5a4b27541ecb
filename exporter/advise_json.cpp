// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "exporter/advise_report.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

namespace json = boost::json;

json::string text(std::string_view from_outside) { return json::string(escape_unprintable(from_outside)); }

json::value time_json(const std::optional<UnixTime>& time) {
  return time ? json::value(time->time_since_epoch().count()) : json::value{};
}

json::array texts(const std::vector<std::string>& all) {
  json::array array;
  for (const std::string& each : all) array.push_back(text(each));
  return array;
}

json::value policy_json(const std::optional<StsPolicy>& policy) {
  if (!policy) return nullptr;
  return json::object{
      {"mode", to_string(policy->mode)}, {"max_age", policy->max_age.count()}, {"mx", texts(policy->mx)}};
}

json::value publication_json(const Publication* publication) {
  if (publication == nullptr) return nullptr;
  return json::object{{"policy", policy_json(publication->policy)},
                      {"file", publication->file},
                      {"id", publication->id},
                      {"txt", publication->txt},
                      {"record", publication->record},
                      {"dropped_mx", texts(publication->dropped)}};
}

json::value proposal_json(const std::optional<Proposal>& proposal) {
  if (!proposal) return nullptr;
  const bool possible = proposal->publication.has_value();
  return json::object{{"publication", publication_json(possible ? &*proposal->publication : nullptr)},
                      {"refusal", possible ? json::value{} : json::value(text(proposal->refusal))}};
}

json::object obstacle_json(const Obstacle& obstacle) {
  return {{"code", to_string(obstacle.kind)},
          {"blocks", obstacle.blocks},
          {"message", text(obstacle.what)},
          {"remedy", text(obstacle.remedy)},
          {"until", time_json(obstacle.until)}};
}

json::value next_json(const RolloutAdvice& advice) {
  if (!advice.next) return nullptr;
  const RolloutStep& next = *advice.next;
  return json::object{{"mode", to_string(next.mode)},
                      {"max_age", next.max_age.count()},
                      {"seconds_in_phase", next.in_phase.count()},
                      {"seconds_without_failure", next.clean.count()},
                      {"why", next.why},
                      {"proposal", advice.ready ? proposal_json(advice.proposal) : json::value{}}};
}

json::object advice_json(const DomainAdvice& result) {
  const RolloutAdvice& advice = result.advice;
  json::array obstacles;
  for (const Obstacle& obstacle : advice.obstacles) obstacles.push_back(obstacle_json(obstacle));
  return {{"domain", text(result.evidence.verdict.domain)},
          {"phase", to_string(advice.phase)},
          {"phase_since", time_json(advice.phase_since)},
          {"policy", policy_json(result.evidence.verdict.policy)},
          {"ready", advice.ready},
          {"obstacles", std::move(obstacles)},
          {"next", next_json(advice)},
          {"repair", proposal_json(advice.repair)},
          {"come_back", time_json(advice.come_back)}};
}

json::object rollback_json(const DomainAdvice& result) {
  const RollbackPlan& plan = result.rollback;
  return {{"domain", text(result.evidence.verdict.domain)},
          {"phase", to_string(plan.phase)},
          {"needed", plan.needed},
          {"done", plan.done},
          {"situation", text(plan.situation)},
          {"quicker", text(plan.quicker)},
          {"first", text(plan.first)},
          {"repair", proposal_json(plan.repair)},
          {"testing", proposal_json(plan.testing)},
          {"leave", proposal_json(plan.leave)},
          {"enforced_until",
           json::object{{"soonest", time_json(plan.bounds.soonest)}, {"latest", time_json(plan.bounds.latest)}}},
          {"leave_kept_until", time_json(plan.leave_kept_until)}};
}

template <class Render>
std::string render_all(std::span<const DomainAdvice> results, Render render) {
  json::array all;
  for (const DomainAdvice& result : results) all.push_back(render(result));
  return json::serialize(all) + "\n";
}

}  // namespace

std::string render_advice_json(std::span<const DomainAdvice> results) { return render_all(results, advice_json); }
std::string render_rollback_json(std::span<const DomainAdvice> results) { return render_all(results, rollback_json); }

}  // namespace mtasts
