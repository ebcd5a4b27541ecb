// Places for reports on the lab: looked at once for many domains, and never for long.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_targets.h"

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <thread>

#include "exporter/probe_engine.h"
#include "probes/core/classify_report_target.h"
#include "probes/core/own_trouble.h"
#include "tests/lab/lab.h"

namespace mtasts {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::SizeIs;

constexpr ReportTargetTiming kUsual{.max_age = 1h, .patience = 20s};

class ReportTargetsTest : public testing::Test {
 protected:
  ReportTargetsTest()
      : directory_(std::filesystem::temp_directory_path() / ("mtasts_targets." + std::to_string(getpid()))) {
    std::filesystem::create_directories(directory_);
    lab::LabOptions options;
    options.dir = directory_.string();
    lab_ = std::make_unique<lab::Lab>(options);
    engine_ = std::make_shared<ProbeEngine>(io_, config());
  }
  ~ReportTargetsTest() override {
    lab_.reset();
    std::filesystem::remove_all(directory_);
  }

  Config config() const {
    Config config;
    config.probe.allow_private = true;
    config.dns.servers = {{.address = *parse_ip_address("127.0.0.1"), .port = lab_->dns_port()}};
    config.dns.timeout = 500ms;
    config.dns.attempts = 1;
    config.policy.port = lab_->https_port();
    config.policy.timeout = 2s;
    config.tls.ca_file = (directory_ / "ca.pem").string();
    return config;
  }

  /// Starts looking, for a probe that begins now; the result is there once run() has returned.
  std::shared_ptr<std::vector<ReportTargets::Seen>> look(std::vector<ReportTarget> targets,
                                                         ReportTargetTiming timing = kUsual) {
    auto seen = std::make_shared<std::vector<ReportTargets::Seen>>();
    asio::co_spawn(io_, ReportTargets::observe(engine_, std::move(targets), timing),
                   [seen](std::exception_ptr error, std::vector<ReportTargets::Seen> result) {
                     EXPECT_EQ(error, nullptr);
                     *seen = std::move(result);
                   });
    return seen;
  }

  /// Runs until nothing is under way.
  void run() {
    io_.run();
    io_.restart();
  }

  ReportTargets& targets() { return engine_->report_targets; }

  static ReportTarget mailbox(const std::string& host) { return {ReportTargetKind::mailbox, host + ".lab.test"}; }
  static ReportTarget https(const std::string& host) { return {ReportTargetKind::https, host + ".lab.test"}; }

