// The exposition: golden files for hand-built verdicts, the rules of absence, escaping, and the generated page.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "exporter/exposition.h"

namespace mtasts {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr UnixTime kNow{std::chrono::seconds{1'800'000'000}};
constexpr std::chrono::seconds kReadyAfter = std::chrono::days{14};

std::string read_file(const std::string& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// Compares with a file of tests/data/metrics; `MTASTS_UPDATE_GOLDEN=1` writes it instead.
void expect_golden(const std::string& path, const std::string& text) {
  if (std::getenv("MTASTS_UPDATE_GOLDEN")) std::ofstream{path} << text;
  EXPECT_EQ(text, read_file(path)) << path;
}

StsPolicy enforce_policy() { return {StsMode::enforce, std::chrono::days{14}, {"mx1.example.org", "*.example.net"}}; }

DomainVerdict good_verdict() {
  DomainVerdict verdict;
  verdict.domain = "good.example";
  verdict.state = DomainState::ok;
  verdict.success = true;
  verdict.probed = kNow - std::chrono::minutes{5};
  verdict.dns_duration = Milliseconds{12};
  verdict.policy_duration = Milliseconds{250};
  verdict.mx_duration = Milliseconds{1500};
  verdict.total_duration = Milliseconds{1762};
  verdict.dns_success = {true, true, true, true, true, std::nullopt};
  verdict.record = RecordStatus::valid;
  verdict.record_id = "20260101T000000";
  verdict.tlsrpt = RecordStatus::none;
  verdict.fetch_success = true;
  verdict.http_status = 200;
  verdict.policy_valid = true;
  verdict.policy = enforce_policy();
  verdict.in_force = PolicyInForce{enforce_policy(), verdict.record_id, kNow + std::chrono::days{14}, true};
  verdict.expected_mode = StsMode::enforce;
  verdict.policy_not_after = kNow + std::chrono::days{30};
  verdict.policy_last_change = kNow - std::chrono::days{100};
  verdict.enforced_until = kNow + std::chrono::days{14};
  verdict.mx_set_last_change = kNow - std::chrono::days{50};
  verdict.mx_hosts = 2;
  verdict.mx = {{"mx1.example.org", 10, true, true, true}, {"mx2.example.net", 20, true, std::nullopt, std::nullopt}};
  verdict.coverage = 1.0;
  verdict.deliverable = true;
  return verdict;
}

DomainVerdict bad_verdict() {
  DomainVerdict verdict = good_verdict();
  verdict.domain = "bad.example";
  verdict.state = DomainState::failing;
  verdict.success = false;
  verdict.record = RecordStatus::invalid;
  verdict.policy_valid = false;
  verdict.policy = std::nullopt;
  verdict.in_force = std::nullopt;
  verdict.expected_mode = std::nullopt;
  verdict.enforced_until = std::nullopt;
  verdict.policy_not_after = kNow - std::chrono::hours{12};
  verdict.coverage = std::nullopt;
  verdict.deliverable = false;
  verdict.mx = {{"mx1.example.org", 10, std::nullopt, false, std::nullopt}};
  verdict.mx_hosts = 1;
  verdict.faults = {{ResultType::sts_policy_invalid, "mta-sts.bad.example", "policy-mode", "one"},
                    {ResultType::certificate_expired, "mx1.example.org", "expired", "IPv4"},
                    {ResultType::certificate_expired, "mx1.example.org", "expired", "IPv6"}};
  verdict.findings = {{"mta-sts-missing", "a", ""}, {"mta-sts-missing", "b", ""}};
  return verdict;
}

MxVerdict mx_verdict() {
  MxVerdict verdict;
  verdict.host = "mx1.example.org";
  verdict.known = true;
  verdict.probed = kNow - std::chrono::minutes{1};
  verdict.ipv4 = MxFamilyVerdict{true,
                                 "",
                                 true,
                                 true,
                                 "TLSv1.3",
                                 "TLS_AES_256_GCM_SHA384",
                                 kNow - std::chrono::minutes{1},
                                 kNow + std::chrono::days{60}};
  verdict.ipv6 = MxFamilyVerdict{};
  verdict.ipv6->unreachable_reason = "timeout";
  verdict.dane = DaneVerdict{.state = DaneState::usable, .records = 2, .authenticated = true};
  return verdict;
}

Snapshot fleet() {
  SnapshotStore store;
  store.set_domains({{"bad.example", {}}, {"good.example", {{"team", "ma\"il"}}}, {"new.example", {{"team", "x"}}}});
  for (const char* host : {"mx1.example.org", "mx2.example.net"}) store.add_mx_host(host);
  store.publish(good_verdict());
  store.publish(bad_verdict());
  store.publish(mx_verdict());
  return store.snapshot();
}

std::size_t series_in(const std::string& text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }

/// All families of a domain, one behind the other.
std::string domain_text(const std::string& name, const Labels& labels, const DomainVerdict* verdict) {
  std::string text;
  for (const MetricDefinition& family : metrics_of(MetricGroup::domain))
    append_domain_family(text, metric_of(family), {name, labels, verdict}, kNow);
  return text;
}

std::string domain_text(const DomainVerdict& verdict) { return domain_text(verdict.domain, {}, &verdict); }

std::string mx_text(const MxVerdict& verdict) {
  std::string text;
  for (const MetricDefinition& family : metrics_of(MetricGroup::mx))
    append_mx_family(text, metric_of(family), verdict.host, &verdict, kNow);
  return text;
}

/// What a scrape shows of some groups of families.
std::string scraped(const Snapshot& snapshot, const ReportView& view, UnixTime now,
                    std::initializer_list<MetricGroup> groups) {
  ScrapeInput input{.snapshot = snapshot, .reports = view, .ready_after = kReadyAfter, .now = now};
  for (const MetricGroup group : groups) {
    for (const MetricDefinition& family : metrics_of(group)) input.names.emplace(family.name);
  }
  Exposition exposition{std::move(input)};
  return whole_text(exposition);
}

std::string verdicts_of(const Snapshot& snapshot, UnixTime now = kNow) {
  return scraped(snapshot, {}, now, {MetricGroup::domain, MetricGroup::mx});
}

std::string reports_of(const ReportView& view, const Snapshot& snapshot) {
  return scraped(snapshot, view, kNow, {MetricGroup::report});
}

std::string rollout_of(const Snapshot& snapshot, const ReportView& view, UnixTime now) {
  return scraped(snapshot, view, now, {MetricGroup::rollout});
}

std::string everything(const Snapshot& snapshot, const ReportView& view, const SelfMetrics& self) {
  Exposition exposition{{.snapshot = snapshot, .reports = view, .ready_after = kReadyAfter, .now = kNow}};
  return whole_text(exposition) + self.render();
}

TEST(Metrics, FleetAsInTheGoldenFile) { expect_golden(MTASTS_TEST_DATA "/metrics/fleet.golden", verdicts_of(fleet())); }

/// What is kept of a scrape for the next one must not depend on when that is.
TEST(Metrics, WithTimeAloneOnlySomeFamiliesMove) {
  const Snapshot snapshot = fleet();
  std::set<std::string_view> moved;
  const auto look = [&moved](MetricGroup group, const auto& entries) {
    for (const MetricDefinition& family : metrics_of(group)) {
      for (const auto& entry : entries) {
        std::string now;
        std::string later;
        append_family(now, metric_of(family), *entry, kNow);
        append_family(later, metric_of(family), *entry, kNow + std::chrono::days{300});
        if (now != later) moved.insert(family.name);
      }
    }
  };
  look(MetricGroup::domain, snapshot.domains);
  look(MetricGroup::mx, snapshot.mx_hosts);
  std::set<std::string_view> expected;
  for (const MetricGroup group : {MetricGroup::domain, MetricGroup::mx}) {
    for (const MetricDefinition& family : metrics_of(group)) {
      if (moves_with_time(metric_of(family))) expected.insert(family.name);
    }
  }
  EXPECT_EQ(moved, expected);
  EXPECT_EQ(expected.size(), 2U);
}

TEST(Metrics, WhetherThereAreTlsaRecordsIsSaidOnlyWhereSomebodyKnows) {
  MxVerdict verdict = mx_verdict();
  const auto says = [&](DaneState state) {
    verdict.dane->state = state;
    verdict.dane->records = 0;
    return mx_text(verdict).find("mtasts_mx_tlsa_records{") != std::string::npos;
  };
  EXPECT_TRUE(says(DaneState::insecure_address));
  EXPECT_TRUE(says(DaneState::no_records));
  EXPECT_FALSE(says(DaneState::unknown));
  EXPECT_FALSE(says(DaneState::bogus));
}

TEST(Metrics, TheDocumentationIsTheTable) { expect_golden(MTASTS_SOURCE_DIR "/docs/metrics.md", render_metrics_doc()); }

TEST(Metrics, TheTableIsOrderlyAndUnique) {
  std::set<std::string_view> names;
  for (const MetricDefinition& metric : metric_table()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_FALSE(metric.help.empty()) << metric.name;
    EXPECT_EQ(metric.kind == MetricKind::counter, metric.name.ends_with("_total")) << metric.name;
  }
  std::size_t grouped = 0;
  using enum MetricGroup;
  for (const MetricGroup group : {domain, mx, report, rollout, self, process, probe, history})
    grouped += metrics_of(group).size();
  EXPECT_EQ(grouped, kMetricCount);
}

TEST(Metrics, ADomainWithoutVerdictHasStateAndInfoOnly) {
  EXPECT_EQ(domain_text("new.example", {{"team", "x"}}, nullptr),
            "mtasts_domain_state{domain=\"new.example\",state=\"pending\"} 1\n"
            "mtasts_domain_state{domain=\"new.example\",state=\"ok\"} 0\n"
            "mtasts_domain_state{domain=\"new.example\",state=\"failing\"} 0\n"
            "mtasts_domain_state{domain=\"new.example\",state=\"unknown\"} 0\n"
            "mtasts_domain_info{domain=\"new.example\",team=\"x\"} 1\n");
}

TEST(Metrics, UnknownBeforeAnyVerdictClaimsNothing) {
  DomainVerdict verdict;
  verdict.domain = "x.example";
  verdict.state = DomainState::unknown;
  EXPECT_EQ(series_in(domain_text(verdict)), 5U);
}

TEST(Metrics, UnknownAfterAVerdictKeepsItsValues) {
  DomainVerdict verdict = bad_verdict();
  verdict.state = DomainState::unknown;
  EXPECT_THAT(domain_text(verdict),
              HasSubstr("mtasts_failure{domain=\"bad.example\",result_type=\"certificate-expired\"} 1"));
}

TEST(Metrics, FailureTypesComeTogetherAndInfoOncePerHost) {
  const std::string text = domain_text(bad_verdict());
  std::size_t types = 0;
  for (auto at = text.find("mtasts_failure{"); at != std::string::npos; at = text.find("mtasts_failure{", at + 1))
    ++types;
  EXPECT_EQ(types, kResultTypeCount);
  EXPECT_EQ(text.find("reason=\"expired\""), text.rfind("reason=\"expired\""));
  EXPECT_THAT(domain_text(good_verdict()), Not(HasSubstr("mtasts_failure_info")));
}

TEST(Metrics, WithoutAPolicyNoModeIsInForce) {
  const std::string text = domain_text(bad_verdict());
  for (const std::string mode : {"enforce", "testing", "none"}) {
    EXPECT_THAT(text, HasSubstr("mtasts_policy_in_force{domain=\"bad.example\",mode=\"" + mode + "\"} 0\n"));
  }
  EXPECT_THAT(text, Not(HasSubstr("mtasts_policy_max_age_seconds")));
  EXPECT_THAT(text, Not(HasSubstr("mtasts_mx_covered")));
}

TEST(Metrics, DaysAreCountedAtScrapeTime) {
  const Snapshot snapshot = fleet();
  EXPECT_THAT(verdicts_of(snapshot), HasSubstr("mtasts_policy_cert_expiry_days{domain=\"bad.example\"} -0.5\n"));
  EXPECT_THAT(verdicts_of(snapshot, kNow + std::chrono::days{1}),
              HasSubstr("mtasts_policy_cert_expiry_days{domain=\"bad.example\"} -1.5\n"));
}

TEST(Metrics, SeriesPerDomainAndHost) {
  constexpr std::size_t kFixed = 52;  // a valid policy with expect_mode, its days left and domain_info among them
  constexpr std::size_t kPerMx = 3;   // mtasts_mx_covered, mtasts_mx_deliverable, mtasts_mx_dane_verified
  constexpr std::size_t kDualStack = 16;
  DomainVerdict verdict = good_verdict();
  verdict.mx[1].deliverable = true;
  verdict.mx[1].dane_verified = true;
  EXPECT_LE(series_in(domain_text(verdict)), kFixed + kPerMx * verdict.mx.size());
  MxVerdict host = mx_verdict();
  host.ipv6 = host.ipv4;
  EXPECT_LE(series_in(mx_text(host)), kDualStack);
}

TEST(Metrics, LabelValuesAreEscapedAndUtf8) {
  EXPECT_EQ(escape_label_value("plain"), "plain");
  EXPECT_EQ(escape_label_value("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
  EXPECT_EQ(escape_label_value("grün €"), "grün €");
  EXPECT_EQ(escape_label_value("\xff\xc0\x80x"), "\uFFFD\uFFFD\uFFFDx");
  EXPECT_EQ(escape_label_value("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(escape_label_value("\xe2\x82"), "\uFFFD\uFFFD");            // cut short
}

TEST(Metrics, FreeLabelsCannotBreakTheExposition) {
  const Labels labels{{"domain", "evil"}, {"no-name", "x"}, {"ok", "1"}};
  const std::string text = domain_text("a.example", labels, nullptr);
  EXPECT_THAT(text, HasSubstr("mtasts_domain_info{domain=\"a.example\",ok=\"1\"} 1\n"));
}

TEST(SelfMetrics, WhatWasNeverSetIsAbsent) {
  SelfMetrics self{{"1.2.3", "abc"}};
  const std::string before = self.render();
  EXPECT_THAT(before, HasSubstr("mtasts_exporter_build_info{revision=\"abc\",version=\"1.2.3\"} 1"));
  EXPECT_THAT(before, Not(HasSubstr("mtasts_exporter_egress_ok")));
  EXPECT_THAT(before, HasSubstr("process_resident_memory_bytes "));
  self.set_egress_ok(EgressKind::smtp, IpFamily::ipv6, false);
  self.set_dns_authenticated("127.0.0.1:53", true);
  self.config_reloaded(true, kNow);
  self.observe_phase(ProbePhase::dns, Milliseconds{20});
  self.count_probe("ok");
  const std::string after = self.render();
  EXPECT_THAT(after, HasSubstr("mtasts_exporter_egress_ok{family=\"ipv6\",kind=\"smtp\"} 0\n"));
  EXPECT_THAT(after, HasSubstr("mtasts_exporter_dns_authenticated{server=\"127.0.0.1:53\"} 1\n"));
  EXPECT_THAT(after, HasSubstr("mtasts_exporter_phase_duration_seconds_bucket{phase=\"dns\",le=\"0.05\"} 1\n"));
  self.clear_dns_servers();
  EXPECT_THAT(self.render(), Not(HasSubstr("mtasts_exporter_dns_authenticated{")));
}

TEST(SelfMetrics, AShardThatBecomesAnotherHasOneSeries) {
  SelfMetrics self{{"1", ""}};
  self.set_shard(2, 3);
  self.set_shard(0, 4);
  const std::string text = self.render({"mtasts_exporter_shard_index", "mtasts_exporter_shards"});
  EXPECT_EQ(series_in(text), 6U);
  EXPECT_THAT(text, HasSubstr("\nmtasts_exporter_shard_index 0\n"));
  EXPECT_THAT(text, HasSubstr("\nmtasts_exporter_shards 4\n"));
}

ReportView reports() {
  ReportTotals totals{.revision = 1};
  DomainReportTotals& good = totals.domains["good.example"];
  good.sessions["sts"] = {410, 5};
  good.failed["certificate-expired"] = 5;
  good.last_report["google.com"] = kNow - std::chrono::hours{20};
  good.failures[{"certificate-expired", "google.com", "mx1.example.org"}] = kNow - kReportedFailureShown;
  good.failures[{"certificate-expired", "google.com", "evil.example"}] = kNow - std::chrono::hours{20};
  good.failures[{"certificate-expired", "google.com", "worse.example"}] = kNow - std::chrono::hours{20};
  good.failures[{"validation-failure", "other", ""}] = kNow - kReportedFailureShown - std::chrono::seconds{1};
  totals.domains["removed.example"] = good;
  totals.outcomes = {2, 1, 0, 0, 0, 0, 0};
  ReportBoard board;
  board.configure({"good.example"}, false, totals);
  return board.view();
}

std::vector<prometheus::MetricFamily> families_of(const std::string& text) {
  std::vector<prometheus::MetricFamily> families;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      const auto name_ends = line.find(' ', 7);
      families.push_back(
          {line.substr(7, name_ends - 7), line.substr(name_ends + 1), prometheus::MetricType::Gauge, {}});
    } else if (line.starts_with("# TYPE ")) {
      if (line.ends_with(" counter")) families.back().type = prometheus::MetricType::Counter;
    } else {
      prometheus::ClientMetric metric;
      const std::size_t value_at = line.rfind(' ');
      metric.gauge.value = metric.counter.value = std::stod(line.substr(value_at));
      for (std::size_t at = line.find('{'); at != std::string::npos && line[at] != '}';) {
        const std::size_t equals = line.find("=\"", at);
        const std::size_t end = line.find('"', equals + 2);
        metric.label.push_back({line.substr(at + 1, equals - at - 1), line.substr(equals + 2, end - equals - 2)});
        at = end + 1;
      }
      families.back().metric.push_back(std::move(metric));
    }
  }
  return families;
}

/// Read and written again by prometheus-cpp, the text is the same, byte for byte.
TEST(Exposition, IsWhatPrometheusCppWouldWrite) {
  SnapshotStore store;
  store.set_domains({{"bad.example", {}}, {"good.example", {{"team", "mail"}}}});
  store.add_mx_host("mx1.example.org");
  DomainVerdict odd = good_verdict();
  odd.coverage = 1.0 / 3;
  odd.policy_duration = Milliseconds{123'456'789};
  odd.policy_not_after = kNow + std::chrono::days{4000} + std::chrono::seconds{1};
  store.publish(std::move(odd));
  store.publish(bad_verdict());
  store.publish(mx_verdict());
  Exposition exposition{{.snapshot = store.snapshot(), .reports = reports(), .ready_after = kReadyAfter, .now = kNow}};
  const std::string text = whole_text(exposition);
  EXPECT_GT(series_in(text), 100U);
  EXPECT_EQ(prometheus::TextSerializer{}.Serialize(families_of(text)), text);
}

TEST(Exposition, PiecesAreWholeLinesAndTogetherTheWhole) {
  SnapshotStore store;
  std::vector<DomainSlot> slots;
  for (int i = 0; i < 2000; ++i) slots.push_back({"domain-" + std::to_string(i) + ".example", {}});
  store.set_domains(slots);
  for (const DomainSlot& slot : slots) {
    DomainVerdict verdict = good_verdict();
    verdict.domain = slot.name;
    store.publish(std::move(verdict));
  }
  Exposition whole{{.snapshot = store.snapshot(), .now = kNow}};
  Exposition pieces{{.snapshot = store.snapshot(), .now = kNow}};
  std::string together;
  std::size_t count = 0;
  for (bool more = true; more; ++count) {
    std::string piece;
    more = pieces.next(piece);
    EXPECT_LT(piece.size(), 300'000U);
    EXPECT_TRUE(piece.empty() || piece.ends_with('\n'));
    together += piece;
  }
  EXPECT_GT(count, 20U);
  EXPECT_EQ(together, whole_text(whole));
}

TEST(Exposition, ShowsTheFamiliesThatWereAskedFor) {
  Exposition exposition{{.snapshot = fleet(), .now = kNow, .names = {"mtasts_mx_reachable", "mtasts_no_such_family"}}};
  const std::string text = whole_text(exposition);
  EXPECT_TRUE(text.starts_with("# HELP mtasts_mx_reachable "));
  EXPECT_EQ(series_in(text), 4U);
  EXPECT_EQ(SelfMetrics({"1", ""}).render({"mtasts_mx_reachable"}), "");
  EXPECT_EQ(series_in(SelfMetrics({"1", ""}).render({"process_open_fds"})), 3U);
}

TEST(Metrics, ReportsMatchTheGoldenFile) {
  expect_golden(MTASTS_TEST_DATA "/metrics/reports.golden", reports_of(reports(), fleet()));
}

TEST(Metrics, ReportsHaveSeriesOnlyWithAWayInOrOnceSomeWereIngested) {
  ReportBoard board;
  const ReportTotals none{.revision = 0};
  board.configure({"good.example"}, false, none);
  EXPECT_EQ(reports_of(board.view(), fleet()), "");
  board.configure({"good.example"}, true, none);
  const std::string zero = reports_of(board.view(), fleet());
  EXPECT_THAT(zero,
              HasSubstr("mtasts_tlsrpt_failed_sessions_total{domain=\"good.example\",result_type=\"other\"} 0\n"));
  EXPECT_THAT(zero, HasSubstr("mtasts_tlsrpt_reports_total{outcome=\"failed\"} 0\n"));
  EXPECT_EQ(std::ranges::count(zero, '\n'), 3 * 2 + 7 + 20) << "the series that docs/reports.md promises";
}

TEST(Metrics, ReportsHaveNoSeriesBeforeTheirTotalsAreKnown) {
  ReportBoard board;
  board.configure({"good.example"}, true, {});
  EXPECT_EQ(reports_of(board.view(), fleet()), "");
}

TEST(Metrics, OutcomesOfASharedDatabaseAreShownByOneExporter) {
  ReportView view = reports();
  view.outcomes_shown = false;
  const std::string text = reports_of(view, fleet());
  EXPECT_THAT(text, Not(HasSubstr("mtasts_tlsrpt_reports_total")));
  EXPECT_THAT(text, HasSubstr("mtasts_tlsrpt_sessions_total{domain=\"good.example\""));
}

/// A good domain watched for so long, and what is shown of its rollout.
std::string rollout_of(DomainVerdict verdict, std::chrono::seconds watched, const ReportView& view,
                       UnixTime now = kNow) {
  verdict.watched_since = kNow - watched;
  SnapshotStore store;
  store.set_domains({{"good.example", {}}});
  store.publish(std::move(verdict));
  return rollout_of(store.snapshot(), view, now);
}

TEST(Rollout, ReadyOnceWatchedLongEnough) {
  const std::string early = rollout_of(good_verdict(), kReadyAfter - std::chrono::seconds{1}, {});
  EXPECT_THAT(early, HasSubstr("mtasts_rollout_ready{domain=\"good.example\"} 0\n"));
  EXPECT_THAT(early, Not(HasSubstr("mtasts_last_failure_timestamp_seconds")));
  EXPECT_THAT(rollout_of(good_verdict(), kReadyAfter - std::chrono::seconds{1}, {}, kNow + std::chrono::seconds{1}),
              HasSubstr("} 1\n"))
      << "time passes without a probe";
}

TEST(Rollout, AFailureByProbeOrByReportTakesItAway) {
  DomainVerdict verdict = good_verdict();
  verdict.last_fault = kNow - kReadyAfter + std::chrono::seconds{1};
  const std::string seen = rollout_of(verdict, std::chrono::days{100}, {});
  EXPECT_THAT(seen, HasSubstr("mtasts_rollout_ready{domain=\"good.example\"} 0\n"));
  EXPECT_THAT(seen, HasSubstr("mtasts_last_failure_timestamp_seconds{domain=\"good.example\",source=\"probe\"} "
                              "1798790401\n"));
  const std::string reported = rollout_of(good_verdict(), std::chrono::days{100}, reports());
  EXPECT_THAT(reported, HasSubstr("mtasts_rollout_ready{domain=\"good.example\"} 0\n"));
  EXPECT_THAT(reported, HasSubstr("mtasts_last_failure_timestamp_seconds{domain=\"good.example\",source=\"report\"} "
                                  "1799928000\n"));
}

TEST(Rollout, AbsentBeforeAVerdictAndWithoutAPolicy) {
  EXPECT_EQ(rollout_of(fleet(), {}, kNow), "") << "nobody says since when the domains are watched";
  DomainVerdict verdict = good_verdict();
  verdict.in_force.reset();
  EXPECT_EQ(rollout_of(verdict, std::chrono::days{100}, {}), "");
  verdict = good_verdict();
  verdict.in_force->policy.mode = StsMode::none;
  EXPECT_EQ(rollout_of(verdict, std::chrono::days{100}, {}), "") << "who leaves is on no way to enforce";
}

TEST(SelfMetrics, AWayInHasASeriesWhileItIsConfigured) {
  SelfMetrics self{{"1", ""}};
  self.set_channel_working(ReportChannel::spool, std::nullopt);
  EXPECT_THAT(self.render(), Not(HasSubstr("mtasts_tlsrpt_channel_working")));
  self.set_channel_working(ReportChannel::spool, true);
  self.set_channel_working(ReportChannel::maildir, false);
  EXPECT_THAT(self.render(), HasSubstr("mtasts_tlsrpt_channel_working{channel=\"spool\"} 1\n"));
  EXPECT_THAT(self.render(), HasSubstr("mtasts_tlsrpt_channel_working{channel=\"maildir\"} 0\n"));
  self.set_channel_working(ReportChannel::maildir, std::nullopt);
  EXPECT_THAT(self.render(), Not(HasSubstr("channel=\"maildir\"")));
  self.set_channel_working(ReportChannel::maildir, true);
  EXPECT_THAT(self.render(), HasSubstr("mtasts_tlsrpt_channel_working{channel=\"maildir\"} 1\n"));
}

TEST(SelfMetrics, EveryFamilyIsInTheTable) {
  SelfMetrics self{{"1", ""}};
  self.set_channel_working(ReportChannel::maildir, true);
  self.set_store_writable(StorePart::reports, true);
  const std::string text = everything(fleet(), reports(), self);
  for (std::size_t at = text.find("# TYPE "); at != std::string::npos; at = text.find("# TYPE ", at + 1)) {
    const std::string name = text.substr(at + 7, text.find(' ', at + 7) - at - 7);
    EXPECT_TRUE(std::ranges::any_of(metric_table(), [&](const auto& metric) { return metric.name == name; })) << name;
  }
}

/// promtool's own opinion; its only complaint may be the unit of the two *_days families.
TEST(Metrics, PromtoolHasNothingElseToSay) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "promtool is not installed";
  SelfMetrics self{{"1", ""}};
  self.observe_phase(ProbePhase::dns, Milliseconds{20});
  self.config_reloaded(true, kNow);
  const std::string path = ::testing::TempDir() + "mtasts_exposition.txt";
  std::ofstream{path} << everything(fleet(), reports(), self);
  const std::string command = "promtool check metrics < " + path + " > " + path + ".out 2>&1";
  (void)!std::system(command.c_str());
  std::ifstream complaints{path + ".out"};
  for (std::string line; std::getline(complaints, line);) EXPECT_THAT(line, HasSubstr("_cert_expiry_days "));
}

}  // namespace
}  // namespace mtasts
