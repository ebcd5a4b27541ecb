// SPDX-License-Identifier: Apache-2.0
#include "probes/core/rollout.h"

#include <gmock/gmock.h>

#include <sstream>

#include "probes/core/rollback.h"
#include "probes/core/sts_record.h"
#include "tests/support/cases.h"
#include "tests/support/observation_reader.h"
#include "tests/support/strict_yaml.h"

namespace mtasts::test {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using testing::HasSubstr;
using Names = std::vector<std::string>;

constexpr UnixTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};
constexpr const char* kTable = "rollout.yaml";

constexpr std::array<Word<RecordStatus>, 4> kRecordWords{{{"none", RecordStatus::none},
                                                          {"valid", RecordStatus::valid},
                                                          {"invalid", RecordStatus::invalid},
                                                          {"multiple", RecordStatus::multiple}}};
constexpr std::array<Word<DomainState>, 3> kStateWords{
    {{"ok", DomainState::ok}, {"failing", DomainState::failing}, {"unknown", DomainState::unknown}}};

/// Reads one case of the table, whose first lines explain the keys.
class RolloutReader {
 public:
  explicit RolloutReader(const YAML::Node& map) : map_(map) {
    yaml_.check_keys(map, {"name",    "rfc",     "record",  "policy",  "cached",      "no_policy", "mx",      "served",
                           "watched", "fault",   "report",  "failure", "forgotten",   "expected",  "faults",  "ttl",
                           "tlsrpt",  "hosts",   "null_mx", "state",   "deliverable", "probed",    "phase",   "ready",
                           "missing", "against", "notes",   "next",    "back",        "mx_next",   "refusal", "soonest",
                           "latest",  "leave",   "repair",  "quicker", "first"});
  }

  [[nodiscard]] RolloutEvidence evidence() const {
    RolloutEvidence evidence{
        .verdict = verdict(),
        .remembered = !flag("forgotten"),
        .reports = {.expected = flag("expected"), .last_report = ago("report"), .last_failure = ago("failure")},
        .mx_hosts = hosts()};
    if (text("ttl", "5m") != "") evidence.record_ttl = yaml_.duration(child(map_, "ttl"), std::chrono::minutes{5});
    if (evidence.remembered) remember(evidence);
    return evidence;
  }

  [[nodiscard]] std::string text(std::string_view key, const std::string& otherwise = "") const {
    return yaml_.value<std::string>(child(map_, key), otherwise);
  }
  [[nodiscard]] bool has(std::string_view key) const { return child(map_, key).IsDefined(); }
  [[nodiscard]] Names names(std::string_view key) const { return yaml_.value<Names>(child(map_, key), {}); }
  [[nodiscard]] bool flag(std::string_view key) const { return yaml_.value<bool>(child(map_, key), false); }

 private:
  [[nodiscard]] std::optional<UnixTime> ago(std::string_view key) const {
    if (!has(key)) return std::nullopt;
    return kNow - yaml_.duration(child(map_, key), {});
  }

  [[nodiscard]] Names hosts() const {
    if (flag("null_mx")) return {};
    return has("hosts") ? names("hosts") : Names{"mx1.example.org", "mx2.example.org"};
  }

  [[nodiscard]] StsPolicy policy(std::istringstream& words) const {
    std::string mode, max_age;
    words >> mode >> max_age;
    return {yaml_.word(YAML::Node(mode), kModeWords), yaml_.duration(YAML::Node(max_age), {}),
            mode == "none" ? Names{}
            : has("mx")    ? names("mx")
                           : hosts()};
  }

  [[nodiscard]] std::optional<StsPolicy> policy(std::string_view key) const {
    if (!has(key)) return std::nullopt;
    std::istringstream words{text(key)};
    return policy(words);
  }

  void take_policy(DomainVerdict& verdict) const {
    if (auto served = policy("policy")) {
      verdict.policy = served;
      verdict.in_force = PolicyInForce{*served, "now", kNow + served->max_age, true};
    } else if (auto cached = policy("cached")) {
      std::istringstream words{text("cached")};
      std::string left;
      words >> left >> left >> left;
      verdict.in_force = PolicyInForce{*cached, "now", kNow + yaml_.duration(YAML::Node(left), {}), false};
    }
  }

  [[nodiscard]] DomainVerdict verdict() const {
    DomainVerdict verdict{.domain = "example.org", .state = DomainState::ok, .record_id = "now"};
    if (text("record", "valid") != "")
      verdict.record = has("record") ? yaml_.word(child(map_, "record"), kRecordWords) : RecordStatus::valid;
    if (has("state")) verdict.state = yaml_.word(child(map_, "state"), kStateWords);
    verdict.tlsrpt = has("tlsrpt") ? yaml_.word(child(map_, "tlsrpt"), kRecordWords) : RecordStatus::valid;
    verdict.null_mx = flag("null_mx");
    verdict.deliverable = yaml_.value<bool>(child(map_, "deliverable"), true);
    verdict.mx_hosts = hosts().size();
    verdict.mx.resize(yaml_.value<std::size_t>(child(map_, "probed"), hosts().size()));
    if (flag("missing")) verdict.findings.push_back({"no-such-domain", "example.org", "DNS knows no such domain"});
    take_policy(verdict);
    for (const std::string& fault : names("faults")) verdict.faults.push_back(fault_of(fault));
    return verdict;
  }

