// Every domain of the lab, probed over real sockets: the verdict must be the one its table promises.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "exporter/live_probe.h"
#include "tests/lab/lab.h"

namespace mtasts {
namespace {

using lab::ExpectedFault;
using lab::Scenario;

// Sanitizers slow lab and prober down together: fewer domains at once then, and more time.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kSlowness = 3;
constexpr std::size_t kAtOnce = 20;
#else
constexpr int kSlowness = 1;
constexpr std::size_t kAtOnce = 1000;
#endif

/// One lab and one engine for all cases: starting them costs more than a probe.
class LabProbe : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = std::filesystem::temp_directory_path() / ("mtasts_lab_probe." + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
    lab::LabOptions options;
    options.dir = directory_.string();
    lab_ = std::make_unique<lab::Lab>(options);
  }

  static void TearDownTestSuite() {
    lab_.reset();
    std::filesystem::remove_all(directory_);
  }

  static Config config() {
    Config config;
    config.dns.servers = {{.address = *parse_ip_address("127.0.0.1"), .port = lab_->dns_port()}};
    config.dns.timeout = kSlowness * std::chrono::milliseconds(1500);
    config.dns.attempts = 2;
    config.policy.port = lab_->https_port();
    config.policy.http_port = 0;
    config.policy.timeout = kSlowness * std::chrono::seconds(3);
    config.smtp.port = lab_->smtp_port();
    config.smtp.timeout = kSlowness * std::chrono::seconds(3);
    config.smtp.helo = "probe.lab.test";
    config.tls.ca_file = (directory_ / "ca.pem").string();
    config.probe.allow_private = true;
    return config;
  }

  static bool needs_dane(const std::string& domain) {
    const auto& all = lab_->scenarios();
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.domain == domain; });
    return found != all.end() && found->require_dane;
  }

  /// Probes domains side by side, as `check` does. The order of the result is that of the input.
  static std::vector<LiveProbe> probe(const std::vector<std::string>& domains, const Config& config) {
    boost::asio::io_context io{1};
    auto engine = std::make_shared<ProbeEngine>(io, config);
    std::vector<LiveProbe> probes(domains.size());
    for (std::size_t i = 0; i < domains.size(); ++i) {
      if (i % kAtOnce == kAtOnce - 1) {
        io.run();
        io.restart();
      }
      boost::asio::co_spawn(io, observe_live(engine, domains[i], kPatient, std::nullopt),
                            [&probes, &engine, name = domains[i], i](std::exception_ptr error, LiveObservation seen) {
                              ASSERT_EQ(error, nullptr);
                              probes[i] = judge_live(*engine, {.name = name, .require_dane = needs_dane(name)}, {},
                                                     std::move(seen));
                            });
    }
    io.run();
    return probes;
  }

  inline static std::filesystem::path directory_;
  inline static std::unique_ptr<lab::Lab> lab_;
};

std::vector<ExpectedFault> faults_of(const DomainVerdict& verdict) {
  std::vector<ExpectedFault> faults;
  for (const Fault& fault : verdict.faults) {
    faults.push_back({.result_type = std::string(to_string(fault.type)), .host = fault.host, .reason = fault.reason});
  }
  return faults;
}

std::vector<std::pair<std::string, std::string>> unreachable_of(const LiveProbe& probe) {
  std::vector<std::pair<std::string, std::string>> hosts;
  for (const MxVerdict& host : probe.mx) {
    for (const auto* family : {&host.ipv4, &host.ipv6}) {
      if (*family && !(*family)->reachable) hosts.emplace_back(host.host, (*family)->unreachable_reason);
    }
  }
  return hosts;
}

using Unreachable = std::pair<std::string, std::string>;

/// Host and reason; "" in the table stands for any reason.
std::vector<testing::Matcher<Unreachable>> unreachable_matchers(const lab::Expectation& expect) {
  std::vector<testing::Matcher<Unreachable>> matchers;
  for (const auto& [host, reason] : expect.unreachable) {
    const testing::Matcher<std::string> any = testing::_;
    matchers.emplace_back(testing::Pair(host, reason.empty() ? any : testing::Matcher<std::string>(reason)));
  }
  return matchers;
}

std::vector<std::string> findings_of(const DomainVerdict& verdict) {
  std::vector<std::string> codes;
  for (const Finding& finding : verdict.findings) codes.push_back(finding.code);
  return codes;
}

