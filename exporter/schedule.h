// Which domain or MX host is due when: spread, jitter and retries. Pure: the time is passed in.
// Next: schedule.cpp for the rules of spreading; the probe loop, which asks and reports back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/intrusive/set.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace mtasts {

using ScheduleTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::milliseconds>;

struct ScheduleIntervals {
  std::chrono::milliseconds interval{std::chrono::minutes{15}};
  std::chrono::milliseconds retry_interval{std::chrono::minutes{5}};  // taken as `interval` when it is longer
};

/// How a probe ended, as far as its successor cares: after both others it comes sooner. unknown is our own trouble.
enum class ProbeOutcome : std::uint8_t { ok, failed, unknown };

/// Who has failed so often in a row is looked at once per interval again.
constexpr unsigned kQuickRetries = 12;

/// One thing to probe. `age` is the time since its last probe, nullopt when it was never probed; `outcome` is how that
/// probe ended.
struct ScheduleEntry {
  std::string key{};
  std::optional<std::chrono::milliseconds> age{};
  ProbeOutcome outcome{ProbeOutcome::ok};
};

/// A key whose time has come. `key` stays valid until the key is removed and no longer running.
struct Due {
  std::string_view key{};
  ScheduleTime since{};
};

/// Every key starts once per interval, never twice at a time. How many run at once is the caller's business.
/// A key of `add` that has no past, or an overdue one, waits for its place in the first pass: N keys of one call are
/// spread over min(97.5% of an interval, N * 25 ms) in the order of the call, from any of them on. Its second start
/// comes in the second half of the interval, so that the quick first pass does not repeat as a burst; so does the first
/// start after a retry. Who comes after whom stays so from pass to pass, but for keys that were retried and nearly
/// simultaneous ones: what is kept by neighbours (BlockText) changes neighbour by neighbour. Not thread-safe.
class Schedule {
 public:
  Schedule(ScheduleIntervals intervals, std::uint64_t seed) : intervals_{intervals}, seed_{seed} {}

  /// Adds keys; one that is there already keeps its time. A single new key is due at once. A key that was removed while
  /// running is due again when that run has ended.
  void add(std::span<const ScheduleEntry> entries, ScheduleTime now);
  void add(ScheduleEntry entry, ScheduleTime now) { add(std::span{&entry, 1}, now); }

  /// Takes a key out; nothing happens for an unknown one.
  void remove(std::string_view key);

  /// The key that has been due for longest, nullopt when none is due. The same one until it is started or removed.
  std::optional<Due> next_due(ScheduleTime now) const;

  /// Says that the probe of a waiting key begins. Returns false, and does nothing, when the key is not waiting.
  bool started(std::string_view key, ScheduleTime now);

  /// Says that the probe of a key ended, and sets its next time, counted from its start.
  void finished(std::string_view key, ProbeOutcome outcome, ScheduleTime now);

  /// When the next waiting key is due (maybe in the past); nullopt when none waits.
  std::optional<ScheduleTime> wake_at() const;

  /// How late the most overdue waiting key is; zero when none is.
  std::chrono::milliseconds delay(ScheduleTime now) const;

  /// Changes the intervals. Waiting keys move to where the new intervals put them; those which that makes overdue are
  /// spread like a first pass.
  void set_intervals(ScheduleIntervals intervals, ScheduleTime now);

  std::size_t size() const { return waiting_.size() + running_ - removed_; }
  std::size_t running() const { return running_; }

 private:
  static constexpr ScheduleTime kNever = ScheduleTime::min();

  using WaitingHook = boost::intrusive::set_base_hook<boost::intrusive::optimize_size<true>>;

  enum class State : std::uint8_t { waiting, running, removed, readded };  // the last two: still running

  /// Whether the next ordinary start lies in the second half of the interval: as the first pass has it, or anywhere.
  enum class Spread : std::uint8_t { no, in_pass, anywhere };

  /// When the keys of the last call with many have their first start, or had it.
  struct Pass {
    ScheduleTime begin{kNever};
    ScheduleTime end{kNever};
    ScheduleTime found_until{kNever};  // end of a probe of theirs, which may bring other keys to light
  };

  /// One for each key, so small: what is due is found along a tree through the entries themselves.
  struct Entry : WaitingHook {
    const std::string* key{};  // that it is found by
    ScheduleTime due{};
    ScheduleTime start{kNever};  // of the last probe
    std::uint32_t round{};
    State state{State::waiting};
    ProbeOutcome outcome{ProbeOutcome::ok};
    std::uint8_t failures{};  // in a row, as far as they count
    Spread spread{Spread::no};
  };

  struct Sooner {
    bool operator()(const Entry& a, const Entry& b) const { return a.due != b.due ? a.due < b.due : *a.key < *b.key; }
  };
  struct KeyHash {
    using is_transparent = void;
    // noexcept: else a node has room for the hash
    std::size_t operator()(std::string_view key) const noexcept { return std::hash<std::string_view>{}(key); }
  };
  using Entries = std::unordered_map<std::string, Entry, KeyHash, std::equal_to<>>;
  using Waiting = boost::intrusive::set<Entry, boost::intrusive::compare<Sooner>>;

  void wait_until(Entry& entry, ScheduleTime due);
  void spread(std::span<Entry* const> entries, ScheduleTime now);
  bool is_in_pass(ScheduleTime now) const;
  static bool is_retried(const Entry& entry);
  std::chrono::milliseconds pause_after(const Entry& entry) const;
  std::chrono::milliseconds pause_after_pass(ScheduleTime start) const;
  std::uint64_t hash(std::string_view key, std::uint64_t round) const;

  ScheduleIntervals intervals_{};
  std::uint64_t seed_{};
  Entries entries_{};
  Waiting waiting_{};  // of entries_
  Pass pass_{};
  std::size_t running_{};
  std::size_t removed_{};  // of those running
};

}  // namespace mtasts
