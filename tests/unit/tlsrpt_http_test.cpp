// What senders are told, and who is let in.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/tlsrpt_http.h"

#include <gmock/gmock.h>

#include "tests/support/cases.h"

namespace mtasts::test {
namespace {

using testing::Contains;
using testing::Key;
using testing::Not;
using testing::Pair;

ReportOutcome outcome_named(const std::string& name) {
  for (std::size_t i = 0; i < kReportOutcomeCount; ++i) {
    if (to_string(static_cast<ReportOutcome>(i)) == name) return static_cast<ReportOutcome>(i);
  }
  throw std::runtime_error{"no outcome " + name};
}

IntakeResult result_of(const Case& entry) {
  IntakeResult result{.stored = entry.node["stored"].as<bool>(true)};
  for (const std::string& name : list_of(entry, "outcomes")) {
    const std::string number = std::to_string(result.reports.size());
    result.reports.push_back({outcome_named(name), "d" + number + ".example", "why " + number});
  }
  return result;
}

class AnswerCases : public testing::TestWithParam<Case> {};

TEST_P(AnswerCases, AreOneLineWithAStatus) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where);
  const HttpResponse answer = answer_to_sender(result_of(expected));
  EXPECT_EQ(answer.status, expected.node["status"].as<int>());
  EXPECT_EQ(answer.body, text_of(expected, "line") + "\n");
  if (answer.status == 503) {
    EXPECT_THAT(answer.headers, Contains(Key("Retry-After")));
  } else {
    EXPECT_THAT(answer.headers, Not(Contains(Key("Retry-After"))));
  }
}
INSTANTIATE_TEST_SUITE_P(Data, AnswerCases, testing::ValuesIn(load_cases("tlsrpt_http_answers.yaml")), case_name);

TEST(TlsrptHttp, AReportCannotWriteASecondLine) {
  const IntakeResult result{.reports = {{ReportOutcome::counted, "a.example", "report x\r\ny\x01 of \xff"}}};
  EXPECT_EQ(answer_to_sender(result).body, "counted: a.example: report x\\x0d\\x0ay\\x01 of \\xff\n");
}

class MediaCases : public testing::TestWithParam<Case> {};

TEST_P(MediaCases, AreRefusedWhenTheyCannotBeReports) {
  const Case& expected = GetParam();
  SCOPED_TRACE(expected.where);
  HttpRequest head;
  const auto type = expected.node["type"].as<std::string>("");
  const auto coding = expected.node["coding"].as<std::string>("");
  if (!type.empty()) head.headers["content-type"] = type;
  if (!coding.empty()) head.headers["content-encoding"] = coding;
  const auto refusal = refuse_media(head);
  EXPECT_EQ(refusal ? refusal->status : 0, expected.node["status"].as<int>());
}
INSTANTIATE_TEST_SUITE_P(Data, MediaCases, testing::ValuesIn(load_cases("tlsrpt_http_media.yaml")), case_name);

TEST(TlsrptHttp, Tokens) {
  const std::vector<std::string> tokens{"0123456789abcdef", "another-token-16"};
  EXPECT_TRUE(is_known_token("0123456789abcdef", tokens));
  EXPECT_TRUE(is_known_token("another-token-16", tokens));
  for (const char* wrong : {"", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeF", "another-token-16/"})
    EXPECT_FALSE(is_known_token(wrong, tokens)) << wrong;
  EXPECT_FALSE(is_known_token("", {}));
}

class DoorTest : public testing::Test {
 protected:
  int status(const std::string& peer, const std::string& path = "/tlsrpt") {
    const HttpRequest head{.method = "POST", .path = path, .peer = peer};
    const auto refusal = http_.judge(head, config_);
    if (refusal && refusal->status == 429) {
      EXPECT_THAT(refusal->headers, Contains(Pair("Retry-After", "300")));
    }
    return refusal ? refusal->status : 0;
  }

  TlsrptHttpConfig config_{.enabled = true, .tokens = {"0123456789abcdef"}};
  TlsrptHttp http_{{}};
};

TEST_F(DoorTest, AWrongTokenIsAPageThatIsNotThere) {
  EXPECT_EQ(status("192.0.2.1:1", "/tlsrpt/0123456789abcdef"), 0);
  for (const char* path :
       {"/tlsrpt/", "/tlsrpt/0123456789abcdee", "/tlsrpt/0123456789abcdef/", "/tlsrpt/a/0123456789abcdef"})
    EXPECT_EQ(status("192.0.2.1:1", path), 404) << path;
}

TEST_F(DoorTest, ASourceThatComesTooOftenWaits) {
  int refused = 0;
  for (int i = 0; i < 1000; ++i) refused += status("[2001:db8::" + std::to_string(i) + "]:1") == 429 ? 1 : 0;
  EXPECT_GT(refused, 500);
  EXPECT_EQ(status("[2001:db8:0:1::1]:1"), 0) << "another network";
}

TEST_F(DoorTest, GuessingTokensCountsToo) {
  int refused = 0;
  for (int i = 0; i < 1000; ++i) refused += status("192.0.2.1:1", "/tlsrpt/guess") == 429 ? 1 : 0;
  EXPECT_GT(refused, 500);
}

TEST_F(DoorTest, AProxyOnThisMachineDoesNotWait) {
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(status("127.0.0.1:1"), 0);
}

TEST(TlsrptHttp, WarnsOfClientCertificatesOnTheMainListeners) {
  WebOptions web;
  web.tls = WebTls{.client_auth = ClientAuth::require_and_verify, .client_ca = {.file = "ca.pem"}};
  TlsrptHttpConfig config{.enabled = true};
  EXPECT_THAT(client_certificate_warning(config, web), testing::HasSubstr("set tlsrpt.http.listen_address"));
  config.listen_address = ":8443";
  EXPECT_EQ(client_certificate_warning(config, web), "");
  config = {};
  EXPECT_EQ(client_certificate_warning(config, web), "");
  config.enabled = true;
  web.tls->client_auth = ClientAuth::verify_if_given;
  EXPECT_EQ(client_certificate_warning(config, web), "");
}

}  // namespace
}  // namespace mtasts::test