  [[nodiscard]] Fault fault_of(const std::string& words) const {
    const std::string type = words.substr(0, words.find(' '));
    for (std::size_t i = 0; i < kResultTypeCount; ++i) {
      const auto known = static_cast<ResultType>(i);
      if (to_string(known) != type) continue;
      Fault fault{.type = known, .host = hosts().front(), .reason = words.substr(type.size() + 1)};
      if (is_policy_fault(fault)) fault.host = "mta-sts.example.org";
      return fault;
    }
    yaml_.refuse(map_, "unknown result type " + type);
  }

  void remember(RolloutEvidence& evidence) const {
    if (text("watched") != "never")
      evidence.memory.watched_since = kNow - yaml_.duration(child(map_, "watched"), days{100});
    evidence.memory.last_fault = ago("fault");
    for (const std::string& line : names("served")) {
      std::istringstream words{line};
      ServedPolicy served;
      std::string first, last;
      words >> served.id;
      served.policy = policy(words);
      words >> first >> last;
      served.first_seen = kNow - yaml_.duration(YAML::Node(first), {});
      served.last_seen = kNow - yaml_.duration(YAML::Node(last), {});
      evidence.served.push_back(served);
    }
    if (evidence.served.empty() && evidence.verdict.policy)
      evidence.served.push_back({"now", *evidence.verdict.policy, kNow - days{100}, kNow});
  }

  StrictYaml yaml_{kTable};
  YAML::Node map_;
};

Names codes(const RolloutAdvice& advice, bool blocking) {
  Names all;
  for (const Obstacle& obstacle : advice.obstacles) {
    EXPECT_FALSE(obstacle.what.empty());
    if (obstacle.blocks == blocking) all.emplace_back(to_string(obstacle.kind));
  }
  return all;
}

std::string text_of(const std::optional<RolloutStep>& step) {
  return step ? std::string(to_string(step->mode)) + " " + duration_text(step->max_age) : "";
}

std::string from_now(const std::optional<UnixTime>& time) { return time ? duration_text(*time - kNow) : ""; }

/// Whatever is proposed can be published: valid, every MX host permitted, an id that was never used.
void expect_publishable(const Proposal& proposal, const RolloutEvidence& evidence) {
  EXPECT_NE(proposal.publication.has_value(), !proposal.refusal.empty());
  if (!proposal.publication) return;
  const Publication& made = *proposal.publication;
  const PolicyLint lint = parse_sts_policy(made.file);
  EXPECT_TRUE(lint.errors.empty() && lint.warnings.empty()) << made.file;
  EXPECT_EQ(lint.policy, made.policy);
  for (const std::string& host : evidence.mx_hosts)
    EXPECT_TRUE(made.policy.mode == StsMode::none || policy_permits(made.policy, host)) << host;
  const Names records{made.txt};
  const StsRecordSet record = parse_sts_records(records);
  EXPECT_EQ(record.status, RecordStatus::valid);
  EXPECT_TRUE(record.warnings.empty());
  EXPECT_EQ(record.id, made.id);
  EXPECT_EQ(made.record, "_mta-sts.example.org. 300 IN TXT \"v=STSv1; id=" + made.id + ";\"");
  for (const ServedPolicy& served : evidence.served) EXPECT_NE(served.id, made.id);
}

class RolloutCases : public testing::TestWithParam<Case> {};

TEST_P(RolloutCases, TheNextStep) {
  SCOPED_TRACE(GetParam().where + ", RFC " + GetParam().rfc);
  const RolloutReader expected{GetParam().node};
  const RolloutEvidence evidence = expected.evidence();
  const RolloutAdvice advice = advise_rollout(evidence, {}, kNow);
  EXPECT_EQ(to_string(advice.phase), expected.text("phase"));
  EXPECT_EQ(advice.ready, expected.flag("ready"));
  EXPECT_EQ(codes(advice, true), expected.names("against"));
  Names notes = codes(advice, false);
  std::erase(notes, "reports-not-read");  // of most cases
  EXPECT_EQ(notes, expected.names("notes"));
  EXPECT_EQ(text_of(advice.next), expected.text("next"));
  EXPECT_EQ(from_now(advice.come_back), expected.text("back"));
  if (advice.proposal) expect_publishable(*advice.proposal, evidence);
  if (expected.has("mx_next")) {
    ASSERT_TRUE(advice.proposal && advice.proposal->publication);
    EXPECT_EQ(advice.proposal->publication->policy.mx, expected.names("mx_next"));
  }
  if (expected.has("refusal")) {
    ASSERT_TRUE(advice.proposal);
    EXPECT_THAT(advice.proposal->refusal, HasSubstr(expected.text("refusal")));
  }
}

