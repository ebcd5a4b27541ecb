// The probe loop on the lab: what it publishes, keeps, and answers on demand.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/probe_loop.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <filesystem>
#include <future>
#include <set>

#include "tests/lab/lab.h"

namespace mtasts {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Notes what the loop wants kept, and lets a test wait for it.
class Kept {
 public:
  StateKeeper keeper() {
    return {.save_domain = [this](const DomainKeepsake& kept) { note([&] { domains_.insert(kept.verdict.domain); }); },
            .save_mx_host = [this](const MxVerdict& verdict) { note([&] { hosts_.insert(verdict.host); }); },
            .save_mx_observation = [this](const MxHostObservation&) { return take_observation(); },
            .forget_domain = [this](const std::string& domain) { note([&] { domains_.erase(domain); }); },
            .forget_mx_host = [this](const std::string& host) { note([&] { hosts_.erase(host); }); }};
  }

  bool wait_for_domains(const std::set<std::string>& wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return domains_ == wanted; });
  }
  /// Lets the first so many be refused.
  void refuse_observations(int number) { refusals_ = number; }
  bool wait_for_observation() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return observations_ > 0; });
  }
  std::set<std::string> hosts() {
    const std::scoped_lock lock(mutex_);
    return hosts_;
  }

 private:
  template <class Change>
  void note(Change change) {
    const std::scoped_lock lock(mutex_);
    change();
    changed_.notify_all();
  }

  bool take_observation() {
    bool taken = false;
    note([&] {
      taken = refusals_-- <= 0;
      if (taken) ++observations_;
    });
    return taken;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int refusals_{};
  int observations_{};
  std::set<std::string> domains_;
  std::set<std::string> hosts_;
};

class ProbeLoopTest : public testing::Test {
 protected:
  ProbeLoopTest() : directory_(std::filesystem::temp_directory_path() / ("mtasts_loop." + std::to_string(getpid()))) {
    std::filesystem::create_directories(directory_);
    lab::LabOptions options;
    options.dir = directory_.string();
    lab_ = std::make_unique<lab::Lab>(options);
  }
  ~ProbeLoopTest() override {
    lab_.reset();
    std::filesystem::remove_all(directory_);
  }

  Config config(const std::vector<std::string>& domains) const {
    Config config;
    for (const std::string& name : domains) config.domains.push_back({.name = name});
    config.probe = {.interval = 1s, .retry_interval = 1s, .timeout = 3s, .allow_private = true};
    config.dns.servers = {{.address = *parse_ip_address("127.0.0.1"), .port = lab_->dns_port()}};
    config.dns.timeout = 500ms;
    config.dns.attempts = 1;
    config.policy.port = lab_->https_port();
    config.smtp.port = lab_->smtp_port();
    config.smtp.ip_families = {IpFamily::ipv4};
    config.tls.ca_file = (directory_ / "ca.pem").string();
    return config;
  }

  LiveProbe probe_now(const std::string& domain, Milliseconds limit) {
    std::promise<LiveProbe> answered;
    loop_.probe_now({.name = domain}, limit, [&](LiveProbe probe) { answered.set_value(std::move(probe)); });
    std::future<LiveProbe> answer = answered.get_future();
    if (answer.wait_for(20s) != std::future_status::ready) throw std::runtime_error("no answer to a probe on demand");
    return answer.get();
  }

  std::filesystem::path directory_;
  std::unique_ptr<lab::Lab> lab_;
  SnapshotStore snapshots_;
  SelfMetrics self_{{.version = "test"}};
  Kept kept_;
  ProbeLoop loop_{snapshots_, self_, kept_.keeper()};
};

TEST_F(ProbeLoopTest, PublishesAndKeepsWhatItProbes) {
  const std::set<std::string> domains{"healthy.lab.test", "mx-expired.lab.test"};
  loop_.prepare(config({domains.begin(), domains.end()}))();
  loop_.start();
  ASSERT_TRUE(kept_.wait_for_domains(domains));
  const Snapshot snapshot = snapshots_.snapshot();
  ASSERT_TRUE(snapshot.find_domain("healthy.lab.test")->verdict);
  EXPECT_EQ(snapshot.find_domain("healthy.lab.test")->verdict->state, DomainState::ok);
  EXPECT_EQ(snapshot.find_domain("mx-expired.lab.test")->verdict->state, DomainState::failing);
  EXPECT_TRUE(kept_.hosts().contains("mx1.healthy.lab.test"));
}

