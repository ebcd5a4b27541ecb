// SPDX-License-Identifier: Apache-2.0
#include "probes/net/dns_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace mtasts {
namespace {

using testing::ElementsAre;
using Wire = std::vector<std::uint8_t>;

constexpr std::uint16_t kId = 0x1234;
constexpr std::uint16_t kCname = 5;
constexpr std::uint16_t kPlain = 0x8180;  // QR, RD, RA
constexpr std::uint16_t kTc = 0x0200;
constexpr std::uint16_t kAd = 0x0020;

void put16(Wire& wire, std::size_t value) {
  wire.push_back(static_cast<std::uint8_t>(value >> 8));
  wire.push_back(static_cast<std::uint8_t>(value));
}

Wire name_wire(const std::string& name) {
  Wire wire;
  std::istringstream labels(name);
  for (std::string label; std::getline(labels, label, '.');) {
    wire.push_back(static_cast<std::uint8_t>(label.size()));
    wire.insert(wire.end(), label.begin(), label.end());
  }
  wire.push_back(0);
  return wire;
}

struct Record {
  std::string owner;
  std::uint16_t type;
  Wire data;
  std::uint32_t ttl{300};
};

Record cname(const std::string& owner, const std::string& target, std::uint16_t ttl = 300) {
  return {owner, kCname, name_wire(target), ttl};
}

/// A message as RFC 1035 section 4.1 lays it out, without compression.
Wire message(const DnsQuestion& question, std::uint16_t flags, const std::vector<Record>& answers = {}) {
  Wire wire;
  const std::size_t header[] = {kId, flags, 1, answers.size(), 0, 0};
  for (const std::size_t field : header) put16(wire, field);
  const Wire asked = name_wire(question.name);
  wire.insert(wire.end(), asked.begin(), asked.end());
  put16(wire, static_cast<std::uint16_t>(question.type));
  put16(wire, 1);
  for (const Record& record : answers) {
    const Wire owner = name_wire(record.owner);
    wire.insert(wire.end(), owner.begin(), owner.end());
    const std::size_t fields[] = {record.type, 1, record.ttl >> 16, record.ttl & 0xffff, record.data.size()};
    for (const std::size_t field : fields) put16(wire, field);
    wire.insert(wire.end(), record.data.begin(), record.data.end());
  }
  return wire;
}

const DnsQuestion kTxt{"a.example", RrType::txt};
const DnsQuestion kA{"a.example", RrType::a};
const Record kAddress{"a.example", 1, {192, 0, 2, 1}};

DnsAnswer decoded(const DnsQuestion& question, std::uint16_t flags, const std::vector<Record>& answers = {}) {
  const auto answer = decode_answer(message(question, flags, answers), question, kId);
  EXPECT_TRUE(answer);
  return answer.value_or(DnsAnswer{});
}

TEST(DnsQuery, HasRdAdAndEdns) {
  const Wire query = encode_query(kTxt, kId);
  Wire expected;
  const std::size_t header[] = {kId, 0x0120, 1, 0, 0, 1};
  for (const std::size_t field : header) put16(expected, field);
  ASSERT_GT(query.size(), 12U);
  EXPECT_EQ(Wire(query.begin(), query.begin() + 12), expected);
  const Wire opt{0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0};  // RFC 6891 section 6.1.2: payload 1232, no DO
  EXPECT_EQ(Wire(query.end() - 11, query.end()), opt);
}

TEST(DnsQuery, IsEmptyForANameThatDnsCannotCarry) {
  EXPECT_TRUE(encode_query({std::string(64, 'a') + ".example", RrType::a}, kId).empty());
  EXPECT_TRUE(encode_query({"a..example", RrType::a}, kId).empty());
}

TEST(DnsQuery, SaysCheckingDisabled) {
  const Wire query = encode_query({.name = "a.example", .type = RrType::a, .checking_disabled = true}, kId);
  EXPECT_EQ(query.at(3), 0x30);  // AD and CD (RFC 4035 section 3.2.2)
}

TEST(DnsAnswerTest, ReadsTlsaRecords) {
  const DnsQuestion question{"_25._tcp.a.example", RrType::tlsa};
  const DnsAnswer answer =
      decoded(question, kPlain, {{question.name, 52, {3, 1, 1, 0xab, 0x00, 0xff}}, {question.name, 52, {2, 0, 0}}});
  EXPECT_EQ(answer.status, DnsStatus::answered);
  EXPECT_EQ(answer.tlsa, (std::vector<TlsaRecord>{{3, 1, 1, "ab00ff"}}));  // a record without data is none
}

TEST(DnsAnswerTest, TheOrderOfTlsaRecordsIsChance) {
  const DnsQuestion question{"_25._tcp.a.example", RrType::tlsa};
  const Record one{question.name, 52, {3, 1, 1, 0xab}}, two{question.name, 52, {2, 1, 1, 0xab}};
  EXPECT_EQ(decoded(question, kPlain, {one, two}).tlsa, decoded(question, kPlain, {two, one}).tlsa);
}

TEST(DnsAnswerTest, BoundsTheNumberOfTlsaRecords) {
  const DnsQuestion question{"_25._tcp.a.example", RrType::tlsa};
  const std::vector<Record> many(500, {question.name, 52, {3, 1, 1, 0xab}});
  EXPECT_EQ(decoded(question, kPlain, many).tlsa.size(), kMaxTlsaRecords);
}

TEST(DnsAnswerTest, AQuestionForAnAliasIsAnsweredByItsOwn) {
  const DnsQuestion question{"a.example", RrType::cname};
  const DnsAnswer answer =
      decoded(question, kPlain, {cname("a.example", "b.example"), cname("b.example", "c.example")});
  EXPECT_EQ(answer.status, DnsStatus::answered);
  EXPECT_EQ(answer.aliases, std::vector<std::string>{"b.example"});
  EXPECT_EQ(answer.canonical_name, "a.example");
  EXPECT_FALSE(answer.chain_open);
}

TEST(DnsAnswerTest, IgnoresWhatAnswersSomethingElse) {
  const Wire wire = message(kA, kPlain, {kAddress});
  EXPECT_TRUE(decode_answer(wire, kA, kId));
  EXPECT_TRUE(decode_answer(wire, {"A.EXAMPLE.", RrType::a}, kId));
  EXPECT_FALSE(decode_answer(wire, kA, kId + 1));
  EXPECT_FALSE(decode_answer(wire, kTxt, kId));
  EXPECT_FALSE(decode_answer(wire, {"b.example", RrType::a}, kId));
  EXPECT_FALSE(decode_answer(message(kA, 0x0180), kA, kId)) << "a query";
  EXPECT_FALSE(decode_answer(Wire{0x12, 0x34, 0x81}, kA, kId));
}

TEST(DnsAnswerTest, ARefusalNeedNotRepeatTheQuestion) {
  const auto header = [](std::uint16_t flags) {
    Wire wire;
    const std::size_t fields[] = {kId, flags, 0, 0, 0, 0};
    for (const std::size_t field : fields) put16(wire, field);
    return wire;
  };
  const auto refusal = decode_answer(header(kPlain | 1), kA, kId);  // FORMERR
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, DnsStatus::servfail);
  EXPECT_FALSE(decode_answer(header(kPlain), kA, kId)) << "NOERROR to nothing";
  EXPECT_FALSE(decode_answer(header(kPlain | 1), kA, kId + 1));
}

