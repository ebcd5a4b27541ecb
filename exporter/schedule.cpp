// SPDX-License-Identifier: Apache-2.0
#include "exporter/schedule.h"

#include <algorithm>
#include <functional>

namespace mtasts {
namespace {

// The first pass starts at most this many probes a second.
constexpr std::chrono::milliseconds kFirstPassPerKey{25};
// A probe starts up to this part of the interval early, so that keys of one rhythm drift apart.
constexpr double kJitter = 0.05;
// The second round comes up to this part of the interval early.
constexpr double kSecondRoundSpread = 0.5;

Schedule::Span part_of(Schedule::Span span, double part) {
  return Schedule::Span(static_cast<Schedule::Span::rep>(static_cast<double>(span.count()) * part));
}

}  // namespace

void Schedule::set_intervals(Span interval, Span retry) {
  const bool shorter = interval < interval_;
  interval_ = interval;
  retry_ = retry;
  if (!shorter) return;
  // Keys that wait for the end of a longer interval come sooner now, in the order they had.
  for (auto& [key, entry] : entries_) {
    if (!entry.running && entry.rounds > 0) wait_until(key, entry, std::min(entry.due, entry.started + interval_));
  }
}

/// A number in [0, 1) that is fixed for a key, a round and a process.
double Schedule::fraction(const std::string& key, std::uint32_t round) const {
  std::uint64_t mixed = std::hash<std::string>{}(key) ^ (seed_ + round * 0x9E3779B97F4A7C15U);
  mixed ^= mixed >> 33U;
  mixed *= 0xFF51AFD7ED558CCDU;
  mixed ^= mixed >> 33U;
  return static_cast<double>(mixed >> 11U) / static_cast<double>(1ULL << 53U);
}

void Schedule::wait_until(const std::string& key, Entry& entry, Time due) {
  waiting_.erase({entry.due, key});
  entry.due = due;
  waiting_.emplace(due, key);
}

void Schedule::add(const std::string& key, Time now, std::optional<Span> age) {
  const auto [entry, is_new] = entries_.try_emplace(key);
  if (!is_new) return;
  const bool recent = age && *age < interval_;
  if (recent) {
    entry->second.rounds = 1;
    entry->second.started = now - *age;
    return wait_until(key, entry->second, now + (interval_ - *age));
  }
  // The n-th key waits a random part of what n keys take: a single one starts at once, many are spread evenly.
  const Span window = std::min(interval_, kFirstPassPerKey * static_cast<long>(entries_.size() - 1));
  wait_until(key, entry->second, now + part_of(window, fraction(key, 0)));
}

void Schedule::remove(const std::string& key) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return;
  waiting_.erase({entry->second.due, key});
  entries_.erase(entry);
}

std::optional<std::string> Schedule::next_due(Time now) const {
  if (waiting_.empty() || waiting_.begin()->first > now) return std::nullopt;
  return waiting_.begin()->second;
}

void Schedule::started(const std::string& key, Time now) {
  Entry& entry = entries_.at(key);
  waiting_.erase({entry.due, key});
  entry.started = now;
  entry.running = true;
  ++entry.rounds;
}

void Schedule::finished(const std::string& key, bool retry, Time now) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;  // removed while its probe ran
  Entry& entry = found->second;
  entry.running = false;
  const double early = entry.rounds == 1 ? kSecondRoundSpread : kJitter;
  Time due = entry.started + interval_ - part_of(interval_, early * fraction(key, entry.rounds));
  if (retry) due = std::min(due, entry.started + retry_);
  wait_until(key, entry, std::max(due, now));
}

std::optional<Schedule::Time> Schedule::wake_at() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first;
}

Schedule::Span Schedule::delay(Time now) const {
  if (waiting_.empty() || waiting_.begin()->first > now) return Span{0};
  return std::chrono::duration_cast<Span>(now - waiting_.begin()->first);
}

}  // namespace mtasts
