// Slots come, keep their verdicts, and go.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/snapshot.h"

#include <gtest/gtest.h>

#include <thread>

namespace mtasts {
namespace {

DomainVerdict verdict_of(const std::string& domain, DomainState state) {
  DomainVerdict verdict;
  verdict.domain = domain;
  verdict.state = state;
  return verdict;
}

MxVerdict mx_of(const std::string& host) {
  MxVerdict verdict;
  verdict.host = host;
  return verdict;
}

TEST(SnapshotStore, StartsPendingAndSorted) {
  SnapshotStore store;
  store.set_domains({{"b.example", {}}, {"a.example", {}}});
  const Snapshot snapshot = store.snapshot();
  ASSERT_EQ(snapshot.domains.size(), 2U);
  EXPECT_EQ(snapshot.domains[0]->name, "a.example");
  EXPECT_EQ(snapshot.domains[0]->verdict, nullptr);
  EXPECT_EQ(snapshot.find_domain("b.example"), snapshot.domains[1].get());
  EXPECT_EQ(snapshot.find_domain("c.example"), nullptr);
}

TEST(SnapshotStore, PublishSwapsOneSlotAndLeavesOldSnapshotsAlone) {
  SnapshotStore store;
  store.set_domains({{"a.example", {}}, {"b.example", {}}});
  const Snapshot before = store.snapshot();
  EXPECT_TRUE(store.publish(verdict_of("a.example", DomainState::ok)));
  const Snapshot after = store.snapshot();
  EXPECT_EQ(before.domains[0]->verdict, nullptr);
  EXPECT_EQ(after.domains[0]->verdict->state, DomainState::ok);
  EXPECT_EQ(before.domains[1], after.domains[1]);
}

TEST(SnapshotStore, ANewSetKeepsVerdictsAndDropsTheRest) {
  SnapshotStore store;
  store.set_domains({{"a.example", {}}, {"b.example", {}}});
  store.publish(verdict_of("a.example", DomainState::failing));
  store.set_domains({{"a.example", {{"team", "x"}}}, {"c.example", {}}});
  const Snapshot snapshot = store.snapshot();
  ASSERT_EQ(snapshot.domains.size(), 2U);
  EXPECT_EQ(snapshot.domains[0]->verdict->state, DomainState::failing);
  EXPECT_EQ(snapshot.domains[0]->labels.at("team"), "x");
  EXPECT_FALSE(store.publish(verdict_of("b.example", DomainState::ok)));
}

TEST(SnapshotStore, MxHostsLikewise) {
  SnapshotStore store;
  for (const char* host : {"mx2.example", "mx1.example", "mx1.example"}) store.add_mx_host(host);
  EXPECT_TRUE(store.publish(mx_of("mx1.example")));
  EXPECT_FALSE(store.publish(mx_of("mx3.example")));
  store.remove_mx_host("mx2.example");
  const Snapshot snapshot = store.snapshot();
  ASSERT_EQ(snapshot.mx_hosts.size(), 1U);
  EXPECT_NE(snapshot.mx_hosts[0]->verdict, nullptr);
}

TEST(SnapshotStore, OneDomainTakesItsMxHostsAlong) {
  SnapshotStore store;
  store.set_domains({{"a.example", {}}, {"b.example", {}}});
  for (const char* host : {"mx1.example", "mx2.example"}) store.add_mx_host(host);
  DomainVerdict verdict = verdict_of("a.example", DomainState::ok);
  verdict.mx = {{"mx2.example", 10, {}, {}}};
  store.publish(verdict);
  const Snapshot one = snapshot_of_domain(store.snapshot(), "a.example");
  ASSERT_EQ(one.domains.size(), 1U);
  ASSERT_EQ(one.mx_hosts.size(), 1U);
  EXPECT_EQ(one.mx_hosts[0]->host, "mx2.example");
  EXPECT_TRUE(snapshot_of_domain(store.snapshot(), "z.example").domains.empty());
}

TEST(SnapshotStore, PublishersAndReadersMayMeet) {
  SnapshotStore store;
  store.set_domains({{"a.example", {}}});
  std::thread publisher{[&] {
    for (int i = 0; i < 200; ++i) store.publish(verdict_of("a.example", DomainState::ok));
  }};
  std::thread configurer{[&] {
    for (int i = 0; i < 200; ++i) store.set_domains({{"a.example", {{"n", std::to_string(i)}}}});
  }};
  for (int i = 0; i < 200; ++i) EXPECT_EQ(store.snapshot().domains.size(), 1U);
  publisher.join();
  configurer.join();
  EXPECT_EQ(store.snapshot().domains[0]->labels.at("n"), "199");
  EXPECT_NE(store.snapshot().domains[0]->verdict, nullptr);
}

}  // namespace
}  // namespace mtasts
