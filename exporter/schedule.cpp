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

void Schedule::wait_until(Entry& entry, ScheduleTime due) {
  if (entry.is_linked()) waiting_.erase(waiting_.iterator_to(entry));
  entry.state = State::waiting;
  entry.due = due;
  waiting_.insert(entry);
}

/// Time from a start to the next. The first ordinary pause after a quick pass (the first one, or retries) lies anywhere
/// in the second half of the interval; later ones are shortened by 0 to 5%, so nothing is ever later than `interval`.
milliseconds Schedule::pause_after(const Entry& entry) const {
  const bool fails_still = entry.outcome == ProbeOutcome::failed && entry.failures <= kQuickRetries;
  if (fails_still || entry.outcome == ProbeOutcome::unknown)
    return std::min(intervals_.retry_interval, intervals_.interval);
  const auto range = entry.spread_next ? intervals_.interval / 2 : intervals_.interval / kJitterShare;
  return intervals_.interval - part_of(range, hash(*entry.key, entry.round));
}

/// Gives each entry its place in a first pass that begins now, in hash order.
void Schedule::spread(std::span<Entry* const> entries, ScheduleTime now) {
  std::vector<std::pair<std::uint64_t, Entry*>> order;
  order.reserve(entries.size());
  for (Entry* entry : entries) order.emplace_back(hash(*entry->key, 0), entry);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, *a.second->key) < std::tie(b.first, *b.second->key);
  });
  const auto count = static_cast<milliseconds::rep>(order.size());
  const milliseconds width = std::min(intervals_.interval, count * kFirstPassStep);
  for (milliseconds::rep place = 0; place < count; ++place) {
    Entry& entry = *order[static_cast<std::size_t>(place)].second;
    entry.spread_next = true;
    wait_until(entry, now + width * place / count);
  }
}

void Schedule::add(std::span<const ScheduleEntry> entries, ScheduleTime now) {
  std::vector<Entry*> first_pass;
  first_pass.reserve(entries.size());  // an entry that is made must not be left without its time
  for (const ScheduleEntry& added : entries) {
    const auto [place, is_new] = entries_.try_emplace(added.key);
    Entry& entry = place->second;
    if (entry.state == State::removed) {
      entry.state = State::readded;
      --removed_;
    }
    if (!is_new) continue;
    entry.key = &place->first;
    entry.outcome = added.outcome;
    if (added.age) entry.start = now - *added.age;
    const ScheduleTime due = added.age ? entry.start + pause_after(entry) : now;
    wait_until(entry, due);
    if (due <= now) first_pass.push_back(&entry);
  }
  spread(first_pass, now);
}

void Schedule::remove(std::string_view key) {
  const auto place = entries_.find(key);
  if (place == entries_.end()) return;
  Entry& entry = place->second;
  if (entry.state == State::waiting) {
    waiting_.erase(waiting_.iterator_to(entry));
    entries_.erase(place);
  } else if (entry.state != State::removed) {
    entry.state = State::removed;
    ++removed_;
  }
}

std::optional<Due> Schedule::next_due(ScheduleTime now) const {
  if (waiting_.empty() || waiting_.begin()->due > now) return std::nullopt;
  return Due{*waiting_.begin()->key, waiting_.begin()->due};
}

bool Schedule::started(std::string_view key, ScheduleTime now) {
  const auto place = entries_.find(key);
  if (place == entries_.end() || place->second.state != State::waiting) return false;
  Entry& entry = place->second;
  waiting_.erase(waiting_.iterator_to(entry));
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
  if (outcome == ProbeOutcome::failed && entry.failures <= kQuickRetries) ++entry.failures;
  const ScheduleTime due = again ? now : std::max(now, entry.start + pause_after(entry));
  entry.spread_next = again || outcome != ProbeOutcome::ok;
  wait_until(entry, due);
}

std::optional<ScheduleTime> Schedule::wake_at() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->due;
}

milliseconds Schedule::delay(ScheduleTime now) const {
  return waiting_.empty() ? milliseconds{} : std::max(milliseconds{}, now - waiting_.begin()->due);
}

void Schedule::set_intervals(ScheduleIntervals intervals, ScheduleTime now) {
  intervals_ = intervals;
  std::vector<Entry*> overdue;
  for (auto& [key, entry] : entries_) {
    if (entry.state != State::waiting || entry.due <= now) continue;
    const bool probed = entry.start != kNever;
    const ScheduleTime due = probed ? entry.start + pause_after(entry) : std::min(entry.due, now + intervals.interval);
    if (due > now) {
      wait_until(entry, due);
    } else {
      overdue.push_back(&entry);
    }
  }
  spread(overdue, now);
}

}  // namespace mtasts
