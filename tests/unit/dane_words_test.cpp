// SPDX-License-Identifier: Apache-2.0
#include "exporter/dane_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mtasts {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kHost = "mx.example.org";

/// One MX host with two addresses, which show the keys "aa" and "bb".
CheckResult result_with(DaneState state, std::vector<TlsaRecord> records, std::optional<bool> verified) {
  CheckResult result;
  result.verdict.mx = {{.host = kHost, .dane_verified = verified}};
  MxHostObservation seen{.host = kHost};
  seen.tlsa = TlsaObservation{.base_domain = kHost, .records = records};
  for (const char* key : {"bb", "aa", "bb"}) {
    SmtpObservation session;
    session.tls = TlsObservation{.key_sha256 = key};
    seen.sessions.push_back(session);
  }
  result.host_observations = {seen};
  result.hosts = {{.host = kHost, .dane = DaneVerdict{.state = state, .records = records.size()}}};
  return result;
}

std::string text_of(const CheckResult& result) { return dane_text(result, result.verdict.mx.front()); }
std::vector<std::string> lines_of(const CheckResult& result) {
  return tlsa_lines(result, result.verdict.mx.front(), 25);
}

const TlsaRecord kKey{3, 1, 1, "cc"};
const TlsaRecord kAnchor{2, 0, 1, "dd"};

TEST(DaneWords, SayWhatDaneMakesOfAHost) {
  EXPECT_EQ(text_of(result_with(DaneState::unknown, {}, std::nullopt)), "");
  EXPECT_EQ(text_of(result_with(DaneState::insecure_address, {}, std::nullopt)), "");
  EXPECT_EQ(text_of(result_with(DaneState::bogus, {}, std::nullopt)), "BOGUS: DNSSEC validation fails");
  EXPECT_EQ(text_of(result_with(DaneState::no_records, {}, std::nullopt)), "signed, no TLSA records");
  EXPECT_EQ(text_of(result_with(DaneState::unusable, {{1, 1, 1, "cc"}}, std::nullopt)),
            "1 TLSA record (1 1 1), of no use for SMTP");
  EXPECT_EQ(text_of(result_with(DaneState::usable, {kKey, kAnchor, kKey}, true)),
            "3 TLSA records (2 0 1, 3 1 1), verified");
  EXPECT_EQ(text_of(result_with(DaneState::usable, {kKey}, false)),
            "1 TLSA record (3 1 1), NOT matched by the certificate");
  EXPECT_EQ(text_of(result_with(DaneState::usable, {kKey}, std::nullopt)),
            "1 TLSA record (3 1 1), not matched: no certificate was seen");
}

TEST(DaneWords, NameTheHostThatAnAliasLeadsTo) {
  CheckResult result = result_with(DaneState::usable, {kKey}, true);
  result.host_observations.front().tlsa->base_domain = "real.example.org";
  EXPECT_EQ(text_of(result), "1 TLSA record (3 1 1) of real.example.org, verified");
}

TEST(DaneWords, TheRecordToPublishIsForEveryKeyThatIsShown) {
  const auto expected =
      ElementsAre("_25._tcp.mx.example.org. IN TLSA 3 1 1 aa", "_25._tcp.mx.example.org. IN TLSA 3 1 1 bb");
  EXPECT_THAT(lines_of(result_with(DaneState::no_records, {}, std::nullopt)), expected);
  EXPECT_THAT(lines_of(result_with(DaneState::unusable, {{1, 1, 1, "cc"}}, std::nullopt)), expected);
  EXPECT_THAT(lines_of(result_with(DaneState::usable, {kKey}, false)), expected);
}

TEST(DaneWords, NothingIsToBePublishedWhereItWouldNotHelp) {
  EXPECT_THAT(lines_of(result_with(DaneState::usable, {kKey}, true)), IsEmpty());
  EXPECT_THAT(lines_of(result_with(DaneState::insecure_address, {}, std::nullopt)), IsEmpty());
  EXPECT_THAT(lines_of(result_with(DaneState::bogus, {}, std::nullopt)), IsEmpty());
  CheckResult unseen = result_with(DaneState::no_records, {}, std::nullopt);
  for (SmtpObservation& session : unseen.host_observations.front().sessions) session.tls.reset();
  EXPECT_THAT(lines_of(unseen), IsEmpty());
}

}  // namespace
}  // namespace mtasts