TEST_P(RolloutCases, TheWayBack) {
  SCOPED_TRACE(GetParam().where + ", RFC " + GetParam().rfc);
  const RolloutReader expected{GetParam().node};
  const RolloutEvidence evidence = expected.evidence();
  const RollbackPlan plan = plan_rollback(evidence, {}, kNow);
  EXPECT_EQ(to_string(plan.phase), expected.text("phase"));
  EXPECT_EQ(from_now(plan.bounds.soonest), expected.text("soonest"));
  EXPECT_EQ(from_now(plan.bounds.latest), expected.text("latest"));
  EXPECT_EQ(plan.needed, !expected.text("latest").empty());
  if (expected.has("leave")) {
    EXPECT_EQ(from_now(plan.leave_kept_until), expected.text("leave"));
  }
  EXPECT_THAT(plan.quicker, HasSubstr(expected.text("quicker")));
  EXPECT_THAT(plan.first, HasSubstr(expected.text("first")));
  EXPECT_EQ(plan.repair.has_value(), expected.has("repair"));
  if (plan.repair && plan.repair->publication) {
    EXPECT_EQ(plan.repair->publication->policy.mx, expected.names("repair"));
  }
  for (const Proposal& proposal : {plan.testing, plan.leave}) expect_publishable(proposal, evidence);
  if (plan.testing.publication && plan.leave.publication) {
    EXPECT_NE(plan.testing.publication->id, plan.leave.publication->id);
  }
}

INSTANTIATE_TEST_SUITE_P(Data, RolloutCases, testing::ValuesIn(load_cases(kTable)), case_name);

TEST(Publication, TheFileOctetByOctet) {
  EXPECT_EQ(render_policy_file({StsMode::enforce, days{7}, {"mx1.example.org", "*.example.net"}}),
            "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.org\r\nmx: *.example.net\r\nmax_age: 604800\r\n");
  EXPECT_EQ(render_policy_file({StsMode::none, days{1}, {}}), "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n");
}

TEST(Publication, AnIdThatWasNeverUsed) {
  const UnixTime midnight = kNow - seconds{1};
  EXPECT_EQ(new_policy_id(midnight, {}), "20260531235959");
  EXPECT_EQ(new_policy_id(midnight, Names{"20260531235959", "20260601000000", "other"}), "20260601000001");
}

TEST(Publication, AFileThatNoSenderReadsIsRefused) {
  ProposalNeeds needs{.domain = "example.org"};
  for (int i = 0; i < 4000; ++i) needs.mx_hosts.push_back("mx." + std::to_string(i) + ".example.org");
  EXPECT_THAT(propose_publication(needs, StsMode::enforce, days{7}, kNow).refusal,
              HasSubstr("larger than senders read"));
}

TEST(Publication, TheWayBackNeedsNoMxHosts) {
  ProposalNeeds needs{
      .domain = "example.org", .present = StsPolicy{StsMode::enforce, days{7}, {"mx1.example.org"}}, .emergency = true};
  const Proposal testing = propose_publication(needs, StsMode::testing, days{1}, kNow);
  ASSERT_TRUE(testing.publication);
  EXPECT_EQ(testing.publication->policy.mx, Names{"mx1.example.org"});
  EXPECT_FALSE(propose_publication(needs, StsMode::enforce, days{7}, kNow).publication);
  needs.emergency = false;
  EXPECT_FALSE(propose_publication(needs, StsMode::testing, days{1}, kNow).publication);
}

TEST(Publication, SaysWhichPatternsItLeavesOut) {
  const ProposalNeeds needs{.domain = "example.org",
                            .mx_hosts = {"mx1.example.org"},
                            .present = StsPolicy{StsMode::testing, days{7}, {"mx1.example.org", "old.example.net"}}};
  const Proposal proposal = propose_publication(needs, StsMode::enforce, days{7}, kNow);
  ASSERT_TRUE(proposal.publication);
  EXPECT_EQ(proposal.publication->dropped, Names{"old.example.net"});
}

TEST(Rollout, ManyFaultsAreCounted) {
  RolloutEvidence evidence{.verdict = {.domain = "example.org", .record = RecordStatus::valid}};
  evidence.verdict.policy = StsPolicy{StsMode::enforce, days{7}, {"mx.example.org"}};
  for (int i = 0; i < 1000; ++i)
    evidence.verdict.faults.push_back({ResultType::certificate_expired, "mx" + std::to_string(i) + ".example.org"});
  const RolloutAdvice advice = advise_rollout(evidence, {}, kNow);
  EXPECT_EQ(advice.obstacles.size(), 21u);
  EXPECT_EQ(advice.obstacles.back().what, "980 more faults.");
}

}  // namespace
}  // namespace mtasts::test