TEST(DnsAnswerTest, GarbageBehindARightHeaderIsServfail) {
  Wire wire = message(kA, kPlain, {kAddress});
  wire.resize(wire.size() - 2);
  const auto answer = decode_answer(wire, kA, kId);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, DnsStatus::servfail);
  EXPECT_TRUE(answer->addresses.empty());
}

TEST(DnsAnswerTest, AnAnswerCutInMidRecordIsTruncatedWhereItSaysSo) {
  for (const std::uint16_t tc : {std::uint16_t{0}, kTc}) {
    Wire wire = message(kA, kPlain | tc, {kAddress});
    wire.resize(wire.size() - 2);
    const auto answer = decode_answer(wire, kA, kId);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->truncated, tc == kTc);
  }
}

TEST(DnsAnswerTest, JoinsTheStringsOfATxtRecord) {
  const DnsAnswer answer = decoded(kTxt, kPlain, {{"a.example", 16, {2, 'v', '=', 0, 1, 'x'}}});
  EXPECT_EQ(answer.status, DnsStatus::answered);
  EXPECT_THAT(answer.txt, ElementsAre("v=x"));
  EXPECT_EQ(answer.canonical_name, "a.example");
}

TEST(DnsAnswerTest, ReadsMxAndNullMx) {
  Wire data{0, 10};
  const Wire host = name_wire("MX.Example");
  data.insert(data.end(), host.begin(), host.end());
  const DnsAnswer answer =
      decoded({"a.example", RrType::mx}, kPlain, {{"a.example", 15, data}, {"a.example", 15, {0, 0, 0}}});
  EXPECT_THAT(answer.mx, ElementsAre(MxRecord{10, "mx.example"}, MxRecord{0, ""}));
}

TEST(DnsAnswerTest, ReadsAddresses) {
  const DnsAnswer ipv4 = decoded(kA, kPlain, {kAddress});
  ASSERT_EQ(ipv4.addresses.size(), 1U);
  EXPECT_EQ(ipv4.addresses[0].family, IpFamily::ipv4);
  EXPECT_EQ(ipv4.addresses[0].octets[3], 1);
  Wire data(16, 0);
  data[0] = 0x20;
  const DnsAnswer ipv6 = decoded({"a.example", RrType::aaaa}, kPlain, {{"a.example", 28, data}});
  ASSERT_EQ(ipv6.addresses.size(), 1U);
  EXPECT_EQ(ipv6.addresses[0].family, IpFamily::ipv6);
}