TEST_F(ProbeLoopTest, AnObservationThatCouldNotBeKeptIsOfferedAgain) {
  kept_.refuse_observations(1);
  loop_.prepare(config({"healthy.lab.test"}))();
  loop_.start();
  EXPECT_TRUE(kept_.wait_for_observation());
}

TEST_F(ProbeLoopTest, ARemovedDomainGoesAtOnceAndItsHostsWithIt) {
  loop_.prepare(config({"healthy.lab.test", "mx-expired.lab.test"}))();
  loop_.start();
  ASSERT_TRUE(kept_.wait_for_domains({"healthy.lab.test", "mx-expired.lab.test"}));
  loop_.prepare(config({"healthy.lab.test"}))();
  ASSERT_TRUE(kept_.wait_for_domains({"healthy.lab.test"}));
  probe_now("healthy.lab.test", 10s);  // the loop has taken the configuration when it comes to this
  const Snapshot snapshot = snapshots_.snapshot();
  EXPECT_EQ(snapshot.find_domain("mx-expired.lab.test"), nullptr);
  EXPECT_EQ(snapshot.find_mx("mx1.mx-expired.lab.test"), nullptr);
  EXPECT_NE(snapshot.find_mx("mx1.healthy.lab.test"), nullptr);
}

TEST_F(ProbeLoopTest, SaysWhichShardItIs) {
  const FamilyNames shard{"mtasts_exporter_shard_index", "mtasts_exporter_shards"};
  loop_.prepare(config({}))();
  loop_.start();
  probe_now("healthy.lab.test", 10s);  // the loop has taken the configuration when it comes to this
  EXPECT_THAT(self_.render(shard), HasSubstr("\nmtasts_exporter_shard_index 0\n"));
  EXPECT_THAT(self_.render(shard), HasSubstr("\nmtasts_exporter_shards 1\n"));
  Config second_of_three = config({});
  second_of_three.sharding = {.index = 1, .count = 3};
  loop_.prepare(second_of_three)();
  probe_now("healthy.lab.test", 10s);
  EXPECT_THAT(self_.render(shard), HasSubstr("\nmtasts_exporter_shard_index 1\n"));
  EXPECT_THAT(self_.render(shard), HasSubstr("\nmtasts_exporter_shards 3\n"));
}

TEST_F(ProbeLoopTest, ABrokenTrustStoreIsRefusedBeforeAnythingChanges) {
  loop_.prepare(config({"healthy.lab.test"}))();
  loop_.start();
  ASSERT_TRUE(kept_.wait_for_domains({"healthy.lab.test"}));
  Config broken = config({});
  broken.tls.ca_file = (directory_ / "config.yaml").string();
  EXPECT_THROW(static_cast<void>(loop_.prepare(broken)), std::runtime_error);
  EXPECT_NE(snapshots_.snapshot().find_domain("healthy.lab.test"), nullptr);
}

TEST_F(ProbeLoopTest, AProbeOnDemandBringsAStrangersVerdict) {
  loop_.prepare(config({}))();
  loop_.start();
  const LiveProbe probe = probe_now("mx-expired.lab.test", 10s);
  EXPECT_EQ(probe.verdict.state, DomainState::failing);
  ASSERT_EQ(probe.mx.size(), 1U);
  EXPECT_TRUE(snapshots_.snapshot().domains.empty()) << "it is not watched for that";
}

TEST_F(ProbeLoopTest, AProbeOnDemandBlamesNobodyForTheScrapesImpatience) {
  Config patient = config({});
  patient.probe.timeout = 60s;
  patient.smtp.timeout = 60s;
  loop_.prepare(patient)();
  loop_.start();
  const LiveProbe probe = probe_now("mx-tarpit.lab.test", 3s);
  ASSERT_EQ(probe.mx.size(), 1U) << probe.verdict.unknown_reason;
  EXPECT_FALSE(probe.mx[0].known);
  EXPECT_EQ(probe.verdict.state, DomainState::unknown);
  EXPECT_EQ(probe.verdict.deliverable, std::nullopt);
}

