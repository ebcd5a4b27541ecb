// What counts, what is kept, and what survives: the intake on a real database.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_intake.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "exporter/series.h"
#include "tests/support/cases.h"
#include "tests/support/private_postgresql.h"
#include "tests/support/report_maker.h"
#include "tests/support/report_text.h"
#include "tests/support/temporary_folder.h"

namespace mtasts::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

IntakeRules rules_for(std::vector<std::string> domains, bool accept_unauthenticated = false) {
  return {.domains = std::move(domains), .accept_unauthenticated = accept_unauthenticated};
}

std::string text_of(const ReportEntry& entry) {
  std::string text;
  for (const MetricDefinition& family : metrics_of(MetricGroup::report))
    append_report_family(text, metric_of(family), entry.domain, entry.totals);
  return text;
}

class ReportIntakeTest : public testing::Test {
 protected:
  std::unique_ptr<ReportIntake> open(IntakeRules rules = rules_for({"example.net", "example.org"})) {
    auto intake = std::make_unique<ReportIntake>(
        ReportStore::open(path_), IntakeOptions{.now = [] { return kReportNow; },
                                                .on_trouble = [this](const std::string& e) { trouble_.push_back(e); }});
    intake->set_rules(std::move(rules));
    return intake;
  }
  std::vector<ReportOutcome> outcomes(ReportIntake& intake, Delivery delivery) {
    std::vector<Delivery> one;
    one.push_back(std::move(delivery));
    std::vector<ReportOutcome> found;
    const IntakeResult result = intake.take_all(std::move(one), kReportNow).front();
    for (const TakenReport& report : result.reports) found.push_back(report.outcome);
    return found;
  }
  ReportTotals stored() { return ReportStore::open(path_).totals(); }
  std::uint64_t successful(const ReportTotals& totals) {
    const auto domain = totals.domains.find("example.org");
    if (domain == totals.domains.end() || !domain->second.sessions.contains("sts")) return 0;
    return domain->second.sessions.find("sts")->second.successful;
  }

  TemporaryFolder folder_{};
  std::string path_{folder_.file("state.db")};
  std::vector<std::string> trouble_{};
};

class ReportFilingCases : public ReportIntakeTest, public testing::WithParamInterface<Case> {
 protected:
  static Delivery delivery_of(const YAML::Node& step) {
    const auto by = step["by"].as<std::string>();
    TlsReport report = make_report("id-1", step["says"].as<std::string>() == "A" ? 10 : 1000);
    report.organization = step["from"].as<std::string>(report.organization);
    for (const auto channel : {ReportChannel::http, ReportChannel::maildir, ReportChannel::spool, ReportChannel::imap,
                               ReportChannel::ingest}) {
      if (to_string(channel) == by) return deliver(std::move(report), "", channel);
    }
    if (by == "token") return deliver(std::move(report), "", ReportChannel::http, true);
    return deliver(std::move(report), by);
  }

  void expect_filed_once() {
    const Case& expected = GetParam();
    SCOPED_TRACE(expected.where);
    const auto intake = open();
    for (const YAML::Node& step : expected.node["steps"]) {
      intake->set_rules(rules_for({"example.org"}, step["accept"].as<bool>(false)));
      const auto found = outcomes(*intake, delivery_of(step));
      ASSERT_EQ(found.size(), 1u);
      EXPECT_EQ(to_string(found.front()), step["outcome"].as<std::string>());
    }
    const ReportTotals totals = stored();
    EXPECT_EQ(successful(totals), expected.node["sessions"].as<std::uint64_t>());
    std::vector<std::string> reporters;
    const auto domain = totals.domains.find("example.org");
    if (domain != totals.domains.end()) {
      for (const auto& [reporter, end] : domain->second.last_report) reporters.push_back(reporter);
    }
    EXPECT_EQ(reporters, list_of(expected, "reporters"));
  }
};

TEST_P(ReportFilingCases, CountOnce) { expect_filed_once(); }