TEST(DnsAnswerTest, FollowsAChainInAnyOrder) {
  const DnsAnswer answer = decoded(
      kA, kPlain,
      {{"c.example", 1, {192, 0, 2, 1}}, cname("b.example", "c.example", 900), cname("a.example", "b.example")});
  EXPECT_EQ(answer.status, DnsStatus::answered);
  EXPECT_EQ(answer.canonical_name, "c.example");
  EXPECT_THAT(answer.aliases, ElementsAre("b.example", "c.example"));
  EXPECT_EQ(answer.ttl, std::chrono::seconds{900});
  EXPECT_EQ(answer.addresses.size(), 1U);
  EXPECT_FALSE(answer.chain_open);
}

TEST(DnsAnswerTest, ATtlWithItsTopBitSetIsZero) {
  Record record = kAddress;
  record.ttl = 0x7fffffff;
  EXPECT_EQ(decoded(kA, kPlain, {record}).ttl, std::chrono::seconds{0x7fffffff});
  record.ttl = 0x80000001;
  EXPECT_EQ(decoded(kA, kPlain, {record}).ttl, std::chrono::seconds{0});
}

TEST(DnsAnswerTest, SaysThatAChainIsOpen) {
  const DnsAnswer answer = decoded(kA, kPlain, {cname("a.example", "b.example")});
  EXPECT_EQ(answer.status, DnsStatus::nodata);
  EXPECT_TRUE(answer.chain_open);
  EXPECT_EQ(answer.canonical_name, "b.example");
}

TEST(DnsAnswerTest, EndsALoop) {
  const DnsAnswer answer = decoded(kA, kPlain, {cname("a.example", "b.example"), cname("b.example", "a.example")});
  EXPECT_EQ(answer.status, DnsStatus::nodata);
  EXPECT_TRUE(answer.addresses.empty());
}

TEST(DnsAnswerTest, LeavesRecordsOfOtherNamesAlone) {
  const DnsAnswer answer = decoded(kA, kPlain, {{"evil.example", 1, {192, 0, 2, 9}}});
  EXPECT_EQ(answer.status, DnsStatus::nodata);
  EXPECT_FALSE(answer.chain_open);
  EXPECT_TRUE(answer.addresses.empty());
}

TEST(DnsAnswerTest, TellsTheStatusesApart) {
  EXPECT_EQ(decoded(kA, kPlain).status, DnsStatus::nodata);
  EXPECT_EQ(decoded(kA, kPlain | 3).status, DnsStatus::nxdomain);
  for (const std::uint16_t rcode : {1, 2, 4, 5}) EXPECT_EQ(decoded(kA, kPlain | rcode).status, DnsStatus::servfail);
}

/// An answer with extended errors (RFC 8914 section 2) in its OPT record: codes and texts.
Wire refusal(const std::vector<std::pair<std::uint16_t, std::string>>& errors) {
  Wire options;
  for (const auto& [code, text] : errors) {
    for (const std::size_t field : {std::size_t{15}, text.size() + 2, std::size_t{code}}) put16(options, field);
    options.insert(options.end(), text.begin(), text.end());
  }
  Wire wire = message(kA, kPlain | 2);
  wire[11] = 1;  // ARCOUNT
  for (const std::uint8_t octet : {0, 0, 41, 4, 0xd0, 0, 0, 0, 0}) wire.push_back(octet);
  put16(wire, options.size());
  wire.insert(wire.end(), options.begin(), options.end());
  return wire;
}

TEST(DnsAnswerTest, ReadsWhyALookupFailed) {
  const auto text = [](const std::vector<std::pair<std::uint16_t, std::string>>& errors) {
    const auto answer = decode_answer(refusal(errors), kA, kId);
    return answer ? answer->error_text : "no answer";
  };
  EXPECT_EQ(text({}), "");
  EXPECT_EQ(text({{7, ""}}), "signature expired");
  EXPECT_EQ(text({{6, "no DS for \x1b[2J"}}), "no DS for \\x1b[2J");
  EXPECT_EQ(text({{13, ""}, {9, ""}}), "DNSKEY missing") << "that an error is remembered says nothing";
  EXPECT_EQ(text({{0, std::string(1000, 'a')}}), std::string(200, 'a'));
  EXPECT_EQ(text({{49152, "own"}}), "own");
  EXPECT_TRUE(says_unreachable(decode_answer(refusal({{22, ""}}), kA, kId)->error_code.value()));
  EXPECT_FALSE(says_unreachable(decode_answer(refusal({{6, ""}}), kA, kId)->error_code.value()));
}

TEST(DnsAnswerTest, AnExtendedErrorWithoutACodeSaysNothing) {
  Wire wire = refusal({{7, ""}});
  wire.resize(wire.size() - 1);
  wire[wire.size() - 2] = 1;  // OPTION-LENGTH
  wire[wire.size() - 6] = 5;  // RDLENGTH
  const auto answer = decode_answer(wire, kA, kId);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, DnsStatus::servfail);
  EXPECT_FALSE(answer->error_code);
}

TEST(DnsAnswerTest, ReportsTcAndAd) {
  EXPECT_FALSE(decoded(kA, kPlain).truncated);
  EXPECT_FALSE(decoded(kA, kPlain).authentic_data);
  EXPECT_TRUE(decoded(kA, kPlain | kTc).truncated);
  EXPECT_TRUE(decoded(kA, kPlain | kAd).authentic_data);
}

}  // namespace
}  // namespace mtasts
