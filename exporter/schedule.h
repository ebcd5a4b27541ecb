// Who is due when: pure bookkeeping, times are passed in.
// Next: probe_loop.h, which asks it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

namespace mtasts {

/// A schedule of keys (domains and MX hosts). A key is never due again while its probe runs. The first pass is spread,
/// so that a start is no storm; the second is spread over half the interval, so that a quick first pass does not come
/// back as a burst for ever; from then on each key keeps its own rhythm, a little early by a jitter of its own.
class Schedule {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Span = std::chrono::milliseconds;

  /// Input: `seed` makes the jitter of two processes differ.
  explicit Schedule(std::uint64_t seed) : seed_(seed) {}

  /// Input: `retry` is how long after the start of a probe that did not go well the next one starts.
  void set_intervals(Span interval, Span retry);

  /// Adds a key; nothing happens if it is there. Input: `age` is how long ago it was probed last, if ever.
  void add(const std::string& key, Time now, std::optional<Span> age);
  void remove(const std::string& key);

  /// The key that has waited longest of those due at `now`; stays due until started() is called.
  [[nodiscard]] std::optional<std::string> next_due(Time now) const;
  void started(const std::string& key, Time now);
  /// Input: `retry` asks for the short interval.
  void finished(const std::string& key, bool retry, Time now);

  /// When the next key becomes due, nullopt when none waits.
  [[nodiscard]] std::optional<Time> wake_at() const;
  /// How late the most overdue waiting key is, 0 when none is.
  [[nodiscard]] Span delay(Time now) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Time due{};
    Time started{};
    bool running{};
    std::uint32_t rounds{};
  };

  [[nodiscard]] double fraction(const std::string& key, std::uint32_t round) const;
  void wait_until(const std::string& key, Entry& entry, Time due);

  std::uint64_t seed_;
  Span interval_{std::chrono::minutes{15}};
  Span retry_{std::chrono::minutes{5}};
  std::unordered_map<std::string, Entry> entries_;
  std::set<std::pair<Time, std::string>> waiting_;
};

}  // namespace mtasts