  asio::io_context io_{1};
  std::filesystem::path directory_;
  std::unique_ptr<lab::Lab> lab_;
  std::shared_ptr<ProbeEngine> engine_;
};

TEST_F(ReportTargetsTest, ManyDomainsThatShareATargetHaveItLookedAtOnce) {
  std::vector<std::shared_ptr<std::vector<ReportTargets::Seen>>> seen;
  const auto asked = lab_->dns_queries();
  for (int i = 0; i < 100; ++i) seen.push_back(look({mailbox("healthy")}));
  run();
  for (int i = 0; i < 100; ++i) seen.push_back(look({mailbox("healthy")}));
  run();
  EXPECT_EQ(lab_->dns_queries() - asked, 2U);  // whether the server validates, and the question
  for (const auto& each : seen) {
    ASSERT_THAT(*each, SizeIs(1));
    EXPECT_EQ(each->front(), seen.front()->front()) << "one object serves all";
  }
}

TEST_F(ReportTargetsTest, WhatIsTooOldIsLookedAtAnew) {
  const auto first = look({mailbox("healthy")});
  run();
  const auto second = look({mailbox("healthy")}, {.max_age = 0s, .patience = 20s});
  run();
  ASSERT_THAT(*first, SizeIs(1));
  ASSERT_THAT(*second, SizeIs(1));
  EXPECT_NE(first->front(), second->front());
}

TEST_F(ReportTargetsTest, AProbeDoesNotWaitForASlowTargetAndTheNextOneProfits) {
  const std::vector<ReportTarget> wanted{mailbox("healthy"), https("mta-sts.fetch-tls-timeout")};
  const auto first = look(wanted, {.max_age = 1h, .patience = 300ms});
  run();
  ASSERT_THAT(*first, SizeIs(1));
  EXPECT_EQ(first->front()->target, wanted[0]);
  const auto second = look(wanted, {.max_age = 1h, .patience = 0s});
  run();
  ASSERT_THAT(*second, SizeIs(2));
  EXPECT_EQ((*second)[1]->attempts[0].failure->error, NetError::timeout);
}

// One dead place that all domains name must not hold up their probes again and again.
TEST_F(ReportTargetsTest, WhatWasSeenBeforeServesWhileALookIsUnderWay) {
  constexpr ReportTargetTiming kSoonOld{.max_age = 1ms, .patience = 20s};
  const auto first = look({mailbox("healthy")}, kSoonOld);
  run();
  std::this_thread::sleep_for(2ms);  // until it is old
  lab_->set_dns(lab::DnsMode::silent);
  const auto second = look({mailbox("healthy")}, kSoonOld);
  const auto waiting = look({mailbox("healthy")}, {.max_age = 0s, .patience = 20s});
  io_.poll();
  ASSERT_THAT(*second, SizeIs(1)) << "it waits";
  EXPECT_EQ(second->front(), first->front());
  EXPECT_THAT(*waiting, IsEmpty());
  run();
  ASSERT_THAT(*waiting, SizeIs(1));
  EXPECT_TRUE(lookup_failed(waiting->front()->mx.lookup));
}

TEST_F(ReportTargetsTest, AnHttpsHostIsConnectedToUpToTheFirstGoodAddress) {
  const auto good = look({https("mta-sts.two-addresses")});
  const auto second_good = look({https("mta-sts.fetch-one-address-down")});
  run();
  ASSERT_THAT(*good, SizeIs(1));
  EXPECT_THAT(good->front()->attempts, SizeIs(1));
  ASSERT_THAT(*second_good, SizeIs(1));
  EXPECT_THAT(second_good->front()->attempts, SizeIs(2));
}

TEST_F(ReportTargetsTest, PrivateAddressesAreRefusedAsForPolicyHosts) {
  Config guarded = config();
  guarded.probe.allow_private = false;
  engine_ = std::make_shared<ProbeEngine>(io_, guarded);
  const auto seen = look({https("mta-sts.healthy")});
  run();
  ASSERT_THAT(*seen, SizeIs(1));
  ASSERT_THAT(seen->front()->attempts, SizeIs(1));
  EXPECT_EQ(seen->front()->attempts[0].failure->error, NetError::address_refused);
}

TEST_F(ReportTargetsTest, AResolverThatIsDownSaysNothingOfATarget) {
  lab_->set_dns(lab::DnsMode::silent);
  const auto seen = look({mailbox("healthy"), https("mta-sts.healthy")});
  run();
  lab_->set_dns(lab::DnsMode::answer);
  DomainObservation domain{.domain = "example.org", .report_targets = *seen};
  domain.mx.lookup.status = DnsStatus::answered;
  domain.mx.records = {{10, "mx.example.org"}};
  for (const auto& target : {mailbox("healthy"), https("mta-sts.healthy")})
    EXPECT_EQ(classify_report_target(target, domain).takes_reports, std::nullopt);
}

TEST_F(ReportTargetsTest, TheTableIsBounded) {
  for (std::size_t i = 0; i <= ReportTargets::kMostHeld; ++i) look({mailbox("healthy.d" + std::to_string(i))});
  run();
  EXPECT_LE(targets().held(), ReportTargets::kMostHeld);
  EXPECT_GE(targets().held(), 1U);
}

TEST_F(ReportTargetsTest, WhatWasSilentIsForgottenAndTheRestIsKept) {
  look({mailbox("healthy"), https("mta-sts.fetch-connect-timeout"), https("mta-sts.fetch-connect-refused")});
  run();
  ASSERT_EQ(targets().held(), 3U);
  targets().forget_silent();
  EXPECT_EQ(targets().held(), 2U);
}

}  // namespace
}  // namespace mtasts
