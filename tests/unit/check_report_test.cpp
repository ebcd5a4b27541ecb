// SPDX-License-Identifier: Apache-2.0
// Golden files: tests/data/check_report/NAME.{txt,json}; written anew when MTASTS_UPDATE_GOLDEN is set.
#include "exporter/check_report.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace mtasts {
namespace {

using namespace std::chrono_literals;

constexpr UnixTime kNow{std::chrono::seconds{1'800'000'000}};

/// A catalogue of the test's own, so that rewording the real one does not move the golden files.
const CatalogueEntry* find_in_test(CodeKind kind, std::string_view code) {
  static constexpr auto kEntries = std::to_array<CatalogueEntry>({
      {CodeKind::result_type, "certificate-expired", Severity::critical, "A certificate has expired.", "Renew it.", "",
       "Nobody renewed it.", Look::mx_tls, "certificate-expired"},
      {CodeKind::result_type, "validation-failure", Severity::high, "The session did not pass.", "Look closer.", "", "",
       Look::mx_tls, "validation-failure"},
      {CodeKind::result_type, "starttls-not-supported", Severity::high, "No STARTTLS.", "Offer STARTTLS.", "", "",
       Look::smtp},
      {CodeKind::result_type, "sts-policy-fetch-error", Severity::high, "No policy.", "Serve it.", "", "",
       Look::policy},
      {CodeKind::reason, "expired", Severity::info, "The certificate's validity period is over.",
       "Renew the certificate on the mail server and reload it; check that the renewal job restarts the service.", "",
       "Renewal ran, but the mail server was not reloaded and goes on showing the certificate that it read before."},
      {CodeKind::reason, "mx-mismatch", Severity::info, "No mx pattern of the policy matches the host.",
       "Add the host to the policy, then change the id of the record.", "", "The MX moved.", Look::mx_records,
       "mx-not-covered"},
      {CodeKind::finding, "tlsrpt-record-missing", Severity::info, "Nobody is asked for reports.",
       "Publish a _smtp._tls record.", "", "It was never published.", Look::tlsrpt_record, "tlsrpt-record-missing"},
      {CodeKind::finding, "max-age-short", Severity::warning, "max_age is short.", "Raise max_age.", "", "",
       Look::policy},
      {CodeKind::finding, "no-such-domain", Severity::warning, "", "", "", "", Look::mx_records},
      {CodeKind::finding, "rua-mailto-no-mx", Severity::warning, "", "", "", "", Look::host_mx_records},
      {CodeKind::finding, "rua-https-unreachable", Severity::warning, "", "", "", "", Look::report_host_tls},
  });
  for (const CatalogueEntry& entry : kEntries)
    if (entry.kind == kind && entry.code == code) return &entry;
  return nullptr;
}

CheckReportOptions options() { return {.now = kNow, .find = find_in_test}; }

MxFamilyVerdict good_family() {
  return {.reachable = true,
          .starttls = true,
          .verified = true,
          .tls_version = "TLSv1.3",
          .cipher = "TLS_AES_256_GCM_SHA384",
          .tls_observed = kNow,
          .not_after = kNow + 62 * 24h};
}

IpAddress address(unsigned char last) { return {.family = IpFamily::ipv4, .octets = {192, 0, 2, last}}; }

TlsObservation good_tls() {
  return {.version = "TLSv1.3",
          .cipher = "TLS_AES_256_GCM_SHA384",
          .chain = {{.subject = "CN=mta-sts.example.org",
                     .issuer = "CN=An Authority,O=Example",
                     .serial = "01AB",
                     .sha256 = "0123",
                     .not_before = kNow - 50 * 24h,
                     .not_after = kNow + 40 * 24h,
                     .dns_names = {"mta-sts.example.org"},
                     .key_type = "EC",
                     .key_bits = 256,
                     .signature = "ecdsa-with-SHA256"}}};
}

PolicyFetchAttempt good_attempt() {
  return {.address = address(1),
          .tls = good_tls(),
          .http_status = 200,
          .content_type = "text/plain",
          .body = "version: STSv1\r\n"};
}

SmtpObservation good_session() {
  return {.address = address(25), .greeting_code = 220, .starttls_code = 220, .tls = good_tls()};
}

CheckResult healthy() {
  CheckResult result{.seconds = 1.25};
  const StsPolicy policy{.mode = StsMode::enforce, .max_age = 7 * 24h, .mx = {"*.example.org"}};
  DomainVerdict& verdict = result.verdict;
  verdict.domain = "example.org";
  verdict.state = DomainState::ok;
  verdict.success = true;
  verdict.dns_success.fill(true);
  verdict.record = RecordStatus::valid;
  verdict.record_id = "20260101";
  verdict.fetch_success = true;
  verdict.http_status = 200;
  verdict.policy_valid = true;
  verdict.policy = policy;
  verdict.in_force = PolicyInForce{.policy = policy, .id = "20260101", .until = kNow + 7 * 24h, .live = true};
  verdict.policy_not_after = kNow + 40 * 24h;
  verdict.mx_hosts = 2;
  verdict.mx = {{"mx1.example.org", 10, true, true}, {"mx2.example.org", 20, true, true}};
  verdict.deliverable = true;
  result.seen.domain = "example.org";
  result.seen.sts.records = {"v=STSv1; id=20260101"};
  result.seen.mx.lookup.status = DnsStatus::answered;
  result.seen.mx.records = {{10, "mx1.example.org"}, {20, "mx2.example.org"}};
  result.seen.tlsrpt.records = {"v=TLSRPTv1; rua=mailto:tlsrpt@example.org"};
  verdict.tlsrpt = RecordStatus::valid;
  result.seen.policy = PolicyObservation{};
  result.seen.policy->attempts = {good_attempt()};
  for (const MxMembership& mx : verdict.mx) {
    result.hosts.push_back({.host = mx.host, .ipv4 = good_family(), .ipv6 = good_family(), .known = true});
    result.host_observations.push_back({.host = mx.host, .sessions = {good_session()}});
  }
  return result;
}

CheckResult several_faults() {
  CheckResult result = healthy();
  DomainVerdict& verdict = result.verdict;
  verdict.state = DomainState::failing;
  verdict.success = false;
  verdict.mx.push_back({"mx.backup.example", 30, false, false});
  verdict.mx[0].deliverable = false;
  result.host_observations[0].sessions[0].tls->problems = {{.fault = CertificateFault::expired, .text = "expired"}};
  MxFamilyVerdict& ipv4 = *result.hosts[0].ipv4;
  ipv4.verified = false;
  ipv4.not_after = kNow - 3 * 24h;
  result.hosts[0].ipv6 = MxFamilyVerdict{.reachable = false, .unreachable_reason = "timeout"};
  result.hosts.push_back({.host = "mx.backup.example", .ipv4 = MxFamilyVerdict{.reachable = true, .starttls = false}});
  verdict.faults = {
      {ResultType::certificate_expired, "mx1.example.org", "expired", "The certificate expired on 2027-01-12."},
      {ResultType::validation_failure, "mx.backup.example", "mx-mismatch", "No pattern matches mx.backup.example."},
      {ResultType::starttls_not_supported, "mx.backup.example", "not-offered", "answered \x1b[2J to EHLO\r\n"}};
  SmtpObservation silent{.address = address(26)};
  silent.failure = NetFailure{.stage = NetStage::connect, .error = NetError::timeout, .text = "no answer in time"};
  result.host_observations[0].sessions.push_back(silent);
  result.host_observations.push_back({.host = "mx.backup.example", .sessions = {{.address = address(27)}}});
  verdict.findings = {{"max-age-short", "", "max_age is 7 days; below 14 days the protection hardly lasts."},
                      {"tlsrpt-record-missing", "", ""}};
  return result;
}

/// Google's MX hosts, none of which the policy permits, and a policy that a Worker does not serve.
CheckResult providers() {
  CheckResult result{.seconds = 0.4};
  DomainVerdict& verdict = result.verdict;
  verdict.domain = "example.org";
  verdict.state = DomainState::failing;
  verdict.record = RecordStatus::valid;
  verdict.record_id = "20260101";
  verdict.tlsrpt = RecordStatus::valid;
  verdict.fetch_success = false;
  verdict.http_status = 404;
  result.seen.domain = "example.org";
  result.seen.policy = PolicyObservation{};
  result.seen.policy->lookup.addresses = {*parse_ip_address("104.21.3.7")};
  verdict.faults = {{ResultType::sts_policy_fetch_error, "mta-sts.example.org", "http-status", "It answered 404."}};
  for (const char* host : {"aspmx.l.google.com", "alt1.aspmx.l.google.com"}) {
    verdict.mx.push_back({host, 10, false, false});
    result.seen.mx.records.push_back({10, host});
    verdict.faults.push_back({ResultType::validation_failure, host, "mx-mismatch", "No pattern matches it."});
  }
  return result;
}

CheckResult unresolvable() {
  CheckResult result{.seconds = 15.04};
  result.verdict.domain = "broken-dns.example";
  result.verdict.state = DomainState::unknown;
  result.verdict.unknown_reason = "the resolver 127.0.0.1:53 answers nothing";
  result.seen.mx.lookup.status = DnsStatus::timeout;
  return result;
}

CheckResult nonexistent() {
  CheckResult result{.seconds = 0.1};
  result.verdict.domain = "no-such.example";
  result.verdict.state = DomainState::failing;
  result.verdict.record = RecordStatus::none;
  result.verdict.tlsrpt = RecordStatus::none;
  result.verdict.findings = {{"no-such-domain", "no-such.example", "DNS knows no such domain (NXDOMAIN)"}};
  result.seen.mx.lookup.status = DnsStatus::nxdomain;
  return result;
}

CheckResult null_mx() {
  CheckResult result{.seconds = 0.1};
  result.verdict.domain = "nomail.example";
  result.verdict.state = DomainState::ok;
  result.verdict.record = RecordStatus::none;
  result.verdict.fetch_success = false;
  result.verdict.null_mx = true;
  result.verdict.mx_hosts = 0;
  result.seen.mx.lookup.status = DnsStatus::answered;
  return result;
}

CheckResult no_mta_sts() {
  CheckResult result = healthy();
  result.verdict.success = false;
  result.verdict.record = RecordStatus::none;
  result.verdict.record_id = "";
  result.verdict.fetch_success = false;
  result.verdict.http_status = 0;
  result.verdict.policy_valid.reset();
  result.verdict.policy.reset();
  result.verdict.in_force.reset();
  result.verdict.policy_not_after.reset();
  for (MxMembership& mx : result.verdict.mx) mx.covered.reset();
  result.seen.sts.records.clear();
  result.seen.policy->attempts.clear();
  return result;
}

void expect_golden(const std::string& name, const std::string& actual) {
  const std::string path = std::string(MTASTS_TEST_DATA) + "/check_report/" + name;
  if (std::getenv("MTASTS_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << actual;
  std::ostringstream expected;
  expected << std::ifstream(path).rdbuf();
  EXPECT_EQ(actual, expected.str()) << path;
}

struct GoldenCase {
  const char* name;
  CheckResult (*result)();
  int exit_status;
};

class CheckReport : public testing::TestWithParam<GoldenCase> {};

TEST_P(CheckReport, MatchesItsGoldenFiles) {
  const std::array results{GetParam().result()};
  expect_golden(std::string(GetParam().name) + ".txt", render_check_text(results, options()));
  expect_golden(std::string(GetParam().name) + ".json", render_check_json(results, options()));
  EXPECT_EQ(check_exit_status(results, find_in_test), GetParam().exit_status);
}

INSTANTIATE_TEST_SUITE_P(Cases, CheckReport,
                         testing::Values(GoldenCase{"healthy", healthy, 0},
                                         GoldenCase{"several_faults", several_faults, 1},
                                         GoldenCase{"providers", providers, 2},
                                         GoldenCase{"unresolvable", unresolvable, 3},
                                         GoldenCase{"nonexistent", nonexistent, 3}, GoldenCase{"null_mx", null_mx, 0},
                                         GoldenCase{"no_mta_sts", no_mta_sts, 0}),
                         [](const auto& tested) { return tested.param.name; });

TEST(CheckExitStatus, CriticalWhenMailIsRefused) {
  CheckResult result = several_faults();
  result.verdict.deliverable = false;
  EXPECT_EQ(check_status(result, find_in_test), CheckStatus::critical);
  result.verdict.in_force->policy.mode = StsMode::testing;
  EXPECT_EQ(check_status(result, find_in_test), CheckStatus::warning);
}

TEST(CheckExitStatus, CriticalWhenAFundamentalIsBroken) {
  for (const RecordStatus status : {RecordStatus::none, RecordStatus::invalid, RecordStatus::multiple}) {
    CheckResult result = healthy();
    result.verdict.record = status;
    EXPECT_EQ(check_status(result, find_in_test), CheckStatus::critical) << to_string(status);
  }
  for (const ResultType type :
       {ResultType::sts_policy_fetch_error, ResultType::sts_policy_invalid, ResultType::sts_webpki_invalid}) {
    CheckResult result = healthy();
    result.verdict.faults = {{.type = type}};
    EXPECT_EQ(check_status(result, find_in_test), CheckStatus::critical) << to_string(type);
  }
}

TEST(CheckExitStatus, UnknownWhenDnsDidNotSay) {
  CheckResult result = healthy();
  result.verdict.dns_success[static_cast<std::size_t>(DnsQuery::mx)] = false;
  EXPECT_EQ(check_status(result, find_in_test), CheckStatus::unknown);
  result = no_mta_sts();
  result.seen.mx.lookup.status = DnsStatus::nxdomain;
  EXPECT_EQ(check_status(result, find_in_test), CheckStatus::unknown);
}

TEST(CheckExitStatus, TheWorstCounts) {
  CheckResult critical = healthy();
  critical.verdict.record = RecordStatus::invalid;
  EXPECT_EQ(check_exit_status(std::array{healthy(), several_faults()}, find_in_test), 1);
  EXPECT_EQ(check_exit_status(std::array{several_faults(), unresolvable()}, find_in_test), 3);
  EXPECT_EQ(check_exit_status(std::array{unresolvable(), critical, healthy()}, find_in_test), 2);
  EXPECT_EQ(check_exit_status({}, find_in_test), 3);
}

TEST(CheckReportText, ColorOnlyWhenAskedFor) {
  const std::array results{several_faults()};
  EXPECT_EQ(render_check_text(results, options()).find('\x1b'), std::string::npos);
  CheckReportOptions colorful = options();
  colorful.color = true;
  EXPECT_NE(render_check_text(results, colorful).find("\x1b[1;33mWARNING\x1b[0m"), std::string::npos);
}

TEST(CheckReportText, NoCommandIsMadeOfANameThatAShellWouldRun) {
  CheckResult result = healthy();
  result.verdict.faults = {{ResultType::certificate_expired, "$(reboot).example", "expired", ""}};
  EXPECT_EQ(render_check_text(std::array{result}, options()).find("See it"), std::string::npos);
}

TEST(CheckReportText, SaysOfEveryPlaceForReportsWhatIsThere) {
  CheckResult result = healthy();
  result.seen.tlsrpt.records = {
      "v=TLSRPTv1; rua=mailto:a@example.org,mailto:a@one.example,https://two.example/,https://three.example/,"
      "https://three.example:8443/"};
  ReportTargetObservation one{.target = {ReportTargetKind::mailbox, "one.example"}};
  one.mx.lookup.status = DnsStatus::nxdomain;
  ReportTargetObservation two{.target = {ReportTargetKind::https, "two.example"}};
  two.attempts = {{.address = address(7), .failure = NetFailure{.error = NetError::refused, .text = "no, thanks"}}};
  result.seen.report_targets = {std::make_shared<const ReportTargetObservation>(one),
                                std::make_shared<const ReportTargetObservation>(two)};
  result.verdict.findings = {{"rua-mailto-no-mx", "one.example", ""}, {"rua-https-unreachable", "two.example", ""}};
  const std::string text = render_check_text(std::array{result}, options());
  for (const char* part :
       {"mailto:a@example.org (takes mail)", "mailto:a@one.example (takes NO mail)", "https://two.example/ (takes NO",
        "https://three.example/ (not known)", "https://three.example:8443/ (not looked at)", "dig MX one.example\n",
        "openssl s_client -connect 192.0.2.7:443 -servername two.example"}) {
    std::string one_line = text;
    for (std::size_t at; (at = one_line.find("\n               ")) != std::string::npos;) one_line.replace(at, 16, " ");
    EXPECT_NE(one_line.find(part), std::string::npos) << part << "\n" << text;
  }
  const std::string json = render_check_json(std::array{result}, options());
  const char* const place = R"#({"uri":"https://two.example/","looked_at":true,"takes_reports":false,)#"
                            R"#("message":"no report can be posted to two.example: no, thanks (192.0.2.7)"})#";
  EXPECT_NE(json.find(place), std::string::npos) << json;
}

TEST(CheckSeverity, EveryFaultIsCriticalOnceMailIsRefused) {
  CheckResult result = several_faults();
  const Fault& expired = result.verdict.faults[1];
  EXPECT_EQ(severity_of(expired, result.verdict, find_in_test), Severity::high);
  result.verdict.deliverable = false;
  EXPECT_EQ(severity_of(expired, result.verdict, find_in_test), Severity::critical);
  result.verdict.in_force->policy.mode = StsMode::testing;
  EXPECT_EQ(severity_of(expired, result.verdict, find_in_test), Severity::high);
}

TEST(CheckSeverity, AnUnreachableHostIsCriticalWhereNoOtherTakesMail) {
  CheckResult result = healthy();
  const Finding unreachable{"mx-unreachable", "mx1.example.org", "no connection in time", "timeout"};
  EXPECT_EQ(severity_of(unreachable, result.verdict, find_code), Severity::warning);
  result.verdict.deliverable = false;
  EXPECT_EQ(severity_of(unreachable, result.verdict, find_code), Severity::critical);
  EXPECT_EQ(severity_of(Finding{"weak-key", "", ""}, result.verdict, find_code), Severity::warning);
  result.verdict.in_force->policy.mode = StsMode::testing;
  EXPECT_EQ(severity_of(unreachable, result.verdict, find_code), Severity::high);
}

TEST(CheckSeverity, NoSenderRefusesADomainWithoutMtaSts) {
  CheckResult result = no_mta_sts();
  const Fault fault{ResultType::starttls_not_supported, "mx1.example.org", "not-offered", ""};
  EXPECT_EQ(severity_of(fault, result.verdict, find_in_test), Severity::warning);
}

TEST(CheckReportText, CommandsReachWhatOnlyTheProbesResolverKnows) {
  CheckResult result = healthy();
  result.verdict.faults = {{ResultType::sts_policy_fetch_error, "mta-sts.example.org", "http-status", ""}};
  result.seen.policy->attempts[0].http_status = 404;
  CheckReportOptions lab = options();
  lab.places = {.policy_port = 8443, .dns_server = "[::1]:53", .ca_file = "/tmp/my lab/ca.pem"};
  const std::string text = render_check_text(std::array{result}, lab);
  EXPECT_NE(text.find("See it:  curl -sSi --max-time 60 --cacert '/tmp/my lab/ca.pem' "
                      "--resolve mta-sts.example.org:8443:192.0.2.1 "
                      "https://mta-sts.example.org:8443/.well-known/mta-sts.txt | head -c 4000\n"),
            std::string::npos)
      << text;
}

TEST(CheckReportText, CommandsUseTheServerAndPortsOfTheProbe) {
  CheckResult result = several_faults();
  result.verdict.record = RecordStatus::invalid;
  CheckReportOptions lab = options();
  lab.places.smtp_port = 2525;
  lab.places.dns_server = "127.0.0.1:5353";
  const std::string text = render_check_text(std::array{result}, lab);
  EXPECT_NE(text.find("dig @127.0.0.1 -p 5353 TXT _mta-sts.example.org\n"), std::string::npos) << text;
  EXPECT_NE(text.find("-starttls smtp -connect 192.0.2.25:2525 -servername mx1.example.org "), std::string::npos)
      << text;
}

}  // namespace
}  // namespace mtasts
