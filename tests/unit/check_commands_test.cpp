// SPDX-License-Identifier: Apache-2.0
#include "exporter/check_commands.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace mtasts::test {
namespace {

constexpr const char* kHost = "mx.example.org";

std::string filled_in(std::string command) {
  const std::vector<std::pair<std::string, std::string>> words{{"{domain}", "example.org"},
                                                               {"{host}", kHost},
                                                               {"{port}", "25"},
                                                               {"{type}", "AAAA"},
                                                               {"[-starttls smtp]", "-starttls smtp"}};
  for (const auto& [placeholder, word] : words)
    for (std::size_t at; (at = command.find(placeholder)) != std::string::npos;)
      command.replace(at, placeholder.size(), word);
  return command;
}

CheckResult nothing_seen() {
  CheckResult result;
  result.verdict.domain = "example.org";
  return result;
}

TEST(CheckCommands, AreTheTemplatesWhereTheProbeLookedAtTheUsualPlaces) {
  const CheckResult result = nothing_seen();
  const CheckPlaces places;
  for (std::size_t i = 0; i < kLookCount; ++i) {
    const auto look = static_cast<Look>(i);
    if (look == Look::report_host_tls) continue;  // needs the address that was looked at
    EXPECT_EQ(CheckCommands(result, places).show(look, kHost, "AAAA mx.example.org: SERVFAIL"),
              filled_in(std::string{command_template(look)}));
  }
}

TEST(CheckCommands, LookAtTheReportHostThatWasLookedAt) {
  CheckResult result = nothing_seen();
  ReportTargetObservation seen{.target = {ReportTargetKind::https, kHost}};
  seen.attempts = {{.address = {.family = IpFamily::ipv4, .octets = {192, 0, 2, 7}}}};
  result.seen.report_targets = {std::make_shared<const ReportTargetObservation>(seen)};
  const CheckPlaces places;
  std::string expected = filled_in(std::string{command_template(Look::report_host_tls)});
  const std::string peer = std::string("-connect ") + kHost;
  expected.replace(expected.find(peer), peer.size(), "-connect 192.0.2.7");
  EXPECT_EQ(CheckCommands(result, places).show(Look::report_host_tls, kHost, ""), expected);
}

TEST(CheckCommands, AskForClearTextWhereTheProbeDid) {
  CheckResult result = nothing_seen();
  result.seen.clear_text = PolicyFetchAttempt{.address = {.family = IpFamily::ipv4, .octets = {192, 0, 2, 7}}};
  const CheckPlaces places{.http_port = 8080, .dns_server = "192.0.2.53:53"};
  EXPECT_EQ(CheckCommands(result, places).show(Look::policy_over_http, "", ""),
            "curl -sSi --max-time 10 --resolve mta-sts.example.org:8080:192.0.2.7 "
            "http://mta-sts.example.org:8080/.well-known/mta-sts.txt | head -c 4000");
}

TEST(CheckCommands, GreetAsTheProbeDoes) {
  const CheckResult result = nothing_seen();
  const CheckPlaces places{.helo = "probe.example.net"};
  EXPECT_EQ(CheckCommands(result, places).show(Look::smtp, kHost, ""),
            filled_in(std::string{command_template(Look::smtp)}) + "/probe.example.net");
}

TEST(CheckCommands, OfAFaultAreThoseOfItsReasonElseOfItsType) {
  struct {
    Fault fault;
    Look look;
  } const cases[] = {
      {{ResultType::sts_policy_fetch_error, "mta-sts.example.org", "dns-nxdomain", ""}, Look::host_addresses},
      {{ResultType::sts_policy_fetch_error, "mta-sts.example.org", "timeout", ""}, Look::policy},
      {{ResultType::sts_policy_invalid, "mta-sts.example.org", "mode-missing", ""}, Look::policy},
      {{ResultType::sts_webpki_invalid, "mta-sts.example.org", "no-san", ""}, Look::host_tls_names},
      {{ResultType::certificate_expired, kHost, "expired", ""}, Look::mx_tls},
      {{ResultType::validation_failure, kHost, "mx-mismatch", ""}, Look::mx_records},
      {{ResultType::validation_failure, kHost, "unheard-of", ""}, Look::mx_tls},
      {{ResultType::dnssec_invalid, kHost, "dnssec-bogus", ""}, Look::tlsa_unchecked},
  };
  const CheckResult result = nothing_seen();
  const CheckPlaces places;
  const CheckCommands commands(result, places);
  for (const auto& [fault, look] : cases)
    EXPECT_EQ(commands.of(fault), commands.show(look, fault.host, "")) << fault.reason;
}

TEST(CheckCommands, LookAtACertificateWhereItIs) {
  const CheckResult result = nothing_seen();
  const CheckPlaces places;
  const CheckCommands commands(result, places);
  EXPECT_EQ(commands.of(Finding{"weak-key", kHost, ""}), commands.show(Look::mx_tls, kHost, ""));
  EXPECT_EQ(commands.of(Finding{"weak-key", "mta-sts.example.org", ""}), commands.show(Look::policy_tls, "", ""));
}

}  // namespace
}  // namespace mtasts::test
