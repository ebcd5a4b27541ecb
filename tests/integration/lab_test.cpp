// The lab itself, seen with plain sockets: a lab that lies about its lies would make every other test worthless.
// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/lab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "probes/core/catalogue.h"

namespace mtasts::lab {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::uint16_t kA = 1;
constexpr std::uint16_t kSoa = 6;
constexpr std::uint16_t kTxt = 16;

struct Reply {
  int code{};
  bool truncated{};
  int answers{};
  std::string bytes{};  // the whole message
};

std::string query_bytes(const std::string& name, std::uint16_t type) {
  std::string query("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  const Octets encoded = render_name(name);
  query.append(encoded.begin(), encoded.end());
  query += {'\0', static_cast<char>(type), '\0', '\1'};
  return query;
}

Reply parse_reply(const std::string& bytes) { return {bytes[3] & 0x0f, (bytes[2] & 0x02) != 0, bytes[7], bytes}; }

Reply ask(const Lab& lab, const std::string& name, std::uint16_t type) {
  asio::io_context context;
  udp::socket socket{context, udp::v4()};
  const std::string query = query_bytes(name, type);
  socket.send_to(asio::buffer(query), {asio::ip::address_v4::loopback(), lab.dns_port()});
  std::string bytes(4096, '\0');
  bytes.resize(socket.receive(asio::buffer(bytes)));
  return parse_reply(bytes);
}

Reply ask_over_tcp(const Lab& lab, const std::string& name, std::uint16_t type) {
  asio::io_context context;
  tcp::socket socket{context};
  socket.connect({asio::ip::address_v4::loopback(), lab.dns_port()});
  const std::string query = query_bytes(name, type);
  const std::string prefix{'\0', static_cast<char>(query.size())};
  asio::write(socket, asio::buffer(prefix + query));
  std::string length(2, '\0');
  asio::read(socket, asio::buffer(length));
  std::string bytes(static_cast<unsigned char>(length[0]) * 256u + static_cast<unsigned char>(length[1]), '\0');
  asio::read(socket, asio::buffer(bytes));
  return parse_reply(bytes);
}

/// The last answer's RDATA as an address: the lab sends one A record for the names used here, and no OPT unasked.
asio::ip::address address_of(const Lab& lab, const std::string& name) {
  const Reply reply = ask(lab, name, kA);
  if (reply.answers != 1) throw std::runtime_error("no address for " + name);
  asio::ip::address_v4::bytes_type octets{};
  std::copy(reply.bytes.end() - 4, reply.bytes.end(), octets.begin());
  return asio::ip::address_v4{octets};
}

/// GET of a domain's policy with a client that verifies. Errors: boost::system::system_error from the handshake.
std::string fetch_policy(const Lab& lab, const std::string& domain) {
  const std::string host = "mta-sts." + domain;
  asio::io_context context;
  asio::ssl::context trust{asio::ssl::context::tls_client};
  trust.add_certificate_authority(asio::buffer(lab.ca_pem()));
  asio::ssl::stream<tcp::socket> stream{context, trust};
  stream.set_verify_mode(asio::ssl::verify_peer);
  stream.set_verify_callback(asio::ssl::host_name_verification{host});
  SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
  stream.lowest_layer().connect({address_of(lab, host), lab.https_port()});
  stream.handshake(asio::ssl::stream_base::client);
  const std::string request = "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
  asio::write(stream, asio::buffer(request));
  std::string response;
  boost::system::error_code end;
  asio::read(stream, asio::dynamic_buffer(response), end);
  return response;
}

/// Says EHLO and returns greeting and reply.
std::string greet_mx(const Lab& lab, const std::string& host) {
  asio::io_context context;
  tcp::socket socket{context};
  socket.connect({address_of(lab, host), lab.smtp_port()});
  std::string text;
  asio::read_until(socket, asio::dynamic_buffer(text), "\r\n");
  asio::write(socket, asio::buffer("EHLO probe.lab.test\r\nQUIT\r\n", 27));
  boost::system::error_code end;
  asio::read(socket, asio::dynamic_buffer(text), end);
  return text;
}

class LabTest : public testing::Test {
 protected:
  Lab lab_{LabOptions{}};
};

TEST_F(LabTest, AnswersForTheRootSoThatItCountsAsAHealthyResolver) {
  const Reply reply = ask(lab_, "", kSoa);
  EXPECT_EQ(reply.code, 0);
  EXPECT_EQ(reply.answers, 1);
}

TEST_F(LabTest, TellsTheWaysOfDnsFailureApart) {
  EXPECT_EQ(ask(lab_, "mta-sts.fetch-nxdomain.lab.test", kA).code, 3);
  EXPECT_EQ(ask(lab_, "mta-sts.fetch-servfail.lab.test", kA).code, 2);
  EXPECT_EQ(ask(lab_, "mta-sts.fetch-nodata.lab.test", kA).code, 0);
  EXPECT_EQ(ask(lab_, "mta-sts.fetch-nodata.lab.test", kA).answers, 0);
  EXPECT_EQ(ask(lab_, "nobody.lab.test", kA).code, 3);
}

TEST_F(LabTest, TruncatesOverUdpAndNotOverTcp) {
  for (const char* domain : {"dns-truncated", "dns-large"}) {
    SCOPED_TRACE(domain);
    const std::string name = "_mta-sts." + std::string(domain) + ".lab.test";
    EXPECT_TRUE(ask(lab_, name, kTxt).truncated);
    const Reply whole = ask_over_tcp(lab_, name, kTxt);
    EXPECT_FALSE(whole.truncated);
    EXPECT_GE(whole.answers, 1);
    EXPECT_THAT(whole.bytes, HasSubstr("v=STSv1; id="));
  }
}

TEST_F(LabTest, ServesAPolicyWithATrustedCertificate) {
  const std::string response = fetch_policy(lab_, "healthy.lab.test");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("mode: enforce\r\nmx: mx1.healthy.lab.test\r\nmx: mx2.healthy.lab.test\r\n"));
}

TEST_F(LabTest, ShowsBadCertificates) {
  for (const char* fault : {"expired", "expired-intermediate", "not-yet-valid", "name-mismatch", "self-signed",
                            "unknown-ca", "incomplete", "name-constraints", "wrong-purpose", "everything"}) {
    EXPECT_THROW(fetch_policy(lab_, std::string("webpki-") + fault + ".lab.test"), boost::system::system_error)
        << fault;
  }
}

TEST_F(LabTest, OffersStarttlsOrDoesNot) {
  EXPECT_THAT(greet_mx(lab_, "mx1.healthy.lab.test"), HasSubstr("250 STARTTLS\r\n221 "));
  EXPECT_THAT(greet_mx(lab_, "mx1.starttls-missing.lab.test"), testing::Not(HasSubstr("STARTTLS")));
  EXPECT_THAT(greet_mx(lab_, "mx1.mx-greeting-5xx.lab.test"), StartsWith("554 "));
}

TEST_F(LabTest, RefusesAndDropsConnections) {
  asio::io_context context;
  tcp::socket refused{context};
  boost::system::error_code error;
  refused.connect({address_of(lab_, "mx1.mx-refused.lab.test"), lab_.smtp_port()}, error);
  EXPECT_EQ(error, asio::error::connection_refused);

  tcp::socket dropped{context};
  std::optional<boost::system::error_code> ended;
  dropped.async_connect({address_of(lab_, "mx1.mx-dead.lab.test"), lab_.smtp_port()},
                        [&](boost::system::error_code result) { ended = result; });
  context.run_for(std::chrono::milliseconds{300});
  EXPECT_FALSE(ended.has_value());
}

TEST_F(LabTest, ChangesBehaviourAtRunTime) {
  EXPECT_EQ(lab_.control("set healthy.lab.test webpki-expired"), "ok");
  EXPECT_THROW(fetch_policy(lab_, "healthy.lab.test"), boost::system::system_error);
  EXPECT_EQ(lab_.control("set healthy.lab.test healthy"), "ok");
  EXPECT_THAT(fetch_policy(lab_, "healthy.lab.test"), HasSubstr(" 200 OK"));
  EXPECT_THAT(lab_.control("set healthy.lab.test nothing-like-it"), StartsWith("error: "));
  EXPECT_EQ(lab_.control("dns servfail"), "ok");
  EXPECT_EQ(ask(lab_, "", kSoa).code, 2);
  EXPECT_EQ(lab_.control("dns cut"), "ok");
  EXPECT_EQ(ask(lab_, "", kSoa).code, 0);
  EXPECT_EQ(ask(lab_, "mta-sts.healthy.lab.test", kA).code, 2);
}

TEST(LabBulk, ServesGeneratedDomains) {
  LabOptions options;
  options.bulk.domains = 300;
  options.bulk.dead = 1;
  const Lab lab{options};
  EXPECT_EQ(lab.domains().size(), 300u);
  EXPECT_THAT(fetch_policy(lab, "d299.bulk.test"), HasSubstr("mx: mx.d299.bulk.test\r\n"));
  EXPECT_THAT(greet_mx(lab, "mx.d299.bulk.test"), HasSubstr("250 STARTTLS"));
}

TEST(LabBulk, IssuesAsLetsEncryptDoes) {
  LabOptions options;
  options.bulk.domains = 1;
  options.bulk.certificate = "letsencrypt";
  Lab lab{options};
  EXPECT_EQ(lab.control("sessions"), "0");
  EXPECT_THAT(fetch_policy(lab, "d0.bulk.test"), HasSubstr("mx: mx.d0.bulk.test\r\n"));
  EXPECT_EQ(lab.control("sessions"), "1");
}

TEST(LabBulk, HasDeadPolicyHosts) {
  LabOptions options;
  options.bulk.domains = 2;
  options.bulk.dead_policy = 1;
  const Lab lab{options};
  EXPECT_NE(address_of(lab, "mta-sts.d0.bulk.test"), address_of(lab, "mta-sts.d1.bulk.test"));
  EXPECT_THAT(fetch_policy(lab, "d1.bulk.test"), HasSubstr(" 200 OK"));
}

/// What the lab cannot show; its README says why.
const std::set<std::string_view> kOutOfReach{"address-refused", "connect-error", "unreachable", "local"};

TEST(LabTable, HasADomainForEveryResultTypeAndReason) {
  std::set<std::string> shown;
  for (const auto& scenario : load_scenarios(MTASTS_LAB_SCENARIOS)) {
    for (const auto& fault : scenario.expect.faults.value_or(std::vector<ExpectedFault>{})) {
      shown.insert({fault.result_type, fault.reason, fault.result_type + "/" + fault.reason});
    }
    for (const auto& [host, reason] : scenario.expect.unreachable) shown.insert(reason);
  }
  std::vector<std::string_view> missing;
  for (const auto& entry : catalogue()) {
    if (entry.kind != CodeKind::result_type && entry.kind != CodeKind::reason) continue;
    if (!shown.contains(std::string(entry.code)) && !kOutOfReach.contains(entry.code)) missing.push_back(entry.code);
  }
  EXPECT_THAT(missing, IsEmpty());
}

TEST(LabTable, ExpectsOnlyCodesOfTheCatalogue) {
  const auto known = [](std::initializer_list<CodeKind> kinds, const std::string& code) {
    for (const CodeKind kind : kinds) {
      if (find_code(kind, code) != nullptr) return true;
    }
    return false;
  };
  for (const auto& scenario : load_scenarios(MTASTS_LAB_SCENARIOS)) {
    SCOPED_TRACE(scenario.domain);
    for (const auto& fault : scenario.expect.faults.value_or(std::vector<ExpectedFault>{})) {
      EXPECT_TRUE(known({CodeKind::result_type}, fault.result_type)) << fault.result_type;
      EXPECT_TRUE(known({CodeKind::reason, CodeKind::policy_error}, fault.reason)) << fault.reason;
    }
    for (const auto& finding : scenario.expect.findings) EXPECT_TRUE(known({CodeKind::finding}, finding)) << finding;
  }
}

}  // namespace
}  // namespace mtasts::lab
