// The domain's page says what the verdict says, does without what is not known, and lets nothing through unescaped.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/domain_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/domain_sections.h"
#include "exporter/page_data.h"

namespace mtasts {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr UnixTime kNow{std::chrono::seconds{1'800'000'000}};
const PageContext kContext{kNow, "1.0", "/sts"};

DomainVerdict enforcing(DomainState state, bool deliverable) {
  DomainVerdict verdict{.domain = "a.test", .state = state, .probed = kNow - std::chrono::minutes{2}};
  verdict.record = RecordStatus::valid;
  verdict.fetch_success = true;
  verdict.policy = StsPolicy{.mode = StsMode::enforce, .max_age = std::chrono::days{7}, .mx = {"mx.a.test"}};
  verdict.in_force = PolicyInForce{.policy = *verdict.policy, .live = true};
  verdict.mx = {{"mx.a.test", 10, true, deliverable}};
  verdict.deliverable = deliverable;
  return verdict;
}

DomainPageInput input_of(DomainVerdict verdict) {
  DomainPageInput input{.name = "a.test", .judged = true};
  input.result.verdict = std::move(verdict);
  return input;
}

std::string sentence_of(const DomainVerdict& verdict) { return verdict_words({.verdict = verdict}, true).sentence; }

TEST(DomainPage, TheVerdictSaysWhetherMailIsHarmed) {
  DomainVerdict verdict = enforcing(DomainState::ok, true);
  EXPECT_THAT(sentence_of(verdict),
              HasSubstr("All is well: the policy is in force in mode enforce, and 1 of 1 MX host"));
  verdict.state = DomainState::failing;
  verdict.faults = {{ResultType::certificate_expired, "mx.a.test", "expired", "it expired"}};
  EXPECT_THAT(sentence_of(verdict), HasSubstr("1 fault, but mail still arrives"));
  verdict.deliverable = false;
  EXPECT_THAT(sentence_of(verdict), HasSubstr("Mail is refused"));
  EXPECT_EQ(verdict_words({.verdict = verdict}, true).why, "mx.a.test: it expired");
  verdict.in_force->policy.mode = StsMode::testing;
  EXPECT_THAT(sentence_of(verdict), HasSubstr("no MX host would pass under enforce, but no mail is refused"));
  verdict.deliverable = true;
  EXPECT_THAT(sentence_of(verdict), HasSubstr("no mail is refused for it: the policy is in mode testing"));
  verdict.state = DomainState::unknown;
  EXPECT_THAT(sentence_of(verdict), HasSubstr("the trouble is on the exporter's side"));
  EXPECT_THAT(sentence_of({.domain = "a.test", .state = DomainState::ok, .record = RecordStatus::none}),
              HasSubstr("No MTA-STS here"));
  EXPECT_THAT(verdict_words({}, false).sentence, HasSubstr("No probe has ended yet"));
}

TEST(DomainPage, DaneFailsWhateverThePolicySays) {
  DomainVerdict verdict = enforcing(DomainState::failing, false);
  verdict.faults = {{ResultType::tlsa_invalid, "mx.a.test", "tlsa-mismatch", "no match"}};
  for (const StsMode mode : {StsMode::enforce, StsMode::testing}) {
    verdict.in_force->policy.mode = mode;
    EXPECT_THAT(sentence_of(verdict), HasSubstr("Senders with DANE hold the mail back"));
  }
  verdict.deliverable = true;
  EXPECT_THAT(sentence_of(verdict), HasSubstr("senders with DANE pass the failing host over"));
  verdict.deliverable = false;
  verdict.in_force->policy.mode = StsMode::enforce;
  verdict.faults.push_back({ResultType::certificate_expired, "mx.a.test", "expired", "it expired"});
  EXPECT_THAT(sentence_of(verdict), HasSubstr("Mail is refused"));
}

TEST(DomainPage, ADomainWithDaneAloneIsNotWithoutProtection) {
  DomainVerdict verdict{.domain = "a.test", .state = DomainState::ok, .record = RecordStatus::none};
  verdict.mx = {{.host = "mx.a.test", .dane_verified = true}};
  EXPECT_THAT(sentence_of(verdict), HasSubstr("senders with DANE verify the MX hosts by their TLSA records"));
}

TEST(DomainPage, AHostThatAnswersNobodyIsNoMatterOfThePolicy) {
  DomainVerdict verdict = enforcing(DomainState::failing, false);
  for (const StsMode mode : {StsMode::enforce, StsMode::testing}) {
    verdict.in_force->policy.mode = mode;
    EXPECT_THAT(sentence_of(verdict), HasSubstr("The only MX host takes no mail from here"));
  }
  verdict.faults = {{ResultType::certificate_expired, "mx.a.test", "expired", "it expired"}};
  EXPECT_THAT(sentence_of(verdict), Not(HasSubstr("takes no mail")));
}

TEST(DomainPage, WhatIsNotKnownIsNoAllClear) {
  DomainVerdict verdict = enforcing(DomainState::failing, true);
  verdict.deliverable.reset();
  EXPECT_THAT(sentence_of(verdict), HasSubstr("Whether mail arrives is not known"));
  verdict.in_force.reset();
  verdict.faults = {{ResultType::sts_policy_fetch_error, "mta-sts.a.test", "timeout", "no answer"}};
  EXPECT_THAT(sentence_of(verdict), HasSubstr("senders that still hold a policy go on applying it"));
  verdict.record.reset();
  EXPECT_THAT(sentence_of(verdict), HasSubstr("Which policy is in force is not known"));
}

TEST(DomainPage, DoesWithoutWhatIsNotKnown) {
  const std::string pending = render_domain_page({.name = "a.test"}, kContext);
  EXPECT_THAT(pending, HasSubstr("<span class=\"state pending\">pending</span>"));
  EXPECT_THAT(pending, Not(HasSubstr("MX hosts")));
  DomainPageInput input = input_of(enforcing(DomainState::ok, true));
  input.history.trouble = "the store is <locked>";
  const std::string bare = render_domain_page(input, kContext);
  EXPECT_THAT(bare, HasSubstr("cannot be shown: the store is &lt;locked&gt;"));
  EXPECT_THAT(bare, HasSubstr("not probed"));
  for (const char* section : {"id=\"policy\"", "id=\"chains\"", "id=\"transcripts\"", "id=\"history\"", "id=\"todo\""})
    EXPECT_THAT(bare, Not(HasSubstr(section)));
}

TEST(DomainPage, FamiliesStandInForAddresses) {
  DomainPageInput input = input_of(enforcing(DomainState::ok, true));
  MxVerdict host{.host = "mx.a.test"};
  host.ipv6 = MxFamilyVerdict{.unreachable_reason = "timeout"};
  input.result.hosts = {host};
  const std::string html = render_domain_page(input, kContext);
  EXPECT_THAT(html, HasSubstr("<td data-label=\"Address\">IPv6<span class=\"note\">timeout</span></td>"));
}

/// Everything that comes from outside, full of markup.
DomainPageInput hostile_input() {
  const std::string evil = "<script>\"'&\x01{{{title}}}";
  DomainVerdict verdict = enforcing(DomainState::failing, false);
  verdict.record_id = evil;
  verdict.mx = {{evil, 10, true, false}};
  verdict.faults = {{ResultType::certificate_expired, evil, evil, evil}};
  verdict.findings = {{"mx-unreachable", evil, evil}};
  DomainPageInput input = input_of(verdict);
  input.labels = {{"team", evil}};
  const Certificate certificate{
      .subject = evil, .issuer = evil, .dns_names = {evil}, .signature = evil, .pem = "PEM\n"};
  TlsObservation tls{.version = evil, .chain = {certificate}, .problems = {{.text = evil}}};
  input.result.seen.policy = PolicyObservation{
      .attempts = {{.tls = tls, .http_status = 200, .content_type = evil, .body = "version: " + evil + "\r\n" + evil}}};
  SmtpObservation session{.connected = true, .tls = tls, .transcript = {"S: 220 " + evil}};
  session.failure = NetFailure{.text = evil};
  input.result.host_observations = {{.host = evil, .sessions = {session}}};
  input.history.policies = {{.domain = "a.test", .id = evil, .policy = *verdict.policy, .last_seen = kNow}};
  input.history.episodes = {{.host = evil, .reason = evil, .began = kNow}};
  input.history.changes = {{.at = kNow, .before = evil, .after = evil}};
  return input;
}

TEST(DomainPage, NothingFromOutsideBecomesMarkup) {
  for (const bool live : {false, true}) {
    DomainPageInput input = hostile_input();
    input.live = live;
    const std::string html = render_domain_page(input, kContext);
    EXPECT_THAT(html, Not(HasSubstr("<script")));
    EXPECT_THAT(html, HasSubstr("{{{title}}}"));
    EXPECT_THAT(html, Not(HasSubstr("\x01")));
  }
}

TEST(DomainPage, MarksTheLinesOfAPolicy) {
  DomainPageInput input = input_of(enforcing(DomainState::failing, true));
  input.result.seen.policy = PolicyObservation{
      .attempts = {{.http_status = 200, .body = "version: STSv1\nmode: Enforce\nmx: mx.a.test\nmax_age: 86400\n"}}};
  const std::string html = render_domain_page(input, kContext);
  EXPECT_THAT(html, HasSubstr("<tr class=\"mark error\"><td>2</td><td>mode: Enforce<span class=\"note\">"));
  EXPECT_THAT(html, HasSubstr("<tr class=\"\"><td>3</td><td>mx: mx.a.test</td></tr>"));
}

TEST(DomainPage, ALongPolicyIsCutOff) {
  DomainPageInput input = input_of(enforcing(DomainState::failing, true));
  std::string body;
  for (int i = 0; i < 5000; ++i) body += "mx: mx.a.test\n";
  input.result.seen.policy = PolicyObservation{.attempts = {{.http_status = 200, .body = body}}};
  const std::string html = render_domain_page(input, kContext);
  EXPECT_THAT(html, HasSubstr("4,800 more lines"));
  EXPECT_LT(html.size(), 100'000U);
}

TEST(DomainPage, ReportsStandBesideProbes) {
  DomainPageInput input = input_of(enforcing(DomainState::failing, true));
  const auto report = [](bool counts, std::chrono::days age, std::uint64_t sessions) {
    FiledReport filed{.domain = "a.test", .counts = counts, .counted_end = kNow - age};
    filed.contents.tally.sessions = {{"sts", 100, sessions}};
    filed.contents.tally.failed = {{"certificate-expired", sessions}};
    return filed;
  };
  input.history.reports = {report(true, std::chrono::days{2}, 3), report(false, std::chrono::days{1}, 500),
                           report(true, std::chrono::days{60}, 700)};
  const std::string html = render_domain_page(input, kContext);
  EXPECT_THAT(html, HasSubstr("1 report of the last 30 days that count: 100 sessions succeeded, 3 failed."));
  EXPECT_THAT(html, HasSubstr("<td>3 sessions</td>"));
  EXPECT_THAT(html, HasSubstr(">2 days ago</time>"));
}

TEST(DomainPage, SaysWhatCheckSaysOfAFault) {
  DomainVerdict verdict = enforcing(DomainState::failing, false);
  verdict.mx = {{"a-test.mail.protection.outlook.com", 10, false, false}};
  verdict.faults = {{ResultType::validation_failure, verdict.mx.front().host, "mx-mismatch", "no pattern permits it"}};
  DomainPageInput input = input_of(verdict);
  input.result.seen.mx = {.lookup = {.status = DnsStatus::answered}, .records = {{10, verdict.mx.front().host}}};
  const std::string html = render_domain_page(input, kContext);
  for (const char* text : {"<strong>Often:</strong>", "<strong>To do:</strong>", "At Microsoft 365:", "dig MX a.test",
                           "<dt>Hosted by</dt><dd>Microsoft 365 (mail)</dd>", "/sts/runbooks#mx-mismatch"})
    EXPECT_THAT(html, HasSubstr(text));
}

/// A domain in testing that has been watched for a month without a failure, and may enforce.
DomainPageInput ready_input() {
  DomainVerdict verdict = enforcing(DomainState::ok, true);
  verdict.policy->mode = verdict.in_force->policy.mode = StsMode::testing;
  verdict.tlsrpt = RecordStatus::valid;
  verdict.mx_hosts = 1;
  DomainPageInput input = input_of(verdict);
  const UnixTime month_ago = kNow - std::chrono::days{30};
  input.history.memory = DomainMemory{.watched_since = month_ago};
  input.history.policies = {
      {.domain = "a.test", .id = "1", .policy = *verdict.policy, .first_seen = month_ago, .last_seen = kNow}};
  input.reports = {.expected = true, .last_report = kNow - std::chrono::days{1}, .last_failure = {}};
  input.result.seen.mx = {.lookup = {.status = DnsStatus::answered}, .records = {{10, "mx.a.test"}}};
  return input;
}

TEST(DomainPage, ShowsTheNextStepOfTheRollout) {
  const std::string html = render_domain_page(ready_input(), kContext);
  for (const char* text :
       {"<dd>advanced testing, since", "<span class=\"ok\">Yes.</span>",
        "version: STSv1\nmode: enforce\nmx: mx.a.test\nmax_age: 604800\n", "_mta-sts.a.test. 300 IN TXT"})
    EXPECT_THAT(html, HasSubstr(text));
  EXPECT_THAT(html, Not(HasSubstr("The way back")));
}

TEST(DomainPage, AReportedFailureHoldsTheRolloutUp) {
  DomainPageInput input = ready_input();
  input.reports.last_failure = kNow - std::chrono::days{1};
  const std::string html = render_domain_page(input, kContext);
  EXPECT_THAT(html, HasSubstr("Not yet."));
  EXPECT_THAT(html, HasSubstr("<li>A sender reported a failure 1 day ago"));
  EXPECT_THAT(html, Not(HasSubstr("mode: enforce\n")));
}

TEST(DomainPage, ShowsTheWayBack) {
  DomainPageInput input = input_of(enforcing(DomainState::failing, false));
  input.result.verdict.faults = {{ResultType::certificate_expired, "mx.a.test", "expired", "it expired"}};
  input.result.seen.sts.lookup.ttl = std::chrono::seconds{300};
  input.result.seen.mx = {.lookup = {.status = DnsStatus::answered}, .records = {{10, "mx.a.test"}}};
  const std::string html = render_domain_page(input, kContext);
  for (const char* text : {"<dd>BROKEN", "<a href=\"#todo\">above</a>", "<dt>At best</dt>", "<dt>At worst</dt>",
                           "mode: testing\nmx: mx.a.test\n", "mtasts_exporter advise --rollback a.test"})
    EXPECT_THAT(html, HasSubstr(text));
}

TEST(DomainPage, ChainsAreThoseOfTheDomain) {
  DomainPageInput input = input_of(enforcing(DomainState::ok, true));
  const auto address = *parse_ip_address("192.0.2.1");
  const TlsObservation tls{.chain = {{.pem = "LEAF\n"}, {.pem = "CA\n"}}};
  input.result.seen.policy = PolicyObservation{.attempts = {{.address = address, .tls = tls}}};
  input.result.host_observations = {{.host = "mx.a.test", .sessions = {{.address = address}}}};
  EXPECT_EQ(chain_pem(input, "mta-sts.a.test", "192.0.2.1"), "LEAF\nCA\n");
  EXPECT_EQ(chain_pem(input, "mta-sts.a.test", "192.0.2.2"), "");
  EXPECT_EQ(chain_pem(input, "mx.a.test", "192.0.2.1"), "");
  EXPECT_EQ(chain_pem(input, "mx.other.test", "192.0.2.1"), "");
  EXPECT_THAT(render_domain_page(input, kContext),
              HasSubstr("/sts/domains/a.test/chain.pem?host=mta-sts.a.test&amp;address=192.0.2.1"));
}

}  // namespace
}  // namespace mtasts