TEST_F(ProbeLoopTest, AProbeOnDemandJudgesATarpitThatHadTheConfiguredTime) {
  Config impatient = config({});
  impatient.smtp.timeout = 500ms;
  loop_.prepare(impatient)();
  loop_.start();
  const LiveProbe probe = probe_now("mx-tarpit.lab.test", 10s);
  ASSERT_EQ(probe.mx.size(), 1U) << probe.verdict.unknown_reason;
  EXPECT_EQ(probe.mx[0].ipv4->unreachable_reason, "timeout");
  EXPECT_EQ(probe.verdict.deliverable, false);
}

TEST_F(ProbeLoopTest, WhoAsksAtOnceSharesAProbe) {
  loop_.prepare(config({}))();
  lab_->set_dns(lab::DnsMode::silent);  // so that all are there before the first has an answer
  loop_.start();
  constexpr int kAsking = 20;
  std::vector<std::promise<LiveProbe>> answered(kAsking);
  for (auto& one : answered)
    loop_.probe_now({.name = "healthy.lab.test"}, 10s, [&one](LiveProbe probe) { one.set_value(std::move(probe)); });
  probe_now("never.lab.test", 50ms);  // the loop has taken those before it
  const std::uint64_t asked = lab_->dns_queries();
  lab_->set_dns(lab::DnsMode::answer);
  for (auto& one : answered) EXPECT_EQ(one.get_future().get().verdict.domain, "healthy.lab.test");
  EXPECT_LT(lab_->dns_queries() - asked, 2U * 12) << "the questions of one probe, some of them twice";
}

TEST_F(ProbeLoopTest, SeveralThreadsSeeWhatOneSees) {
  const std::set<std::string> domains{"healthy.lab.test", "mx-expired.lab.test", "fetch-404.lab.test",
                                      "starttls-missing.lab.test"};
  const auto seen_by = [&](std::size_t threads) {
    loop_.prepare(config({}))();
    Config wanted = config({domains.begin(), domains.end()});
    wanted.probe.threads = threads;
    loop_.prepare(wanted)();
    EXPECT_TRUE(kept_.wait_for_domains(domains)) << threads;
    std::map<std::string, std::vector<Fault>> faults;
    for (const auto& entry : snapshots_.snapshot().domains) faults[entry->name] = entry->verdict->faults;
    EXPECT_EQ(probe_now("healthy.lab.test", 10s).verdict.state, DomainState::ok) << threads;
    return faults;
  };
  loop_.prepare(config({}))();
  loop_.start();
  const auto by_one = seen_by(1);
  EXPECT_EQ(by_one.size(), domains.size());
  EXPECT_THAT(by_one.at("mx-expired.lab.test"), testing::Not(testing::IsEmpty()));
  for (const std::size_t threads : {4, 2, 3}) EXPECT_EQ(seen_by(threads), by_one) << threads;
}

TEST_F(ProbeLoopTest, TooManyProbesOnDemandAreToldSo) {
  Config narrow = config({});
  narrow.probe.concurrency = 2;
  loop_.prepare(narrow)();
  lab_->set_dns(lab::DnsMode::silent);
  loop_.start();
  for (const std::string name : {"a.lab.test", "b.lab.test"}) loop_.probe_now({.name = name}, 10s, [](LiveProbe) {});
  const LiveProbe refused = probe_now("c.lab.test", 10s);
  EXPECT_TRUE(refused.overloaded);
  EXPECT_EQ(refused.verdict.state, DomainState::unknown);
  EXPECT_FALSE(probe_now("a.lab.test", 50ms).overloaded) << "it shares what is under way";
}

TEST_F(ProbeLoopTest, AProbeOnDemandAnswersEvenWhenDnsKeepsItWaiting) {
  Config patient = config({});
  patient.dns.timeout = 60s;
  loop_.prepare(patient)();
  loop_.start();
  lab_->set_dns(lab::DnsMode::silent);
  const LiveProbe probe = probe_now("healthy.lab.test", 200ms);
  EXPECT_EQ(probe.verdict.state, DomainState::unknown);
  EXPECT_THAT(probe.verdict.unknown_reason, HasSubstr("no verdict within the time"));
}

}  // namespace
}  // namespace mtasts
