// SPDX-License-Identifier: Apache-2.0
#include "exporter/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <queue>
#include <set>
#include <vector>

namespace mtasts {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr ScheduleTime kStart{24h};
constexpr ScheduleIntervals kIntervals{.interval = 15min, .retry_interval = 5min};

std::vector<ScheduleEntry> new_entries(int count) {
  std::vector<ScheduleEntry> entries;
  for (int i = 0; i < count; ++i) entries.push_back({.key = "d" + std::to_string(i) + ".example"});
  return entries;
}

/// Plays a schedule as a loop without a concurrency bound would: every start, by key.
class Player {
 public:
  using Outcome = std::function<ProbeOutcome(std::string_view key, ScheduleTime now)>;

  Player(Schedule& schedule, milliseconds takes, Outcome outcome)
      : schedule_{schedule}, takes_{takes}, outcome_{std::move(outcome)} {}

  void play(ScheduleTime from, ScheduleTime until) {
    for (ScheduleTime now = from; now <= until; now = next_event(now)) {
      while (!running_.empty() && running_.front().first <= now) {
        schedule_.finished(running_.front().second, outcome_(running_.front().second, now), now);
        running_.pop();
      }
      while (const auto due = schedule_.next_due(now)) {
        const std::string key{due->key};
        EXPECT_TRUE(schedule_.started(key, now));
        starts[key].push_back(now);
        running_.emplace(now + takes_, key);
      }
    }
  }

  std::map<std::string, std::vector<ScheduleTime>> starts{};

 private:
  ScheduleTime next_event(ScheduleTime now) const {
    ScheduleTime next = ScheduleTime::max();
    if (const auto wake = schedule_.wake_at()) next = *wake;
    if (!running_.empty()) next = std::min(next, running_.front().first);
    return std::max(next, now + 1ms);
  }

