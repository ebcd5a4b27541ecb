// SPDX-License-Identifier: Apache-2.0
#include "probes/core/domain_history.h"

#include <algorithm>
#include <array>

namespace mtasts {
namespace {

// Peers choose the texts of a change and how many faults they have.
constexpr std::size_t kMostOctets = 1000;
constexpr std::size_t kMostStanding = 100;
// Between two probes that tell something; above the longest interval that is usual.
constexpr std::chrono::days kLongestGap{2};

std::string bounded(std::string text) {
  if (text.size() > kMostOctets) text = text.substr(0, kMostOctets) + "...";
  return text;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (text.size() > kMostOctets) break;
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

std::string policy_text(const DomainMemory& memory) {
  return bounded("id " + memory.policy_id + ", mode " + std::string(to_string(memory.policy->mode)) + ", max_age " +
                 std::to_string(memory.policy->max_age.count()) + ", mx " + joined(memory.policy->mx));
}

std::string mx_set_text(const DomainMemory& memory) {
  return memory.mx_set.empty() ? "none" : bounded(joined(memory.mx_set));
}

template <class SomeFault>
bool same_fault(const StandingFault& standing, const SomeFault& fault) {
  return standing.type == fault.type && standing.host == fault.host && standing.reason == fault.reason;
}

bool has_fault(const DomainVerdict& verdict, const StandingFault& standing) {
  return std::any_of(verdict.faults.begin(), verdict.faults.end(),
                     [&](const Fault& fault) { return same_fault(standing, fault); });
}

template <class SomeFault>
auto find_standing(std::vector<StandingFault>& standing, const SomeFault& fault) {
  return std::find_if(standing.begin(), standing.end(),
                      [&](const StandingFault& each) { return same_fault(each, fault); });
}

FaultEpisode episode_of(const StandingFault& standing, bool open) {
  return {.type = standing.type,
          .host = standing.host,
          .reason = standing.reason,
          .began = standing.since,
          .last_seen = std::max(standing.last_seen, standing.since),
          .open = open};
}

}  // namespace

std::string_view to_string(ChangeKind kind) {
  static constexpr std::array<std::string_view, 3> kNames{"policy", "policy_id", "mx_set"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::vector<DomainChange> changes_between(const DomainMemory& before, const DomainMemory& after) {
  std::vector<DomainChange> changes;
  if (before.policy && after.policy && before.policy_last_change != after.policy_last_change) {
    const bool id_alone = before.body_sha256 == after.body_sha256;
    changes.push_back({.at = *after.policy_last_change,
                       .kind = id_alone ? ChangeKind::policy_id : ChangeKind::policy,
                       .before = policy_text(before),
                       .after = policy_text(after)});
  }
  if (before.mx_set_last_change != after.mx_set_last_change) {
    changes.push_back({.at = *after.mx_set_last_change,
                       .kind = ChangeKind::mx_set,
                       .before = mx_set_text(before),
                       .after = mx_set_text(after)});
  }
  return changes;
}

UnixTime last_seen_of(const FaultEpisode& episode, const std::optional<UnixTime>& last_fault) {
  return episode.open ? std::max(episode.last_seen, last_fault.value_or(episode.last_seen)) : episode.last_seen;
}

namespace {

/// A clock that was ahead is right again: what it left behind counts as now.
void lower_times(DomainMemory& memory, UnixTime now) {
  for (auto* time : {&memory.watched_since, &memory.last_fault, &memory.last_ended, &memory.last_watched})
    if (*time) *time = std::min(**time, now);
  for (StandingFault& standing : memory.standing) standing.last_seen = std::min(standing.last_seen, now);
}

void find_last_fault(DomainMemory& memory) {
  memory.last_fault = memory.last_ended;
  for (const StandingFault& standing : memory.standing)
    memory.last_fault = std::max(memory.last_fault.value_or(standing.last_seen), standing.last_seen);
}

void end_fault(DomainMemory& memory, const StandingFault& standing, std::vector<FaultEpisode>& changed) {
  changed.push_back(episode_of(standing, false));
  memory.last_ended = std::max(memory.last_ended.value_or(standing.last_seen), standing.last_seen);
}

void see_fault(DomainMemory& memory, const Fault& fault, UnixTime now, std::vector<FaultEpisode>& changed) {
  const auto known = find_standing(memory.standing, fault);
  if (known != memory.standing.end()) {
    known->last_seen = now;
  } else if (memory.standing.size() < kMostStanding) {
    memory.standing.push_back(
        {.type = fault.type, .host = fault.host, .reason = fault.reason, .since = now, .last_seen = now});
    changed.push_back(episode_of(memory.standing.back(), true));
  }
}

}  // namespace

std::vector<FaultEpisode> note_faults(DomainMemory& memory, const DomainVerdict& verdict, UnixTime now) {
  lower_times(memory, now);
  if (!memory.last_ended && memory.standing.empty()) memory.last_ended = memory.last_fault;  // of an older memory
  const bool was_blind = memory.last_watched && now - *memory.last_watched > kLongestGap;
  if (!memory.watched_since || was_blind) memory.watched_since = now;  // time that nobody watched is not clean time
  memory.last_watched = now;
  std::vector<FaultEpisode> changed;
  const auto has_ended = [&](const StandingFault& standing) { return !has_fault(verdict, standing); };
  for (const StandingFault& standing : memory.standing)
    if (has_ended(standing)) end_fault(memory, standing, changed);
  std::erase_if(memory.standing, has_ended);
  for (const Fault& fault : verdict.faults) see_fault(memory, fault, now, changed);
  find_last_fault(memory);
  return changed;
}

RightedEpisodes put_back_faults(DomainMemory& memory, std::string_view host, const std::vector<StandingFault>& before) {
  const auto meant = [&](const StandingFault& standing) {
    return standing.host == host && standing.reason != kNotCoveredReason;
  };
  const auto is_in = [](const std::vector<StandingFault>& list, const StandingFault& standing) {
    return std::any_of(list.begin(), list.end(), [&](const StandingFault& each) {
      return same_fault(each, standing) && each.since == standing.since;
    });
  };
  RightedEpisodes righted;
  for (const StandingFault& standing : memory.standing)
    if (meant(standing) && !is_in(before, standing)) righted.never_were.push_back(episode_of(standing, true));
  std::erase_if(memory.standing,
                [&](const StandingFault& standing) { return meant(standing) && !is_in(before, standing); });
  for (const StandingFault& standing : before) {
    if (!meant(standing) || is_in(memory.standing, standing)) continue;
    memory.standing.push_back(standing);
    righted.go_on.push_back(episode_of(standing, true));
  }
  find_last_fault(memory);
  return righted;
}

}  // namespace mtasts
