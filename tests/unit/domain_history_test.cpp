// SPDX-License-Identifier: Apache-2.0
#include "probes/core/domain_history.h"

#include <gtest/gtest.h>

namespace mtasts {
namespace {

using namespace std::chrono_literals;

constexpr UnixTime kNow{std::chrono::seconds{1'800'000'000}};

DomainVerdict verdict_with(std::vector<Fault> faults) {
  DomainVerdict verdict{.domain = "example.org", .state = DomainState::failing};
  verdict.faults = std::move(faults);
  return verdict;
}

const Fault kExpired{.type = ResultType::certificate_expired, .host = "mx.example.org", .reason = "expired"};
const Fault kNotFetched{
    .type = ResultType::sts_policy_fetch_error, .host = "mta-sts.example.org", .reason = "http-status"};
const Fault kNotCovered{
    .type = ResultType::validation_failure, .host = "mx.example.org", .reason = std::string(kNotCoveredReason)};

FaultEpisode episode_of(const Fault& fault, UnixTime began, UnixTime last_seen, bool open) {
  return {fault.type, fault.host, fault.reason, began, last_seen, open};
}

using Episodes = std::vector<FaultEpisode>;

TEST(NoteFaults, AnEpisodeLastsFromTheFirstVerdictThatHasItToTheLast) {
  DomainMemory memory;
  EXPECT_EQ(note_faults(memory, verdict_with({}), kNow), Episodes{});
  EXPECT_EQ(memory.watched_since, kNow);
  EXPECT_EQ(memory.last_fault, std::nullopt);
  EXPECT_EQ(note_faults(memory, verdict_with({kExpired}), kNow + 1h),
            Episodes{episode_of(kExpired, kNow + 1h, kNow + 1h, true)});
  EXPECT_EQ(note_faults(memory, verdict_with({kExpired}), kNow + 2h), Episodes{});
  EXPECT_EQ(note_faults(memory, verdict_with({kExpired, kNotFetched}), kNow + 3h),
            Episodes{episode_of(kNotFetched, kNow + 3h, kNow + 3h, true)});
  EXPECT_EQ(note_faults(memory, verdict_with({}), kNow + 4h),
            (Episodes{episode_of(kExpired, kNow + 1h, kNow + 3h, false),
                      episode_of(kNotFetched, kNow + 3h, kNow + 3h, false)}));
  EXPECT_EQ(memory.last_fault, kNow + 3h);
  EXPECT_EQ(memory.watched_since, kNow);
}

TEST(NoteFaults, TimeThatNobodyWatchedDoesNotCount) {
  DomainMemory memory;
  note_faults(memory, verdict_with({}), kNow);
  note_faults(memory, verdict_with({}), kNow + 47h);
  EXPECT_EQ(memory.watched_since, kNow);
  note_faults(memory, verdict_with({}), kNow + 100h);
  EXPECT_EQ(memory.watched_since, kNow + 100h);
}

TEST(NoteFaults, AnOlderMemorysLastFaultStays) {
  DomainMemory memory;
  memory.watched_since = kNow;
  memory.last_fault = kNow + 1h;
  note_faults(memory, verdict_with({}), kNow + 2h);
  EXPECT_EQ(memory.last_fault, kNow + 1h);
}

TEST(NoteFaults, AClockThatWasAheadIsForgiven) {
  DomainMemory memory;
  note_faults(memory, verdict_with({kExpired}), kNow + 500h);
  note_faults(memory, verdict_with({}), kNow);
  EXPECT_EQ(memory.watched_since, kNow);
  EXPECT_EQ(memory.last_fault, kNow);
}

TEST(LastSeen, OfAnOpenEpisodeIsThatOfTheLastFault) {
  EXPECT_EQ(last_seen_of(episode_of(kExpired, kNow, kNow, true), kNow + 3h), kNow + 3h);
  EXPECT_EQ(last_seen_of(episode_of(kExpired, kNow, kNow, true), std::nullopt), kNow);
  EXPECT_EQ(last_seen_of(episode_of(kExpired, kNow, kNow + 1h, false), kNow + 3h), kNow + 1h);
}

TEST(NoteFaults, AnotherReasonIsAnotherEpisode) {
  DomainMemory memory;
  note_faults(memory, verdict_with({kNotFetched}), kNow);
  Fault other = kNotFetched;
  other.reason = "timeout";
  EXPECT_EQ(note_faults(memory, verdict_with({other}), kNow + 1h),
            (Episodes{episode_of(kNotFetched, kNow, kNow, false), episode_of(other, kNow + 1h, kNow + 1h, true)}));
}

TEST(NoteFaults, WhatAPeerMakesManyIsBounded) {
  std::vector<Fault> faults(10'000, kExpired);
  for (std::size_t i = 0; i < faults.size(); ++i) faults[i].host = std::to_string(i) + ".example.org";
  DomainMemory memory;
  EXPECT_EQ(note_faults(memory, verdict_with(faults), kNow).size(), 100u);
  EXPECT_EQ(note_faults(memory, verdict_with(faults), kNow + 1h).size(), 0u);
}

TEST(PutBackFaults, OurOwnTroubleLeavesNoTrace) {
  DomainMemory memory;
  note_faults(memory, verdict_with({kNotFetched}), kNow);
  note_faults(memory, verdict_with({}), kNow + 1h);
  const std::vector<StandingFault> before = memory.standing;
  note_faults(memory, verdict_with({kExpired}), kNow + 2h);
  note_faults(memory, verdict_with({kExpired}), kNow + 3h);
  const RightedEpisodes righted = put_back_faults(memory, "mx.example.org", before);
  EXPECT_EQ(righted.never_were, Episodes{episode_of(kExpired, kNow + 2h, kNow + 3h, true)});
  EXPECT_EQ(righted.go_on, Episodes{});
  EXPECT_TRUE(memory.standing.empty());
  EXPECT_EQ(memory.last_fault, kNow);
}

TEST(PutBackFaults, WhatOthersHadMeanwhileCounts) {
  DomainMemory memory;
  note_faults(memory, verdict_with({kNotFetched, kExpired}), kNow);
  note_faults(memory, verdict_with({kExpired}), kNow + 1h);
  put_back_faults(memory, "mx.example.org", {});
  EXPECT_EQ(memory.last_fault, kNow);
}

TEST(PutBackFaults, WhatWasThereBeforeStays) {
  DomainMemory memory;
  note_faults(memory, verdict_with({kExpired}), kNow);
  const std::vector<StandingFault> before = memory.standing;
  note_faults(memory, verdict_with({kExpired, kNotCovered, kNotFetched}), kNow + 1h);
  const RightedEpisodes righted = put_back_faults(memory, "mx.example.org", before);
  EXPECT_EQ(righted.never_were, Episodes{});
  EXPECT_EQ(righted.go_on, Episodes{});
  EXPECT_EQ(memory.standing.size(), 3u);
  EXPECT_EQ(memory.last_fault, kNow + 1h);
}

TEST(PutBackFaults, AFaultThatChangedItsReasonMeanwhileGoesOn) {
  DomainMemory memory;
  note_faults(memory, verdict_with({kNotFetched}), kNow);
  const std::vector<StandingFault> before = memory.standing;
  Fault other = kNotFetched;
  other.reason = "timeout";
  note_faults(memory, verdict_with({other}), kNow + 1h);
  const RightedEpisodes righted = put_back_faults(memory, "mta-sts.example.org", before);
  EXPECT_EQ(righted.never_were, Episodes{episode_of(other, kNow + 1h, kNow + 1h, true)});
  EXPECT_EQ(righted.go_on, Episodes{episode_of(kNotFetched, kNow, kNow, true)});
  EXPECT_EQ(memory.standing, before);
  EXPECT_EQ(memory.last_fault, kNow);
  EXPECT_EQ(note_faults(memory, verdict_with({kNotFetched}), kNow + 2h), Episodes{});
}

DomainMemory memory_of(std::string id, std::string body_sha256, std::optional<UnixTime> changed) {
  DomainMemory memory;
  memory.policy = StsPolicy{.mode = StsMode::enforce, .max_age = 86400s, .mx = {"mx.example.org"}};
  memory.policy_id = std::move(id);
  memory.body_sha256 = std::move(body_sha256);
  memory.policy_last_change = changed;
  return memory;
}

TEST(ChangesBetween, WhatWasNotKnownIsNoChange) {
  EXPECT_TRUE(changes_between({}, memory_of("1", "a", std::nullopt)).empty());
  EXPECT_TRUE(changes_between(memory_of("1", "a", kNow), memory_of("1", "a", kNow)).empty());
}

TEST(ChangesBetween, APolicyAndAnId) {
  const DomainMemory before = memory_of("1", "a", std::nullopt);
  EXPECT_EQ(
      changes_between(before, memory_of("2", "a", kNow)),
      (std::vector<DomainChange>{{kNow, ChangeKind::policy_id, "id 1, mode enforce, max_age 86400, mx mx.example.org",
                                  "id 2, mode enforce, max_age 86400, mx mx.example.org"}}));
  EXPECT_EQ(changes_between(before, memory_of("2", "b", kNow)).at(0).kind, ChangeKind::policy);
}

TEST(ChangesBetween, ASetOfMxHosts) {
  DomainMemory before, after;
  before.mx_set = {"a.example", "b.example"};
  after.mx_set_last_change = kNow;
  EXPECT_EQ(changes_between(before, after),
            (std::vector<DomainChange>{{kNow, ChangeKind::mx_set, "a.example b.example", "none"}}));
}

TEST(ChangesBetween, TextsOfPeersAreBounded) {
  DomainMemory before, after;
  before.mx_set.assign(10'000, std::string(200, 'x'));
  after.mx_set_last_change = kNow;
  EXPECT_LT(changes_between(before, after).at(0).before.size(), 1100u);
}

}  // namespace
}  // namespace mtasts