TEST_P(ReportFilingCases, CountOnceInPostgresql) {
  PrivatePostgresql* server = PrivatePostgresql::instance();
  if (server == nullptr) GTEST_SKIP() << "PostgreSQL is not installed";
  path_ = server->make_database();
  expect_filed_once();
}
INSTANTIATE_TEST_SUITE_P(Data, ReportFilingCases, testing::ValuesIn(load_cases("report_filing.yaml")), case_name);

TEST_F(ReportIntakeTest, EachPolicyDomainIsJudgedOnItsOwn) {
  const auto intake = open();
  TlsReport report = make_report("id", 1);
  report.policies.push_back({.type = "tlsa", .domain = "example.net", .successful = 5, .failed = 1});
  report.policies.push_back({.type = "sts", .domain = "stranger.example", .successful = 7});
  report.policies.push_back({.type = "tlsa", .domain = "example.org", .successful = 9});
  EXPECT_THAT(outcomes(*intake, deliver(report, "google.com")),
              ElementsAre(ReportOutcome::counted, ReportOutcome::counted, ReportOutcome::unknown_domain));
  intake->look();
  const ReportTotals totals = stored();
  EXPECT_EQ(totals.domains.size(), 2u);
  EXPECT_EQ(totals.domains.at("example.org").sessions.at("tlsa").successful, 9u);
  EXPECT_EQ(totals.domains.at("example.net").sessions.at("tlsa").failed, 1u);
  EXPECT_EQ(totals.outcomes, (OutcomeCounts{2, 0, 0, 0, 1, 0, 0}));
}

TEST_F(ReportIntakeTest, WhoPostsAMailIsNotWhoseDkimItShows) {
  const JudgedDelivery posted = judge_delivery(deliver(make_report("id", 1), "google.com", ReportChannel::http),
                                               rules_for({"example.org"}), kReportNow);
  ASSERT_EQ(posted.reports.size(), 1u);
  EXPECT_EQ(posted.reports[0].submitter, "@http/Example Sender");
  EXPECT_FALSE(posted.reports[0].authenticated);
  EXPECT_THAT(posted.result.reports.at(0).message, HasSubstr("the mail came by HTTP"));
  const JudgedDelivery with_token = judge_delivery(
      deliver(make_report("id", 1), "google.com", ReportChannel::http, true), rules_for({"example.org"}), kReportNow);
  EXPECT_EQ(with_token.reports.at(0).submitter, "@token/Example Sender")
      << "a token proves that it may be counted, not who sent it";
}

TEST_F(ReportIntakeTest, DomainsOfOtherShardsAreCountedAndNotShown) {
  IntakeRules rules = rules_for({"example.org"});
  rules.expects_reports = true;
  rules.counted_domains = {"example.net"};
  rules.shows_outcomes = false;
  const auto intake = open(rules);
  TlsReport report = make_report("id", 1);
  report.policies.push_back({.type = "sts", .domain = "example.net", .successful = 5});
  EXPECT_THAT(outcomes(*intake, deliver(report, "google.com")),
              ElementsAre(ReportOutcome::counted, ReportOutcome::counted));
  EXPECT_EQ(stored().domains.at("example.net").sessions.at("sts").successful, 5u);
  const ReportView view = intake->view();
  EXPECT_TRUE(view.active);
  EXPECT_FALSE(view.outcomes_shown);
  ASSERT_EQ(view.domains.size(), 1u);
  EXPECT_EQ(view.domains[0]->domain, "example.org");
}

