// Slots come, keep their verdicts, and go.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/snapshot.h"

#include <gtest/gtest.h>

#include <iterator>
#include <map>
#include <optional>
#include <random>
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

template <class Table>
typename Table::Pointer nth(const Table& table, std::ptrdiff_t place) {
  return *std::next(table.begin(), place);
}

TEST(SnapshotStore, StartsPendingAndSorted) {
  SnapshotStore store;
  store.set_domains({{"b.example", {}}, {"a.example", {}}});
  const Snapshot snapshot = store.snapshot();
  ASSERT_EQ(snapshot.domains.size(), 2U);
  EXPECT_EQ(nth(snapshot.domains, 0)->name, "a.example");
  EXPECT_EQ(nth(snapshot.domains, 0)->verdict, nullptr);
  EXPECT_EQ(snapshot.find_domain("b.example"), nth(snapshot.domains, 1).get());
  EXPECT_EQ(snapshot.find_domain("c.example"), nullptr);
}

TEST(SnapshotStore, PublishSwapsOneSlotAndLeavesOldSnapshotsAlone) {
  SnapshotStore store;
  store.set_domains({{"a.example", {}}, {"b.example", {}}});
  const Snapshot before = store.snapshot();
  EXPECT_TRUE(store.publish(verdict_of("a.example", DomainState::ok)));
  const Snapshot after = store.snapshot();
  EXPECT_EQ(nth(before.domains, 0)->verdict, nullptr);
  EXPECT_EQ(nth(after.domains, 0)->verdict->state, DomainState::ok);
  EXPECT_EQ(nth(before.domains, 1), nth(after.domains, 1));
}

TEST(SnapshotStore, ANewSetKeepsVerdictsAndDropsTheRest) {
  SnapshotStore store;
  store.set_domains({{"a.example", {}}, {"b.example", {}}});
  store.publish(verdict_of("a.example", DomainState::failing));
  store.set_domains({{"a.example", {{"team", "x"}}}, {"c.example", {}}});
  const Snapshot snapshot = store.snapshot();
  ASSERT_EQ(snapshot.domains.size(), 2U);
  EXPECT_EQ(nth(snapshot.domains, 0)->verdict->state, DomainState::failing);
  EXPECT_EQ(nth(snapshot.domains, 0)->labels.at("team"), "x");
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
  EXPECT_NE(nth(snapshot.mx_hosts, 0)->verdict, nullptr);
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
  EXPECT_EQ(nth(one.mx_hosts, 0)->host, "mx2.example");
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
  EXPECT_EQ(nth(store.snapshot().domains, 0)->labels.at("n"), "199");
  EXPECT_NE(nth(store.snapshot().domains, 0)->verdict, nullptr);
}

struct Numbered {
  std::string name{};
  int number{};
};
using Numbers = SlotTable<Numbered, &Numbered::name>;

void expect_same(const Numbers& table, const std::map<std::string, int>& model) {
  ASSERT_EQ(table.size(), model.size());
  auto expected = model.begin();
  for (const auto& entry : table) {
    EXPECT_EQ(entry->name, expected->first);
    EXPECT_EQ(entry->number, expected->second);
    ++expected;
  }
  EXPECT_EQ(expected, model.end());
}

TEST(SlotTable, HoldsWhatAMapHolds) {
  std::mt19937 random(7);
  Numbers table;
  std::map<std::string, int> model;
  Numbers copy;
  std::map<std::string, int> copied;
  for (int step = 0; step < 20000; ++step) {
    const std::string number = std::to_string(random() % 1000);
    const std::string name = random() % 2 == 0 ? number : "a-beginning-that-many-share-" + number;
    if (random() % 3 == 0) {
      table.erase(name);
      model.erase(name);
    } else {
      table.put(std::make_shared<const Numbered>(Numbered{name, step}));
      model[name] = step;
    }
    ASSERT_EQ(table.find(name) != nullptr, model.contains(name)) << name;
    if (step % 3000 == 0) {  // some copies end before the next, so that blocks are theirs alone again
      copy = table;
      copied = model;
    }
  }
  expect_same(table, model);
  expect_same(copy, copied);
  for (const auto& [name, number] : std::map(model)) {
    table.erase(name);
    EXPECT_EQ(table.find(name), nullptr);
  }
  expect_same(table, {});
}

TEST(SlotTable, UpdatesInPlaceUnlessACopyLooks) {
  Numbers table;
  for (int i = 0; i < 300; ++i) table.put(std::make_shared<const Numbered>(Numbered{std::to_string(i), i}));
  const auto next = [](const Numbered& old) {
    return std::make_shared<const Numbered>(Numbered{old.name, old.number + 1000});
  };
  EXPECT_EQ(table.update("no such", next), nullptr);
  EXPECT_EQ(table.update("7", next)->number, 7);
  {
    const Numbers copy = table;
    EXPECT_EQ(table.update("7", next)->number, 1007);
    EXPECT_EQ(copy.find("7")->number, 1007);
  }
  EXPECT_EQ(table.update("7", next)->number, 2007);
  EXPECT_EQ(table.find("7")->number, 3007);
  EXPECT_EQ(table.size(), 300U);
  const auto breaks = [](const Numbered&) -> Numbers::Pointer { throw std::bad_alloc(); };
  EXPECT_THROW(table.update("7", breaks), std::bad_alloc);
  EXPECT_EQ(table.find("7")->number, 3007);
}

/// The sum of a block's numbers, which readers leave there and changes must keep right.
struct Sum {
  void replaced(const Numbered& before, const Numbered& after) {
    if (kept) *kept += after.number - before.number;
  }
  void clear() { kept = std::nullopt; }
  mutable std::optional<int> kept{};
};

TEST(SlotTable, AMemoHearsOfEveryChangeOfItsBlock) {
  using Summed = SlotTable<Numbered, &Numbered::name, Sum>;
  std::mt19937 random(3);
  Summed table;
  Summed copy;
  for (int step = 0; step < 5000; ++step) {
    const std::string name = std::to_string(random() % 2000);
    if (random() % 3 == 0) {
      table.erase(name);
    } else {
      table.put(std::make_shared<const Numbered>(Numbered{name, step}));
    }
    for (const Summed* one : {&table, &copy}) {
      for (std::size_t i = 0; i < one->blocks(); ++i) {
        const auto& block = one->block(i);
        int sum = 0;
        for (const auto& entry : block.entries) sum += entry->number;
        if (!block.memo.kept) block.memo.kept = sum;
        ASSERT_EQ(block.memo.kept, sum) << "step " << step;
      }
    }
    if (step % 10 == 0) copy = table;
  }
}

TEST(SlotTable, IsMadeOfASortedList) {
  for (const std::size_t size : {0, 1, 63, 64, 65, 127, 128, 129, 1000}) {
    std::map<std::string, int> model;
    for (std::size_t i = 0; i < size; ++i) model[std::to_string(i)] = static_cast<int>(i);
    std::vector<Numbers::Pointer> sorted;
    for (const auto& [name, number] : model) sorted.push_back(std::make_shared<const Numbered>(Numbered{name, number}));
    const Numbers table(sorted);
    expect_same(table, model);
    for (const auto& [name, number] : model) EXPECT_EQ(table.find(name)->number, number);
    EXPECT_EQ(table.find("none"), nullptr);
  }
}

}  // namespace
}  // namespace mtasts