  Schedule& schedule_;
  milliseconds takes_;
  Outcome outcome_;
  std::queue<std::pair<ScheduleTime, std::string>> running_{};  // all take equally long: in order of their end
};

ProbeOutcome always_ok(std::string_view, ScheduleTime) { return ProbeOutcome::ok; }

int most_starts_in(const Player& player, milliseconds window, ScheduleTime from, ScheduleTime until) {
  std::vector<ScheduleTime> all;
  for (const auto& [key, starts] : player.starts)
    for (const ScheduleTime start : starts)
      if (start >= from && start < until) all.push_back(start);
  std::sort(all.begin(), all.end());
  std::size_t most = 0;
  for (std::size_t first = 0, last = 0; last < all.size(); ++last) {
    while (all[last] - all[first] >= window) ++first;
    most = std::max(most, last - first + 1);
  }
  return static_cast<int>(most);
}

TEST(Schedule, ASingleKeyStartsAtOnce) {
  Schedule schedule{kIntervals, 1};
  schedule.add(ScheduleEntry{.key = "example.org"}, kStart);
  ASSERT_TRUE(schedule.next_due(kStart));
  EXPECT_EQ(schedule.next_due(kStart)->key, "example.org");
  EXPECT_EQ(schedule.size(), 1u);
}

struct FirstDueCase {
  const char* name;
  std::optional<milliseconds> age;
  ProbeOutcome outcome;
  milliseconds earliest, latest;
};

class FirstDue : public testing::TestWithParam<FirstDueCase> {};

TEST_P(FirstDue, FollowsTheAgeOfTheLastProbe) {
  Schedule schedule{kIntervals, 7};
  schedule.add({.key = "example.org", .age = GetParam().age, .outcome = GetParam().outcome}, kStart);
  EXPECT_GE(*schedule.wake_at() - kStart, GetParam().earliest);
  EXPECT_LE(*schedule.wake_at() - kStart, GetParam().latest);
}

INSTANTIATE_TEST_SUITE_P(Cases, FirstDue,
                         testing::Values(FirstDueCase{"never_probed", std::nullopt, ProbeOutcome::ok, 0ms, 0ms},
                                         FirstDueCase{"just_probed", 0ms, ProbeOutcome::ok, 14min + 15s, 15min},
                                         FirstDueCase{"ten_minutes_ago", 10min, ProbeOutcome::ok, 4min + 15s, 5min},
                                         FirstDueCase{"a_day_ago", 24h, ProbeOutcome::ok, 0ms, 0ms},
                                         FirstDueCase{"failed_a_minute_ago", 1min, ProbeOutcome::failed, 4min, 4min},
                                         FirstDueCase{"failed_ten_minutes_ago", 10min, ProbeOutcome::failed, 0ms, 0ms}),
                         [](const auto& tested) { return tested.param.name; });

TEST(Schedule, FirstPassIsNoStorm) {
  for (const int count : {1, 2, 40, 1000, 100'000}) {
    Schedule schedule{kIntervals, 3};
    schedule.add(new_entries(count), kStart);
    Player player{schedule, 1s, always_ok};
    player.play(kStart, kStart + 7min);  // before the earliest second start
    const milliseconds width = std::min<milliseconds>(count * 25ms, kIntervals.interval * 39 / 40);
    EXPECT_LE(most_starts_in(player, 1s, kStart, kStart + 7min), 1s * count / width + 2) << count;
    const auto done = static_cast<std::ptrdiff_t>(player.starts.size());
    EXPECT_GE(done, std::min<std::ptrdiff_t>(count, 7min * count / width - 1)) << count;
  }
}

TEST(Schedule, OverdueKeysAfterADayOffAreNoStormEither) {
  auto entries = new_entries(1000);
  for (auto& entry : entries) entry.age = 24h;
  Schedule schedule{kIntervals, 3};
  schedule.add(entries, kStart);
  Player player{schedule, 1s, always_ok};
  player.play(kStart, kStart + 7min);
  EXPECT_LE(most_starts_in(player, 1s, kStart, kStart + 7min), 41);
}

TEST(Schedule, EveryKeyStartsOncePerIntervalAndNeverTwiceAtATime) {
  Schedule schedule{kIntervals, 11};
  schedule.add(new_entries(500), kStart);
  Player player{schedule, 30s, always_ok};
  player.play(kStart, kStart + 6h);
  ASSERT_EQ(player.starts.size(), 500u);
  for (const auto& [key, starts] : player.starts) {
    EXPECT_GE(starts[1] - starts[0], kIntervals.interval / 2) << key;
    for (std::size_t i = 1; i < starts.size(); ++i) {
      EXPECT_LE(starts[i] - starts[i - 1], kIntervals.interval) << key;
      EXPECT_GT(starts[i] - starts[i - 1], 30s) << key;
      if (i > 1) {
        EXPECT_GE(starts[i] - starts[i - 1], kIntervals.interval * 95 / 100) << key;
      }
    }
  }
}

TEST(Schedule, TheQuickFirstPassDoesNotComeBackAsABurst) {
  Schedule schedule{kIntervals, 11};
  schedule.add(new_entries(1200), kStart);  // 30 s for the first pass
  Player player{schedule, 1s, always_ok};
  player.play(kStart, kStart + 3h);
  EXPECT_LE(most_starts_in(player, 30s, kStart + 1min, kStart + 3h), 250);  // 80 would be even, over half an interval
}

TEST(Schedule, AFirstPassOfAWholeIntervalStaysEven) {
  Schedule schedule{kIntervals, 11};
  schedule.add(new_entries(40'000), kStart);
  Player player{schedule, 1s, always_ok};
  player.play(kStart, kStart + 3h);
  EXPECT_LE(most_starts_in(player, 15s, kStart, kStart + 3h), 40'000 * 15 * 115 / 100 / 877);
}

/// Where each key stands among the starts of a round.
std::map<std::string, int> ranks(const Player& player, std::size_t round) {
  std::vector<std::pair<ScheduleTime, std::string>> starts;
  for (const auto& [key, of_key] : player.starts) starts.emplace_back(of_key.at(round), key);
  std::sort(starts.begin(), starts.end());
  std::map<std::string, int> ranks;
  for (const auto& [start, key] : starts) ranks[key] = static_cast<int>(ranks.size());
  return ranks;
}

int farthest_move(const std::map<std::string, int>& before, const std::map<std::string, int>& after) {
  int farthest = 0;
  for (const auto& [key, rank] : before) farthest = std::max(farthest, std::abs(after.at(key) - rank));
  return farthest;
}

TEST(Schedule, TheFirstPassKeepsTheOrderOfTheCallFromAnyKeyOn) {
  std::set<std::string> firsts;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Schedule schedule{kIntervals, seed};
    const auto entries = new_entries(100);
    schedule.add(entries, kStart);
    std::vector<std::string> order;
    while (const auto due = schedule.next_due(kStart + 1h)) {
      order.emplace_back(due->key);
      schedule.started(order.back(), kStart);
    }
    firsts.insert(order.front());
    const auto first = std::ranges::find(order, entries.front().key);
    ASSERT_NE(first, order.end());
    std::rotate(order.begin(), first, order.end());
    EXPECT_TRUE(std::ranges::equal(order, entries, {}, {}, &ScheduleEntry::key)) << seed;
  }
  EXPECT_GT(firsts.size(), 10U);
}

TEST(Schedule, NeighboursStayNeighboursFromPassToPass) {
  Schedule schedule{kIntervals, 11};
  schedule.add(new_entries(2000), kStart);  // 50 s for the first pass, half an interval more for the others
  // As a domain's hosts are, these are found while it is probed.
  Player player{schedule, 1s, [&](std::string_view key, ScheduleTime now) {
                  if (key.starts_with("d")) schedule.add(ScheduleEntry{.key = "mx." + std::string(key)}, now);
                  return ProbeOutcome::ok;
                }};
  player.play(kStart, kStart + 48h);
  const auto first = ranks(player, 0);
  for (std::size_t round = 1; round < 180; ++round)
    ASSERT_LE(farthest_move(first, ranks(player, round)), 4000 * 25 / 477) << round;
}

TEST(Schedule, FailedProbesAreRetriedSoonerAndSpreadAfterwards) {
  Schedule schedule{kIntervals, 5};
  schedule.add(new_entries(600), kStart);
  const ScheduleTime recovery = kStart + 1h;
  Player player{schedule, 1s, [=](std::string_view, ScheduleTime now) {
                  return now < recovery ? ProbeOutcome::failed : ProbeOutcome::ok;
                }};
  player.play(kStart, kStart + 3h);
  for (const auto& [key, starts] : player.starts)
    for (std::size_t i = 1; i < starts.size() && starts[i] < recovery; ++i)
      EXPECT_EQ(starts[i] - starts[i - 1], kIntervals.retry_interval) << key;
  EXPECT_LE(most_starts_in(player, 15s, recovery + 6min, kStart + 3h), 80);
}

TEST(Schedule, WhoKeepsFailingIsLookedAtOncePerInterval) {
  Schedule schedule{kIntervals, 1};
  schedule.add({.key = "dead.example"}, kStart);
  Player player{schedule, 1s, [](auto, auto) { return ProbeOutcome::failed; }};
  player.play(kStart, kStart + 24h);
  const auto& starts = player.starts.at("dead.example");
  for (std::size_t i = 1; i < starts.size(); ++i) {
    const auto pause = starts[i] - starts[i - 1];
    if (i <= kQuickRetries) {
      EXPECT_EQ(pause, 5min) << i;
    } else {
      EXPECT_GE(pause, 7min + 30s) << i;
    }
  }
}

TEST(Schedule, OurOwnTroubleNeverMakesAKeyWaitLonger) {
  Schedule schedule{kIntervals, 1};
  schedule.add({.key = "any.example"}, kStart);
  Player player{schedule, 1s, [](auto, auto) { return ProbeOutcome::unknown; }};
  player.play(kStart, kStart + 5h);
  EXPECT_EQ(player.starts.at("any.example").size(), 61U);
}

TEST(Schedule, AProbeLongerThanTheIntervalIsDueWhenItEnds) {
  Schedule schedule{{.interval = 10s, .retry_interval = 10s}, 5};
  schedule.add(ScheduleEntry{.key = "slow.example"}, kStart);
  ASSERT_TRUE(schedule.started("slow.example", kStart));
  EXPECT_FALSE(schedule.started("slow.example", kStart + 10s));
  EXPECT_FALSE(schedule.next_due(kStart + 1h));
  schedule.finished("slow.example", ProbeOutcome::ok, kStart + 1min);
  EXPECT_EQ(schedule.wake_at(), kStart + 1min);
}

TEST(Schedule, DelayIsThatOfTheMostOverdueKey) {
  Schedule schedule{kIntervals, 5};
  EXPECT_EQ(schedule.delay(kStart), 0ms);
  schedule.add(ScheduleEntry{.key = "a.example"}, kStart);
  schedule.add(ScheduleEntry{.key = "b.example"}, kStart + 2s);
  EXPECT_EQ(schedule.delay(kStart - 1s), 0ms);
  EXPECT_EQ(schedule.delay(kStart + 3s), 3s);
  schedule.started("a.example", kStart + 3s);
  EXPECT_EQ(schedule.delay(kStart + 3s), 1s);
}

TEST(Schedule, ARemovedKeyIsGoneEvenWhileRunning) {
  Schedule schedule{kIntervals, 5};
  schedule.add(new_entries(2), kStart);
  schedule.remove("d0.example");
  EXPECT_EQ(schedule.size(), 1u);
  ASSERT_TRUE(schedule.started("d1.example", kStart + 1s));
  schedule.remove("d1.example");
  schedule.remove("d1.example");
  EXPECT_EQ(schedule.size(), 0u);
  EXPECT_EQ(schedule.running(), 1u);
  schedule.finished("d1.example", ProbeOutcome::ok, kStart + 2s);
  EXPECT_EQ(schedule.running(), 0u);
  EXPECT_FALSE(schedule.wake_at());
}

TEST(Schedule, AKeyThatComesBackWhileRunningWaitsForThatRunToEnd) {
  Schedule schedule{kIntervals, 5};
  schedule.add(ScheduleEntry{.key = "a.example"}, kStart);
  schedule.started("a.example", kStart);
  schedule.remove("a.example");
  schedule.add(ScheduleEntry{.key = "a.example"}, kStart + 1s);
  EXPECT_EQ(schedule.size(), 1u);
  EXPECT_FALSE(schedule.next_due(kStart + 1h));
  schedule.finished("a.example", ProbeOutcome::ok, kStart + 2s);
  EXPECT_EQ(schedule.wake_at(), kStart + 2s);
}

TEST(Schedule, AddingAgainChangesNothing) {
  Schedule schedule{kIntervals, 5};
  schedule.add({.key = "a.example", .age = 1min}, kStart);
  const auto due = schedule.wake_at();
  schedule.add(ScheduleEntry{.key = "a.example"}, kStart + 1min);
  EXPECT_EQ(schedule.wake_at(), due);
  EXPECT_EQ(schedule.size(), 1u);
}

TEST(Schedule, ShorterIntervalsTakeEffectAtOnceWithoutAStorm) {
  Schedule schedule{kIntervals, 5};
  schedule.add(new_entries(1000), kStart);
  Player player{schedule, 1s, always_ok};
  player.play(kStart, kStart + 1h);
  schedule.set_intervals({.interval = 1min, .retry_interval = 1min}, kStart + 1h);
  EXPECT_EQ(schedule.delay(kStart + 1h), 0ms);
  player.play(kStart + 1h, kStart + 1h + 3min);
  EXPECT_LE(most_starts_in(player, 1s, kStart + 1h, kStart + 1h + 25s), 80);
  for (const auto& [key, starts] : player.starts) EXPECT_GE(starts.back(), kStart + 1h + 1min) << key;
}

TEST(Schedule, LongerIntervalsMoveWaitingKeysBack) {
  Schedule schedule{{.interval = 1min, .retry_interval = 1min}, 5};
  schedule.add({.key = "a.example", .age = 0ms}, kStart);
  schedule.set_intervals(kIntervals, kStart + 1s);
  EXPECT_GE(*schedule.wake_at(), kStart + 14min);
}

TEST(Schedule, TwoHundredThousandKeys) {
  Schedule schedule{kIntervals, 5};
  schedule.add(new_entries(200'000), kStart);
  Player player{schedule, 1s, always_ok};
  player.play(kStart, kStart + 16min);
  EXPECT_EQ(player.starts.size(), 200'000u);
}

}  // namespace
}  // namespace mtasts
