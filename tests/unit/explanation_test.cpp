// SPDX-License-Identifier: Apache-2.0
#include "exporter/explanation.h"

#include <gtest/gtest.h>

namespace mtasts {
namespace {

const CatalogueEntry& entry(CodeKind kind, std::string_view code) { return *find_code(kind, code); }

TEST(Explanation, OfAFaultIsThatOfItsReasonAtItsResultType) {
  const Fault starttls{ResultType::starttls_not_supported, "mx.example.org", "refused", ""};
  EXPECT_EQ(explain(starttls).remedy, entry(CodeKind::reason, "starttls-not-supported/refused").remedy);
  const Fault at_mx{ResultType::validation_failure, "mx.example.org", "tls-alert", ""};
  const Fault at_policy{ResultType::sts_policy_fetch_error, "mta-sts.example.org", "tls-alert", ""};
  EXPECT_EQ(explain(at_mx).cause, entry(CodeKind::reason, "validation-failure/tls-alert").cause);
  EXPECT_EQ(explain(at_policy).cause, entry(CodeKind::reason, "tls-alert").cause);
  const Fault silent{ResultType::sts_policy_fetch_error, "mta-sts.example.org", "timeout", ""};
  EXPECT_EQ(explain(silent).meaning, entry(CodeKind::reason, "sts-policy-fetch-error/timeout").meaning);
}

TEST(Explanation, OfAFindingHasTheCauseAndRemedyOfItsReason) {
  const Finding finding{"mx-unreachable", "mx.example.org", "greets with 554", "greeting-5xx"};
  const CatalogueEntry& reason = entry(CodeKind::reason, "greeting-5xx");
  const Explanation words = explain(finding);
  EXPECT_EQ(words.meaning, entry(CodeKind::finding, "mx-unreachable").meaning);
  EXPECT_EQ(words.cause, reason.cause);
  EXPECT_EQ(words.remedy, reason.remedy);
  EXPECT_EQ(explain(Finding{"mta-sts-record-invalid", "", "", "id-syntax"}).remedy,
            entry(CodeKind::record_error, "id-syntax").remedy);
  EXPECT_EQ(explain(Finding{"policy-warning", "", "", "key-typo"}).remedy,
            entry(CodeKind::policy_error, "key-typo").remedy);
  EXPECT_EQ(explain(Finding{"weak-key", "", ""}).remedy, entry(CodeKind::finding, "weak-key").remedy);
}

TEST(Explanation, MessageStandsForTheMeaning) {
  const Explanation words{.meaning = "It failed.", .remedy = "Mend it."};
  EXPECT_EQ(render_explanation("  ", words, ""), "  Meaning: It failed.\n  To do:   Mend it.\n");
  EXPECT_EQ(render_explanation("  ", words, "it failed at 192.0.2.1"), "  To do:   Mend it.\n");
}

}  // namespace
}  // namespace mtasts
