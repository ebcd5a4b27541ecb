// SPDX-License-Identifier: Apache-2.0
#include "probes/core/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

namespace mtasts::test {
namespace {

bool is_code_octet(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '/'; }

TEST(Catalogue, IsOrderedByKind) {
  EXPECT_TRUE(std::is_sorted(catalogue().begin(), catalogue().end(),
                             [](const auto& a, const auto& b) { return a.kind < b.kind; }));
}

TEST(Catalogue, CodesOfAKindAreUniqueAndFound) {
  std::set<std::pair<CodeKind, std::string_view>> seen;
  for (const CatalogueEntry& entry : catalogue()) {
    EXPECT_TRUE(seen.emplace(entry.kind, entry.code).second) << entry.code;
    EXPECT_EQ(find_code(entry.kind, entry.code), &entry);
  }
  EXPECT_EQ(find_code(CodeKind::finding, "certificate-expired"), nullptr);
}

TEST(Catalogue, EveryEntrySaysWhatAndWhatToDo) {
  for (const CatalogueEntry& entry : catalogue()) {
    SCOPED_TRACE(entry.code);
    EXPECT_FALSE(entry.code.empty());
    EXPECT_TRUE(std::all_of(entry.code.begin(), entry.code.end(), is_code_octet));
    EXPECT_TRUE(entry.meaning.ends_with('.'));
    EXPECT_TRUE(entry.remedy.ends_with('.'));
    EXPECT_TRUE(entry.source.empty() || entry.source.starts_with("RFC "));
  }
}

bool is_fault_or_finding(const CatalogueEntry& entry) {
  return entry.kind == CodeKind::result_type || entry.kind == CodeKind::reason || entry.kind == CodeKind::finding;
}

TEST(Catalogue, EveryFaultAndFindingHasACause) {
  for (const CatalogueEntry& entry : catalogue()) {
    SCOPED_TRACE(entry.code);
    EXPECT_TRUE(entry.cause.ends_with('.') || (entry.cause.empty() && !is_fault_or_finding(entry)));
    EXPECT_NE(entry.cause, entry.meaning);
  }
}

TEST(Catalogue, EveryFaultAndFindingHasACommandUnlessTheReportSaysItAll) {
  // The mode is in the report; a timeout is shown by the command of its result type; our own trouble by no command.
  const std::set<std::string_view> said{"testing", "testing-for-long",        "mode-unexpected", "timeout",
                                        "local",   "pipelined-after-starttls"};
  for (const CatalogueEntry& entry : catalogue()) {
    if (!is_fault_or_finding(entry)) continue;
    EXPECT_EQ(entry.look == Look::none, said.contains(entry.code)) << entry.code;
  }
}

TEST(Catalogue, CommandTemplatesHaveKnownPlaceholders) {
  EXPECT_EQ(command_template(Look::none), "");
  for (std::size_t i = 1; i < kLookCount; ++i) {
    std::string command{command_template(static_cast<Look>(i))};
    SCOPED_TRACE(command);
    EXPECT_NE(command, "");
    for (const std::string known : {"{domain}", "{host}", "{port}", "{type}"})
      for (std::size_t at; (at = command.find(known)) != std::string::npos;) command.erase(at, known.size());
    EXPECT_EQ(command.find_first_of("{}"), std::string::npos);
  }
}

TEST(Catalogue, EveryResultTypeHasItsRunbook) {
  for (const CatalogueEntry& entry : catalogue().first(kResultTypeCount)) EXPECT_EQ(entry.runbook, entry.code);
  EXPECT_EQ(runbook_url("clock-skew"),
            "https://github.com/mtasts-exporter/mtasts_exporter/blob/main/docs/runbooks/clock-skew.md");
  EXPECT_EQ(runbook_url(""), "");
}

TEST(Catalogue, HoldsEveryResultTypeInTheRegistrysOrder) {
  ASSERT_GE(catalogue().size(), kResultTypeCount);
  for (std::size_t i = 0; i < kResultTypeCount; ++i) {
    EXPECT_EQ(catalogue()[i].kind, CodeKind::result_type);
    EXPECT_EQ(catalogue()[i].code, to_string(static_cast<ResultType>(i)));
  }
  EXPECT_FALSE(catalogue()[kResultTypeCount].kind == CodeKind::result_type);
}

TEST(Catalogue, OnlyMissingStarttlsIsCritical) {
  for (const CatalogueEntry& entry : catalogue().first(kResultTypeCount)) {
    const bool critical = entry.code == "starttls-not-supported";
    EXPECT_EQ(entry.severity, critical ? Severity::critical : Severity::high) << entry.code;
  }
}

TEST(Catalogue, HoldsEveryReasonOfTheContract) {
  for (const char* code :
       {"dns-nxdomain",    "dns-nodata",      "dns-servfail",  "dns-timeout",  "address-refused", "connect-error",
        "connect-refused", "connect-timeout", "tls-alert",     "tls-version",  "tls-error",       "timeout",
        "http-status",     "http-redirect",   "http-protocol", "media-type",   "too-large",       "certificate-expired",
        "not-yet-valid",   "name-mismatch",   "no-san",        "self-signed",  "unknown-ca",      "incomplete-chain",
        "chain-error",     "mx-mismatch",     "not-offered",   "refused",      "expired",         "handshake-timeout",
        "tlsa-mismatch",   "dnssec-bogus",    "greeting-4xx",  "greeting-5xx", "closed",          "reset",
        "unreachable"}) {
    EXPECT_NE(find_code(CodeKind::reason, code), nullptr) << code;
  }
}

TEST(Catalogue, WordsOfLabels) {
  EXPECT_EQ(to_string(CodeKind::policy_error), "policy_error");
  EXPECT_EQ(to_string(CodeKind::outcome), "outcome");
  EXPECT_EQ(to_string(Severity::critical), "critical");
  EXPECT_EQ(to_string(DomainState::unknown), "unknown");
  EXPECT_EQ(to_string(DnsQuery::mta_sts), "mta_sts");
  EXPECT_EQ(to_string(DnsQuery::tlsa), "tlsa");
  EXPECT_EQ(to_string(ResultType::sts_webpki_invalid), "sts-webpki-invalid");
}

}  // namespace
}  // namespace mtasts::test