TEST(IntakeRules, ShardsOfOneDatabaseCountForAllAndShowTheirOwn) {
  Config written{
      .domains = {{.name = "b.example"}, {.name = "a.example"}, {.name = "c.example"}, {.name = "d.example"}}};
  written.sharding.count = 2;
  std::vector<std::string> shown;
  for (const std::size_t index : {0U, 1U}) {
    written.sharding.index = index;
    written.storage.url = "";
    const IntakeRules alone = intake_rules_of(with_domain_files(written, {}));
    EXPECT_TRUE(alone.shows_outcomes);
    EXPECT_THAT(alone.counted_domains, ElementsAre()) << "nobody else would show what its own file holds";
    written.storage.url = "postgresql://db/reports";
    const IntakeRules rules = intake_rules_of(with_domain_files(written, {}));
    EXPECT_EQ(rules.domains, alone.domains);
    EXPECT_EQ(rules.shows_outcomes, index == 0);
    std::vector<std::string> counted;
    std::ranges::merge(rules.domains, rules.counted_domains, std::back_inserter(counted));
    EXPECT_THAT(counted, ElementsAre("a.example", "b.example", "c.example", "d.example"));
    shown.insert(shown.end(), rules.domains.begin(), rules.domains.end());
  }
  EXPECT_THAT(shown, testing::UnorderedElementsAre("a.example", "b.example", "c.example", "d.example"));
}

TEST_F(ReportIntakeTest, WhatStrangersFileUnderOneIdIsBounded) {
  const auto intake = open(rules_for({"example.org"}, true));
  const auto file = [&](const std::string& organization, std::uint64_t successful, const std::string& dkim) {
    TlsReport report = make_report("id", successful);
    report.organization = organization;
    return outcomes(*intake, deliver(std::move(report), dkim)).at(0);
  };
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(file("o" + std::to_string(i), 1000U + static_cast<unsigned>(i), ""), ReportOutcome::counted);
  EXPECT_EQ(file("o64", 1, ""), ReportOutcome::conflict);
  EXPECT_EQ(file("o63", 1063, ""), ReportOutcome::duplicate) << "what is known stays so";
  EXPECT_EQ(file("o64", 1, "google.com"), ReportOutcome::counted) << "whom somebody vouches for is never kept out";
}

TEST_F(ReportIntakeTest, TextsThatADatabaseRefusesAreCleaned) {
  TlsReport report = make_report(std::string{"a\0b", 3}, 1);
  report.organization = "\xff Sender";
  const JudgedDelivery judged = judge_delivery(deliver(report, ""), rules_for({"example.org"}), kReportNow);
  EXPECT_EQ(judged.reports.at(0).report_id, "a\uFFFDb");
  EXPECT_EQ(judged.reports.at(0).organization, "\uFFFD Sender");
  EXPECT_EQ(judged.reports.at(0).submitter, "@maildir/\uFFFD Sender");
}

TEST_F(ReportIntakeTest, WhatIsNoReportIsInvalidAndCounted) {
  const auto intake = open();
  const IntakeResult result = intake->take("{\"organization-name\":", {}, kReportNow);
  ASSERT_EQ(result.reports.size(), 1u);
  EXPECT_EQ(result.reports[0].outcome, ReportOutcome::invalid);
  EXPECT_NE(result.reports[0].message, "");
  EXPECT_TRUE(result.stored);
  intake->stop();
  EXPECT_EQ(stored().outcomes[static_cast<std::size_t>(ReportOutcome::invalid)], 1u);
}

TEST_F(ReportIntakeTest, ABatchIsOneTransactionOfBoundedSize) {
  const auto intake = open(rules_for({"example.org"}, true));
  int given = 0, left = 100;
  const NextInput small = [&]() -> std::optional<ArrivedInput> {
    if (left-- <= 0) return std::nullopt;
    return ArrivedInput{report_text(std::to_string(given++)), {.channel = ReportChannel::spool}};
  };
  EXPECT_EQ(intake->take_batch(small, kReportNow).size(), 64u);
  EXPECT_EQ(intake->take_batch(small, kReportNow).size(), 36u);
  EXPECT_EQ(given, 100) << "no input is asked for that is not taken";
  EXPECT_TRUE(intake->take_batch(small, kReportNow).empty());
  EXPECT_EQ(successful(stored()), 100u);

  const NextInput large = [&]() -> std::optional<ArrivedInput> {
    return ArrivedInput{report_text(std::to_string(given++)) + std::string(5u * 1024 * 1024, ' '), {}};
  };
  EXPECT_EQ(intake->take_batch(large, kReportNow).size(), 2u) << "memory stays bounded";
  std::string many = report_text("many");
  const std::string policy = R"({"policy":{"policy-type":"sts","policy-domain":"no.example"},"summary":)"
                             R"({"total-successful-session-count":1,"total-failure-session-count":0}},)";
  for (int i = 0; i < 600; ++i) {
    std::string other = policy;
    other.insert(other.find("no.example"), std::to_string(i));
    many.insert(many.find("[{") + 1, other);
  }
  EXPECT_EQ(intake->take_batch([&] { return ArrivedInput{many, {}}; }, kReportNow).size(), 2u) << "the log does too";
}

