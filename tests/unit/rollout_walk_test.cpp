// One domain on its way: testing, enforce, broken, rolled back, left. Each day a probe; what the program predicted is
// compared with what a sender that caches as RFC 8461 asks would do.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "probes/core/domain_history.h"
#include "probes/core/rollback.h"
#include "probes/core/rollout.h"
#include "tests/support/observation_reader.h"
#include "tests/support/strict_yaml.h"

namespace mtasts::test {
namespace {

using std::chrono::days;
using std::chrono::seconds;

constexpr UnixTime kStart{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

/// A sender that never looks for a new id: the last policy it fetched applies until it expires. It fetches right before
/// every change.
class LazySender {
 public:
  void fetch(const StsPolicy& policy, UnixTime now) {
    if (policy.mode == StsMode::enforce) enforces_until_ = std::max(enforces_until_, now + policy.max_age);
  }
  [[nodiscard]] bool enforces(UnixTime now) const { return now < enforces_until_; }

 private:
  UnixTime enforces_until_{};
};

/// The domain example.org, its one MX host mx1.example.org, and the daemon that watches both.
class Walk {
 public:
  /// A probe a day, and what follows from it.
  void live_for(days time) {
    for (const UnixTime end = now_ + time; now_ < end; now_ += days{1}) probe();
    probe();
  }

  void publish(const Publication& files) {
    if (published_) sender.fetch(published_->policy, now_);
    published_ = files;
  }
  void withdraw() { published_.reset(); }
  void break_mx() { mx_ = "{tls: {problems: [expired]}}"; }
  void mend_mx() { mx_ = "{}"; }

  [[nodiscard]] RolloutAdvice advice() const { return advise_rollout(evidence(), {}, now_); }
  [[nodiscard]] RollbackPlan rollback() const { return plan_rollback(evidence(), {}, now_); }
  [[nodiscard]] UnixTime now() const { return now_; }
  [[nodiscard]] DomainVerdict verdict() const { return verdict_.value(); }

  /// Takes the next step, as soon as the program allows it. Returns how long that took.
  days go_on() {
    const UnixTime asked = now_;
    while (!advice().ready && now_ < asked + days{100}) live_for(days{1});
    const RolloutAdvice advised = advice();
    EXPECT_TRUE(advised.ready && advised.proposal && advised.proposal->publication);
    if (advised.proposal && advised.proposal->publication) publish(*advised.proposal->publication);
    probe();
    return std::chrono::floor<days>(now_ - asked);
  }

  LazySender sender{};

 private:
  [[nodiscard]] std::string domain_yaml() const {
    if (!published_) return "{sts: nodata, policy: {failure: [connect, refused]}}";
    YAML::Node map;
    map["sts"].push_back(published_->txt);
    map["policy"]["body"] = published_->file;
    return YAML::Dump(map);
  }

  void probe() {
    const ObservationReader reader(yaml_, now_, now_);
    const DomainObservation seen = reader.domain(YAML::Load(domain_yaml()));
    const MxVerdict mx = classify_mx_host(reader.mx_host("mx1.example.org", YAML::Load(mx_)), nullptr, {}, now_);
    memory_ = remember(memory_, seen);
    const MxVerdicts hosts{{mx.host, &mx}};
    const DomainInputs inputs{.seen = seen,
                              .memory = memory_,
                              .mx = hosts,
                              .previous = verdict_ ? &*verdict_ : nullptr,
                              .expected_mode = std::nullopt,
                              .require_dane = false,
                              .max_hosts = 32};
    verdict_ = classify_domain(inputs, {}, now_);
    note_faults(memory_, *verdict_, now_);
    if (published_) note_served();
  }

  void note_served() {
    if (served_.empty() || served_.back().id != published_->id)
      served_.push_back({published_->id, published_->policy, now_, now_});
    served_.back().last_seen = now_;
  }

  [[nodiscard]] RolloutEvidence evidence() const {
    return {.verdict = verdict_.value(),
            .memory = memory_,
            .remembered = true,
            .served = served_,
            .reports = {.expected = true, .last_report = now_ - days{1}},
            .mx_hosts = {"mx1.example.org"},
            .record_ttl = seconds{300}};
  }

  StrictYaml yaml_{"rollout_walk_test.cpp"};
  UnixTime now_{kStart};
  std::optional<Publication> published_{};
  std::string mx_{"{}"};
  DomainMemory memory_{};
  std::optional<DomainVerdict> verdict_{};
  std::vector<ServedPolicy> served_{};
};

TEST(RolloutWalk, ToStableEnforceInThePredictedTimes) {
  Walk walk;
  walk.live_for(days{20});
  EXPECT_EQ(walk.advice().phase, RolloutPhase::none);
  EXPECT_EQ(walk.go_on(), days{0}) << "testing may begin at once";
  EXPECT_EQ(walk.advice().phase, RolloutPhase::initial_testing);
  EXPECT_EQ(walk.advice().come_back, walk.now() + days{14});
  EXPECT_EQ(walk.go_on(), days{14});
  EXPECT_EQ(walk.advice().phase, RolloutPhase::advanced_testing);
  EXPECT_FALSE(walk.rollback().needed);
  EXPECT_EQ(walk.go_on(), days{7});
  EXPECT_EQ(walk.advice().phase, RolloutPhase::cautious_enforce);
  EXPECT_EQ(walk.rollback().bounds.latest, walk.now() + days{7});
  EXPECT_EQ(walk.go_on(), days{30});
  EXPECT_EQ(walk.advice().phase, RolloutPhase::stable_enforce);
  EXPECT_TRUE(walk.advice().ready);
  EXPECT_EQ(walk.rollback().bounds.latest, walk.now() + days{30});
}

TEST(RolloutWalk, AFaultInTestingTakesTheClockBack) {
  Walk walk;
  walk.live_for(days{20});
  walk.go_on();
  walk.live_for(days{10});
  walk.break_mx();
  walk.live_for(days{1});
  EXPECT_EQ(walk.advice().phase, RolloutPhase::initial_testing) << "testing is there to find faults";
  EXPECT_FALSE(walk.advice().ready);
  EXPECT_FALSE(walk.rollback().needed);
  walk.mend_mx();
  walk.live_for(days{1});
  EXPECT_EQ(walk.advice().come_back, walk.now() - days{1} + days{14});
  EXPECT_EQ(walk.go_on(), days{13}) << "a fortnight since the fault was last seen";
}

TEST(RolloutWalk, BrokenAndRolledBack) {
  Walk walk;
  walk.live_for(days{20});
  for (int step = 0; step < 3; ++step) walk.go_on();
  walk.live_for(days{10});
  ASSERT_EQ(walk.advice().phase, RolloutPhase::cautious_enforce);
  walk.break_mx();
  walk.live_for(days{1});
  EXPECT_EQ(walk.advice().phase, RolloutPhase::broken);
  EXPECT_EQ(walk.verdict().deliverable, false);
  const RollbackPlan plan = walk.rollback();
  ASSERT_TRUE(plan.needed && plan.testing.publication);
  EXPECT_EQ(plan.bounds.soonest, walk.now() + seconds{300});
  EXPECT_EQ(plan.bounds.latest, walk.now() + days{7});

  walk.publish(*plan.testing.publication);
  walk.live_for(days{1});
  EXPECT_EQ(walk.advice().phase, RolloutPhase::initial_testing) << "nothing is refused for it by new senders";
  EXPECT_EQ(walk.rollback().bounds.latest, *plan.bounds.latest) << "what was predicted stays";
  EXPECT_TRUE(walk.rollback().done);
  EXPECT_TRUE(walk.sender.enforces(*plan.bounds.latest - seconds{1}));
  EXPECT_FALSE(walk.sender.enforces(*plan.bounds.latest)) << "the slowest sender is through at the time predicted";
  walk.live_for(days{6});
  EXPECT_FALSE(walk.rollback().needed);

  walk.mend_mx();
  walk.live_for(days{1});
  EXPECT_EQ(walk.go_on(), days{13});
  EXPECT_EQ(walk.advice().phase, RolloutPhase::advanced_testing);
}

TEST(RolloutWalk, LeftWhenTheLastCopyHasExpired) {
  Walk walk;
  walk.live_for(days{20});
  for (int step = 0; step < 4; ++step) walk.go_on();
  walk.live_for(days{5});
  const RollbackPlan plan = walk.rollback();
  ASSERT_TRUE(plan.leave.publication);
  EXPECT_EQ(plan.leave_kept_until, walk.now() + days{30});
  walk.publish(*plan.leave.publication);
  walk.live_for(days{29});
  EXPECT_EQ(walk.advice().phase, RolloutPhase::leaving);
  EXPECT_FALSE(walk.advice().ready);
  EXPECT_TRUE(walk.sender.enforces(walk.now()));
  walk.live_for(days{1});
  EXPECT_TRUE(walk.advice().ready);
  EXPECT_FALSE(walk.sender.enforces(walk.now()));
  walk.withdraw();
  walk.live_for(days{1});
  EXPECT_EQ(walk.advice().phase, RolloutPhase::none);
}

}  // namespace
}  // namespace mtasts::test