/// Those about the places that reports are sent to: the table names all of them.
std::vector<std::string> about_targets(std::vector<std::string> codes) {
  std::erase_if(codes, [](const std::string& code) { return !code.starts_with("rua-"); });
  return codes;
}

std::string text_of(const std::vector<ExpectedFault>& faults) {
  std::string text;
  for (const ExpectedFault& fault : faults) text += fault.result_type + " " + fault.host + " " + fault.reason + "\n";
  return text;
}

TEST_F(LabProbe, EveryDomainGetsTheVerdictOfItsTable) {
  const std::vector<LiveProbe> probes = probe(lab_->domains(), config());
  ASSERT_EQ(probes.size(), lab_->scenarios().size());
  for (std::size_t i = 0; i < probes.size(); ++i) {
    const Scenario& scenario = lab_->scenarios()[i];
    const DomainVerdict& verdict = probes[i].verdict;
    SCOPED_TRACE(scenario.name + ": " + scenario.about + "\ngot:\n" + text_of(faults_of(verdict)));
    const lab::Expectation& expect = scenario.expect;
    if (expect.faults) {
      EXPECT_THAT(faults_of(verdict), testing::UnorderedElementsAreArray(*expect.faults));
    }
    if (expect.state) {
      EXPECT_EQ(to_string(verdict.state), *expect.state) << verdict.unknown_reason;
    }
    if (expect.success) {
      EXPECT_EQ(verdict.success, *expect.success);
    }
    if (expect.deliverable) {
      EXPECT_EQ(verdict.deliverable, *expect.deliverable);
    }
    if (expect.mode) {
      EXPECT_EQ(verdict.policy ? to_string(verdict.policy->mode) : "", *expect.mode);
    }
    if (expect.record) {
      EXPECT_EQ(verdict.record ? to_string(*verdict.record) : "", *expect.record);
    }
    if (expect.tlsrpt) {
      EXPECT_EQ(verdict.tlsrpt ? to_string(*verdict.tlsrpt) : "", *expect.tlsrpt);
    }
    EXPECT_THAT(unreachable_of(probes[i]), testing::UnorderedElementsAreArray(unreachable_matchers(expect)));
    EXPECT_THAT(findings_of(verdict), testing::IsSupersetOf(expect.findings));
    EXPECT_EQ(about_targets(findings_of(verdict)), about_targets(expect.findings));
  }
}

TEST_F(LabProbe, DnsMustNotSteerTheProberIntoPrivateNetworks) {
  Config guarded = config();
  guarded.probe.allow_private = false;
  const std::vector<LiveProbe> probes = probe({"healthy.lab.test"}, guarded);
  const DomainVerdict& verdict = probes.front().verdict;
  EXPECT_THAT(faults_of(verdict), testing::ElementsAre(ExpectedFault{"sts-policy-fetch-error",
                                                                     "mta-sts.healthy.lab.test", "address-refused"}));
  for (const auto& [host, reason] : unreachable_of(probes.front())) EXPECT_EQ(reason, "address-refused") << host;
  EXPECT_EQ(unreachable_of(probes.front()).size(), 2U);
  EXPECT_EQ(verdict.deliverable, false);
}

/// Whatever leads to an address, several of them, a CNAME or a name in another zone: the guard is where it is used.
TEST_F(LabProbe, NoDomainLeadsTheProberIntoAPrivateNetwork) {
  Config guarded = config();
  guarded.probe.allow_private = false;
  const std::uint64_t before = lab_->connections();
  const std::vector<LiveProbe> probes = probe(lab_->domains(), guarded);
  EXPECT_EQ(lab_->connections(), before);
  for (const LiveProbe& probed : probes) EXPECT_FALSE(probed.verdict.policy) << probed.verdict.domain;
}

TEST_F(LabProbe, AResolverThatIsDownSaysNothingAboutTheDomain) {
  lab_->set_dns(lab::DnsMode::silent);
  const std::vector<LiveProbe> probes = probe({"healthy.lab.test"}, config());
  lab_->set_dns(lab::DnsMode::answer);
  EXPECT_EQ(probes.front().verdict.state, DomainState::unknown);
  EXPECT_THAT(probes.front().verdict.faults, testing::IsEmpty());
  EXPECT_EQ(probes.front().verdict.record, std::nullopt);
}

}  // namespace
}  // namespace mtasts