TEST_F(ReportIntakeTest, ARangeThatEndsInTheFutureEndsNowAndIsStillTheSameReport) {
  const auto intake = open();
  TlsReport report = make_report("id", 1);
  report.end = kReportNow + std::chrono::days{900};
  EXPECT_THAT(outcomes(*intake, deliver(report, "google.com")), ElementsAre(ReportOutcome::counted));
  EXPECT_EQ(stored().domains.at("example.org").last_report.at("google.com"), kReportNow);
  std::vector<Delivery> later;
  later.push_back(deliver(report, "google.com"));
  const auto again = intake->take_all(std::move(later), kReportNow + std::chrono::hours{5});
  EXPECT_EQ(again.front().reports.front().outcome, ReportOutcome::duplicate);
}

TEST_F(ReportIntakeTest, TheReporterIsWhoVouchesNeverWhoIsWritten) {
  const auto intake = open();
  TlsReport report = make_report("id", 1);
  report.organization = "Google Inc.";
  outcomes(*intake, deliver(report, "evil.example"));
  outcomes(*intake, deliver(report, "mail-noreply.google.com"));
  const auto totals = stored();
  std::vector<std::string> reporters;
  for (const auto& [reporter, end] : totals.domains.at("example.org").last_report) reporters.push_back(reporter);
  EXPECT_THAT(reporters, ElementsAre("google.com", "other"));
}

TEST_F(ReportIntakeTest, TheBoardShowsAReportAsSoonAsItIsTaken) {
  const auto intake = open();
  EXPECT_FALSE(intake->view().active) << "no way in, nothing ingested";
  outcomes(*intake, deliver(make_report("id", 7), "google.com"));
  const ReportView view = intake->view();
  EXPECT_TRUE(view.active);
  ASSERT_EQ(view.domains.size(), 2u);
  EXPECT_THAT(
      text_of(*view.domains[1]),
      HasSubstr("mtasts_tlsrpt_sessions_total{domain=\"example.org\",policy_type=\"sts\",result=\"success\"} 7\n"));
  EXPECT_THAT(text_of(*view.domains[0]),
              HasSubstr("{domain=\"example.net\",policy_type=\"sts\",result=\"success\"} 0\n"))
      << "zero from the start, so that increase() sees the first report";
}

TEST_F(ReportIntakeTest, SeriesOfARemovedDomainGoAndComeBackAsTheyWere) {
  const auto intake = open();
  outcomes(*intake, deliver(make_report("id", 7), "google.com"));
  intake->set_rules(rules_for({"example.net"}));
  ASSERT_EQ(intake->view().domains.size(), 1u);
  intake->set_rules(rules_for({"example.org"}));
  EXPECT_THAT(text_of(*intake->view().domains.front()), HasSubstr("result=\"success\"} 7\n"));
}

TEST_F(ReportIntakeTest, WhatAnotherProcessFilesShowsUp) {
  const auto daemon = open();
  outcomes(*daemon, deliver(make_report("one", 1), "google.com"));
  const auto other = open();
  outcomes(*other, deliver(make_report("two", 20), "google.com"));
  daemon->look();
  EXPECT_THAT(text_of(*daemon->view().domains[1]), HasSubstr("result=\"success\"} 21\n"));
  outcomes(*other, deliver(make_report("three", 300), "google.com"));
  outcomes(*daemon, deliver(make_report("four", 4000), "google.com"));  // without a look in between
  EXPECT_THAT(text_of(*daemon->view().domains[1]), HasSubstr("result=\"success\"} 4321\n"));
  EXPECT_EQ(successful(stored()), 4321u);
}

