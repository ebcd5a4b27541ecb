// SPDX-License-Identifier: Apache-2.0
#include "exporter/schedule.h"

#include <algorithm>
#include <vector>

namespace mtasts {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPassStep{25};  // 40 first starts a second at most, unless the interval is too short
constexpr milliseconds kShort{1000};        // a pass that takes no longer is none
constexpr int kJitterShare = 40;            // of the interval

/// How far a start may lie behind its place.
milliseconds jitter(milliseconds interval) { return interval / kJitterShare; }

/// From a place to the next.
milliseconds period(milliseconds interval) { return interval - jitter(interval); }

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

bool Schedule::is_retried(const Entry& entry) {
  return entry.outcome == ProbeOutcome::unknown ||
         (entry.outcome == ProbeOutcome::failed && entry.failures <= kQuickRetries);
}

/// Time from a start to the next. Between ordinary ones lies a period; each start is late by a jitter of its round, so
/// the time between two is 95 to 100% of an interval, and keys never stray from their places.
milliseconds Schedule::pause_after(const Entry& entry) const {
  if (is_retried(entry)) return std::min(intervals_.retry_interval, intervals_.interval);
  const milliseconds most = jitter(intervals_.interval);
  const milliseconds now_late = part_of(most, hash(*entry.key, entry.round));
  const milliseconds then_late = part_of(most, hash(*entry.key, entry.round + 1));
  if (entry.spread == Spread::in_pass) return pause_after_pass(entry.start) + then_late;
  if (entry.spread == Spread::anywhere)
    return intervals_.interval - part_of(intervals_.interval / 2, hash(*entry.key, entry.round));
  return period(intervals_.interval) - now_late + then_late;
}

/// From a start in a first pass to the place of the next one: the longer the later that start was, as far as a period
/// has room, but half an interval at least.
milliseconds Schedule::pause_after_pass(ScheduleTime start) const {
  const milliseconds width = std::max(pass_.end - pass_.begin, milliseconds{1});
  const milliseconds most = period(intervals_.interval);
  const milliseconds range = std::clamp(most - width, milliseconds{0}, most - intervals_.interval / 2);
  const milliseconds place = std::clamp(start - pass_.begin, milliseconds{0}, width);
  return most - range + range * place.count() / width.count();
}

/// Gives each entry its place in a first pass that begins now, in their order. Which comes first is this process' own:
/// exporters that start together do not probe the same at the same time.
void Schedule::spread(std::span<Entry* const> entries, ScheduleTime now) {
  const auto count = static_cast<milliseconds::rep>(entries.size());
  if (count == 0) return;
  const milliseconds width = std::min(period(intervals_.interval), count * kFirstPassStep);
  if (width > kShort) {
    if (!is_in_pass(now)) pass_.begin = now;
    pass_.end = std::max(pass_.end, now + width);
  }
  const Spread spread = is_in_pass(now) ? Spread::in_pass : Spread::anywhere;
  const auto first = static_cast<milliseconds::rep>(mix(seed_) % entries.size());
  for (milliseconds::rep place = 0; place < count; ++place) {
    Entry& entry = *entries[static_cast<std::size_t>((first + place) % count)];
    entry.spread = spread;
    wait_until(entry, now + width * place / count);
  }
}

/// What the keys of a pass brought to light follows them closely, and has to follow them in the next one.
bool Schedule::is_in_pass(ScheduleTime now) const { return now <= std::max(pass_.end, pass_.found_until) + kShort; }

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
  if (entry.spread == Spread::in_pass) pass_.end = std::max(pass_.end, now);
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
  if (entry.spread == Spread::in_pass) pass_.found_until = std::max(pass_.found_until, now);
  const ScheduleTime due = again ? now : std::max(now, entry.start + pause_after(entry));
  entry.spread = again || is_retried(entry) ? Spread::anywhere : Spread::no;
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
  std::vector<Entry*> waiting;
  for (Entry& entry : waiting_) {
    if (entry.due > now) waiting.push_back(&entry);
  }
  std::vector<Entry*> overdue;
  for (Entry* entry : waiting) {
    const bool probed = entry->start != kNever;
    const ScheduleTime due =
        probed ? entry->start + pause_after(*entry) : std::min(entry->due, now + intervals.interval);
    if (due > now) {
      wait_until(*entry, due);
    } else {
      overdue.push_back(entry);
    }
  }
  spread(overdue, now);
}

}  // namespace mtasts
