// SPDX-License-Identifier: Apache-2.0
#include "exporter/on_demand.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <stop_token>
#include <vector>

namespace mtasts::test {
namespace {

using namespace std::chrono_literals;

/// Probes that end when the test says so.
class OnDemandTest : public testing::Test {
 protected:
  void ask(const std::string& domain, std::stop_token client, std::size_t most = 10) {
    probes_.ask({.name = domain}, 60s, most, std::move(client),
                [this, held = held_](const LiveProbe& probe) { answers_.push_back(probe.overloaded); });
    io_.poll();
    io_.restart();
  }
  void end_all() {
    for (const auto& done : std::exchange(running_, {})) done(LiveProbe{});
  }

  boost::asio::io_context io_{};
  std::vector<OnDemandProbes::Done> running_{};
  std::vector<bool> answers_{};  // overloaded?
  std::shared_ptr<int> held_{std::make_shared<int>()};
  OnDemandProbes probes_{io_, [this](const DomainConfig&, Milliseconds, OnDemandProbes::Done done) {
                           running_.push_back(std::move(done));
                         }};
};

TEST_F(OnDemandTest, OneProbeAnswersAllWhoAsk) {
  for (int i = 0; i < 3; ++i) ask("example.org", {});
  EXPECT_EQ(running_.size(), 1U);
  end_all();
  EXPECT_EQ(answers_, (std::vector{false, false, false}));
}

TEST_F(OnDemandTest, TooManyDomainsAreRefused) {
  ask("a.example", {}, 1);
  ask("b.example", {}, 1);
  EXPECT_EQ(answers_, std::vector{true});
}

TEST_F(OnDemandTest, WhoHasGoneIsNotAnswered) {
  std::stop_source gone;
  ask("example.org", gone.get_token());
  ask("example.org", {});
  gone.request_stop();
  end_all();
  EXPECT_EQ(answers_.size(), 1U);
}

TEST_F(OnDemandTest, WhoHasGoneIsNotRemembered) {
  std::stop_source stays;
  ask("example.org", stays.get_token());
  for (int i = 0; i < 5000; ++i) {
    std::stop_source gone;
    ask("example.org", gone.get_token());
    gone.request_stop();
    ASSERT_LT(held_.use_count(), 1100);
  }
  end_all();
  EXPECT_EQ(answers_.size(), 1U);
}

}  // namespace
}  // namespace mtasts::test
