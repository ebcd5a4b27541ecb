// Parts of a scrape that are kept must never show what was: every compressed scrape is compared with one that is
// written from the verdicts alone.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/block_text.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>

#include "exporter/report_board.h"
#include "exporter/snapshot.h"
#include "tests/support/scrapes.h"

namespace mtasts {
namespace {

constexpr UnixTime kStart{std::chrono::seconds{1'800'000'000}};
constexpr int kDomains = 700;  // several blocks; those of MX hosts also split

ReportView reports() {
  ReportTotals totals{.revision = 1};
  DomainReportTotals& domain = totals.domains["d7.example"];
  domain.sessions["sts"] = {410, 5};
  domain.failures[{"certificate-expired", "google.com", "mx7.example"}] = kStart;
  ReportBoard board;
  board.configure({"d7.example", "d8.example"}, true, totals);
  return board.view();
}

ScrapeInput scrape_of(const Snapshot& snapshot, UnixTime now, FamilyNames names = {}) {
  return {.snapshot = snapshot,
          .reports = reports(),
          .ready_after = std::chrono::days{14},
          .now = now,
          .names = std::move(names)};
}

std::string written(const Snapshot& snapshot, UnixTime now) { return written(scrape_of(snapshot, now)); }

std::string compressed(const Snapshot& snapshot, UnixTime now) { return compressed(scrape_of(snapshot, now)); }

std::string domain_name(unsigned i) { return "d" + std::to_string(i) + ".example"; }
std::string host_name(unsigned i) { return "mx" + std::to_string(i) + ".example"; }

/// Probes, and whoever changes the configuration, at random.
class Life {
 public:
  Life() { configure(); }

  void step() {
    now_ += std::chrono::seconds{one_of(100)};
    switch (one_of(40)) {
      case 0:
        return configure();
      case 1:
        return store.remove_mx_host(host_name(one_of(kDomains)));
      case 2:
      case 3:
        return store.add_mx_host(host_name(one_of(kDomains)));
      default:
        if (one_of(2) == 0) {
          store.publish(domain_verdict());
        } else {
          store.publish(mx_verdict());
        }
    }
  }

  [[nodiscard]] UnixTime now() const { return now_; }

  SnapshotStore store{};

 private:
  unsigned one_of(unsigned count) { return static_cast<unsigned>(random_()) % count; }
  bool rarely() { return one_of(10) == 0; }

  void configure() {
    std::vector<DomainSlot> slots;
    for (unsigned i = 0; i < kDomains; ++i) {
      if (!rarely()) slots.push_back({domain_name(i), {{"team", std::to_string(i % 3 + one_of(2))}}});
    }
    store.set_domains(std::move(slots));
    for (unsigned i = 0; i < kDomains; i += 2) store.add_mx_host(host_name(i));
  }

  DomainVerdict domain_verdict() {
    const unsigned index = one_of(kDomains);
    DomainVerdict verdict;
    verdict.domain = domain_name(index);
    verdict.state = rarely() ? DomainState::failing : DomainState::ok;
    verdict.success = verdict.state == DomainState::ok;
    verdict.probed = now_;
    verdict.record = rarely() ? RecordStatus::invalid : RecordStatus::valid;
    verdict.record_id = "id" + std::to_string(one_of(2));
    verdict.policy = StsPolicy{rarely() ? StsMode::testing : StsMode::enforce, std::chrono::days{14}, {"*.example"}};
    verdict.policy_valid = true;
    verdict.policy_not_after = kStart + std::chrono::days{30 + one_of(2)};
    verdict.policy_last_change = kStart;
    verdict.mx = {{host_name(index), 10, true, !rarely(), std::nullopt}};
    if (rarely()) verdict.faults = {{ResultType::certificate_expired, host_name(index), "expired", "IPv4"}};
    if (rarely()) verdict.findings = {{"mta-sts-missing", "a", ""}};
    if (rarely()) verdict.last_fault = now_;
    return verdict;
  }

  MxVerdict mx_verdict() {
    MxVerdict verdict;
    verdict.host = host_name(one_of(kDomains));
    verdict.probed = now_;
    verdict.ipv4 = MxFamilyVerdict{};
    verdict.ipv4->reachable = !rarely();
    if (!verdict.ipv4->reachable) verdict.ipv4->unreachable_reason = rarely() ? "timeout" : "refused";
    verdict.ipv4->not_after = kStart + std::chrono::days{one_of(2)};
    return verdict;
  }

  std::mt19937 random_{11};
  UnixTime now_{kStart};
};

TEST(BlockText, AScrapeShowsWhatIsNowWhateverHappened) {
  Life life;
  for (int scrape = 0; scrape < 60; ++scrape) {
    const int steps = scrape % 3 == 0 ? 200 : scrape % 5;  // a busy time, a few probes, or none
    for (int step = 0; step < steps; ++step) life.step();
    const Snapshot snapshot = life.store.snapshot();
    if (scrape % 2 == 0) {  // by some names first, so that some families are kept and others not
      const FamilyNames names{"mtasts_failure", "mtasts_mx_reachable", "mtasts_policy_cert_expiry_days"};
      ASSERT_EQ(compressed(scrape_of(snapshot, life.now(), names)), written(scrape_of(snapshot, life.now(), names)));
    }
    ASSERT_EQ(compressed(snapshot, life.now()), written(snapshot, life.now())) << "scrape " << scrape;
  }
}

TEST(BlockText, AnOldSnapshotStaysAsItWas) {
  Life life;
  for (int step = 0; step < 2000; ++step) life.step();
  const Snapshot before = life.store.snapshot();
  const std::string expected = written(before, life.now());
  const UnixTime then = life.now();
  for (int step = 0; step < 40; ++step) {
    life.step();
    const Snapshot now = life.store.snapshot();
    ASSERT_EQ(compressed(now, life.now()), written(now, life.now()));
    ASSERT_EQ(compressed(before, then), expected);
  }
}

TEST(BlockText, OnlyWhatAProbeChangedIsWrittenAgain) {
  SnapshotStore store;
  store.set_domains({{"a.example", {}}, {"b.example", {}}});
  DomainVerdict verdict;
  verdict.domain = "a.example";
  verdict.state = DomainState::ok;
  verdict.success = true;
  verdict.probed = kStart;
  store.publish(verdict);
  const auto part = [&store](Metric family) {
    const Snapshot snapshot = store.snapshot();
    const auto& block = snapshot.domains.block(0);
    block.memo.write(std::array{family}, block.entries);
    return block.memo.find(family);
  };
  const auto success = part(Metric::probe_success);
  const auto time = part(Metric::probe_timestamp);
  store.set_domains({{"a.example", {}}, {"b.example", {}}});
  EXPECT_EQ(part(Metric::probe_timestamp), time);
  verdict.probed = kStart + std::chrono::minutes{5};
  store.publish(verdict);
  EXPECT_EQ(part(Metric::probe_success), success);
  EXPECT_NE(part(Metric::probe_timestamp), time);
  verdict.success = false;
  store.publish(verdict);
  EXPECT_NE(part(Metric::probe_success), success);
}

TEST(BlockText, ScrapesAndProbesMayMeet) {
  Life life;
  for (int step = 0; step < 500; ++step) life.step();
  std::atomic<bool> over{};
  std::vector<std::thread> scrapes;
  for (int i = 0; i < 2; ++i) {
    scrapes.emplace_back([&] {
      do {
        const Snapshot snapshot = life.store.snapshot();
        ASSERT_EQ(compressed(snapshot, kStart), written(snapshot, kStart));
      } while (!over);
    });
  }
  for (int step = 0; step < 10'000; ++step) life.step();
  over = true;
  for (std::thread& scrape : scrapes) scrape.join();
}

}  // namespace
}  // namespace mtasts