TEST_F(ReportIntakeTest, ManyThreadsCountEveryReportOnce) {
  const auto intake = open();
  constexpr int kThreads = 8, kReports = 50;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kReports; ++i) {
        const std::string id = std::to_string((thread / 2) * kReports + i);  // each id comes twice
        outcomes(*intake, deliver(make_report(id, 1), "google.com"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const ReportTotals totals = stored();
  EXPECT_EQ(successful(totals), kThreads / 2 * kReports);
  EXPECT_EQ(totals.outcomes, (OutcomeCounts{200, 0, 200, 0, 0, 0, 0}));
}

/// A process that may not make its files any larger sees what a full disk does.
TEST_F(ReportIntakeTest, AFullDiskRefusesAndRecovers) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const auto intake = open();
    const rlimit none{0, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &none);
    std::vector<Delivery> one;
    one.push_back(deliver(make_report("id", 1), "google.com"));
    const IntakeResult refused = intake->take_all(std::move(one), kReportNow).front();
    const bool says_so = !refused.stored && refused.reports.at(0).outcome == ReportOutcome::failed &&
                         !intake->writable() && trouble_.size() == 1;
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &all);
    intake->look();  // without a new report
    const bool recovers = intake->writable() && trouble_.size() == 2 && trouble_.back().empty();
    _exit((says_so ? 0 : 1) + (recovers ? 0 : 2));
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const auto intake = open();
  EXPECT_THAT(outcomes(*intake, deliver(make_report("id", 1), "google.com")), ElementsAre(ReportOutcome::counted));
  EXPECT_EQ(stored().outcomes[static_cast<std::size_t>(ReportOutcome::failed)], 1u);
}

/// Files reports 0, 1, 2 and so on from four threads, and writes the number of each that was acknowledged.
[[noreturn]] void file_until_killed(ReportIntake& intake, int reports, int acknowledged) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = thread; i < reports; i += 4) {
        std::vector<Delivery> one;
        one.push_back(deliver(make_report(std::to_string(i), 1), "google.com"));
        const IntakeResult result = intake.take_all(std::move(one), kReportNow).front();
        if (result.stored && write(acknowledged, &i, sizeof(i)) != sizeof(i)) _exit(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  _exit(0);
}

/// MTASTS_KILLS=200 makes a campaign of it.
TEST_F(ReportIntakeTest, WhatWasAcknowledgedIsCountedOnceAfterKills) {
  const char* asked = std::getenv("MTASTS_KILLS");
  const int kills = asked ? std::atoi(asked) : 5;
  constexpr int kReports = 10'000;
  std::set<int> acknowledged;
  for (int kill_number = 0; kill_number < kills; ++kill_number) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) file_until_killed(*open(), kReports, ends[1]);
    close(ends[1]);
    int number = 0;
    // Kills at a moment that no clock decides: after so many new acknowledgements.
    const std::size_t until = acknowledged.size() + 1 + static_cast<std::size_t>(std::rand()) % 200;
    while (acknowledged.size() < until && read(ends[0], &number, sizeof(number)) == sizeof(number))
      acknowledged.insert(number);
    kill(child, SIGKILL);
    while (read(ends[0], &number, sizeof(number)) == sizeof(number)) acknowledged.insert(number);
    close(ends[0]);
    waitpid(child, nullptr, 0);
    const std::uint64_t counted = successful(stored());
    ASSERT_GE(counted, acknowledged.size());
    ASSERT_LE(counted, acknowledged.size() + 4) << "one unacknowledged report per thread at most";
  }
  const auto intake = open();
  std::vector<Delivery> all;
  for (const int number : acknowledged) all.push_back(deliver(make_report(std::to_string(number), 1), "google.com"));
  for (const IntakeResult& result : intake->take_all(std::move(all), kReportNow))
    ASSERT_EQ(result.reports.at(0).outcome, ReportOutcome::duplicate);
}

}  // namespace
}  // namespace mtasts::test
