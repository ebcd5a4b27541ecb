// SPDX-License-Identifier: Apache-2.0
#include "exporter/schedule.h"

#include <algorithm>
#include <tuple>
#include <vector>

namespace mtasts {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPassStep{25};  // 40 first starts a second at most, unless the interval is too short
constexpr int kJitterShare = 20;            // up to a twentieth, 5%, is taken off an interval

/// splitmix64's finalizer: every bit of the input moves every bit of the output.
std::uint64_t mix(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ULL;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebULL;
  return bits ^ (bits >> 31);
}

/// A share of `range` chosen by `hash`, from zero up to all of it.
milliseconds part_of(milliseconds range, std::uint64_t hash) {
  return milliseconds{static_cast<milliseconds::rep>(hash % (static_cast<std::uint64_t>(range.count()) + 1))};
}

}  // namespace

/// FNV-1a, seeded by process and round, so that neither two exporters nor two rounds agree.
std::uint64_t Schedule::hash(std::string_view key, std::uint64_t round) const {
  std::uint64_t sum = 0xcbf29ce484222325ULL ^ mix(seed_ + round);
  for (const char octet : key) sum = (sum ^ static_cast<unsigned char>(octet)) * 0x100000001b3ULL;
  return mix(sum);
}

void Schedule::wait_until(Entries::value_type& node, ScheduleTime due) {
  auto& [key, entry] = node;
  if (entry.state == State::waiting) waiting_.erase({entry.due, key});
  entry.state = State::waiting;
  entry.due = due;
  waiting_.emplace(due, key);
}

/// Time from a start to the next. The first ordinary pause after a quick pass (the first one, or retries) lies anywhere
/// in the second half of the interval; later ones are shortened by 0 to 5%, so nothing is ever later than `interval`.
milliseconds Schedule::pause_after(const Entries::value_type& node) const {
  const auto& [key, entry] = node;
  const bool fails_still = entry.outcome == ProbeOutcome::failed && entry.failures <= kQuickRetries;
  if (fails_still || entry.outcome == ProbeOutcome::unknown)
    return std::min(intervals_.retry_interval, intervals_.interval);
  const auto range = entry.spread_next ? intervals_.interval / 2 : intervals_.interval / kJitterShare;
  return intervals_.interval - part_of(range, hash(key, entry.round));
}

/// Gives each node its place in a first pass that begins now, in hash order.
void Schedule::spread(std::span<Entries::value_type* const> nodes, ScheduleTime now) {
  std::vector<std::pair<std::uint64_t, Entries::value_type*>> order;
  order.reserve(nodes.size());
  for (auto* node : nodes) order.emplace_back(hash(node->first, 0), node);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second->first) < std::tie(b.first, b.second->first);
  });
  const auto count = static_cast<milliseconds::rep>(order.size());
  const milliseconds width = std::min(intervals_.interval, count * kFirstPassStep);
  for (milliseconds::rep place = 0; place < count; ++place) {
    auto& node = *order[static_cast<std::size_t>(place)].second;
    node.second.spread_next = true;
    wait_until(node, now + width * place / count);
  }
}

void Schedule::add(std::span<const ScheduleEntry> entries, ScheduleTime now) {
  std::vector<Entries::value_type*> first_pass;
  for (const ScheduleEntry& added : entries) {
    const auto [place, is_new] = entries_.try_emplace(added.key);
    Entry& entry = place->second;
    if (entry.state == State::removed) {
      entry.state = State::readded;
      --removed_;
    }
    if (!is_new) continue;
    entry.outcome = added.outcome;
    if (added.age) entry.start = now - *added.age;
    wait_until(*place, now);
    const ScheduleTime due = entry.start ? *entry.start + pause_after(*place) : now;
    if (due > now) {
      wait_until(*place, due);
    } else {
      first_pass.push_back(&*place);
    }
  }
  spread(first_pass, now);
}

void Schedule::remove(std::string_view key) {
  const auto place = entries_.find(key);
  if (place == entries_.end()) return;
  Entry& entry = place->second;
  if (entry.state == State::waiting) {
    waiting_.erase({entry.due, place->first});
    entries_.erase(place);
  } else if (entry.state != State::removed) {
    entry.state = State::removed;
    ++removed_;
  }
}

std::optional<Due> Schedule::next_due(ScheduleTime now) const {
  if (waiting_.empty() || waiting_.begin()->first > now) return std::nullopt;
  return Due{waiting_.begin()->second, waiting_.begin()->first};
}

bool Schedule::started(std::string_view key, ScheduleTime now) {
  const auto place = entries_.find(key);
  if (place == entries_.end() || place->second.state != State::waiting) return false;
  Entry& entry = place->second;
  waiting_.erase({entry.due, place->first});
  entry.state = State::running;
  entry.start = now;
  ++entry.round;
  ++running_;
  return true;
}

void Schedule::finished(std::string_view key, ProbeOutcome outcome, ScheduleTime now) {
  const auto place = entries_.find(key);
  if (place == entries_.end() || place->second.state == State::waiting) return;
  Entry& entry = place->second;
  --running_;
  if (entry.state == State::removed) {
    --removed_;
    entries_.erase(place);
    return;
  }
  const bool again = entry.state == State::readded;
  entry.outcome = outcome;
  if (outcome == ProbeOutcome::ok) entry.failures = 0;
  if (outcome == ProbeOutcome::failed) ++entry.failures;
  const ScheduleTime due = again ? now : std::max(now, *entry.start + pause_after(*place));
  entry.spread_next = again || outcome != ProbeOutcome::ok;
  wait_until(*place, due);
}

std::optional<ScheduleTime> Schedule::wake_at() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first;
}

milliseconds Schedule::delay(ScheduleTime now) const {
  return waiting_.empty() ? milliseconds{} : std::max(milliseconds{}, now - waiting_.begin()->first);
}

void Schedule::set_intervals(ScheduleIntervals intervals, ScheduleTime now) {
  intervals_ = intervals;
  std::vector<Entries::value_type*> overdue;
  for (auto& node : entries_) {
    Entry& entry = node.second;
    if (entry.state != State::waiting || entry.due <= now) continue;
    const ScheduleTime due =
        entry.start ? *entry.start + pause_after(node) : std::min(entry.due, now + intervals.interval);
    if (due > now) {
      wait_until(node, due);
    } else {
      overdue.push_back(&node);
    }
  }
  spread(overdue, now);
}

}  // namespace mtasts
