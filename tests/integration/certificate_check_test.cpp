// Chains that are judged after a real handshake, and what is remembered of them.
// SPDX-License-Identifier: Apache-2.0
#include "probes/net/certificate_check.h"

#include <gmock/gmock.h>

#include "tests/integration/hostile_peer.h"

namespace mtasts {
namespace {

namespace asio = boost::asio;

constexpr const char* kHost = "mx.example.test";
constexpr std::chrono::days kLeafLife{90};

class CertificateCheck : public HostilePeer {
 protected:
  /// What a handshake with a server of this kind of certificate shows.
  TlsObservation observe(std::string kind) {
    const std::uint16_t port = serve([this, kind](Tcp::socket client) { return shake(std::move(client), kind); });
    return run(handshake(port)).value_or(TlsObservation());
  }

  static std::vector<CertificateFault> faults(const TlsObservation& seen) {
    std::vector<CertificateFault> found;
    for (const CertificateProblem& problem : seen.problems) found.push_back(problem.fault);
    return found;
  }

 private:
  asio::awaitable<void> shake(Tcp::socket client, std::string kind) {
    lab::TlsSpec spec;
    spec.certificate = kind;
    spec.name = kHost;
    auto stream = co_await server_tls_.accept(std::move(client), spec);
    if (stream) co_await peer_wait_for_end(*stream);
  }

  asio::awaitable<TlsObservation> handshake(std::uint16_t port) {
    HandshakeGate::Pass pass = co_await gate_.enter();
    Connection connection(net_, std::chrono::seconds(10), std::move(pass));
    co_await connection.connect(here(), port);
    co_await connection.start_tls(kHost);
    co_return connection.tls().value_or(TlsObservation());
  }
};

TEST_F(CertificateCheck, AForgedSignatureProvesNothing) {
  const auto seen = observe("forged-intermediate");
  EXPECT_THAT(faults(seen), testing::ElementsAre(CertificateFault::chain_error));
  EXPECT_FALSE(seen.path_built);
  ASSERT_TRUE(seen.not_after);
  EXPECT_GT(*seen.not_after, now() + kLeafLife - std::chrono::days(1)) << "the leaf's, not the forged certificate's";
  const auto without = observe("forged-unsent");
  EXPECT_THAT(faults(without), testing::Contains(CertificateFault::missing_issuer));
  EXPECT_FALSE(without.issuer_seen_elsewhere) << "nobody has vouched for that name";
}

TEST_F(CertificateCheck, ARememberedChainIsDescribedLikeANewOne) {
  const auto first = observe("good");
  const auto second = observe("good");
  for (const TlsObservation* seen : {&first, &second}) {
    EXPECT_THAT(faults(*seen), testing::IsEmpty());
    EXPECT_TRUE(seen->path_built);
    ASSERT_EQ(seen->chain.size(), 2U);
    EXPECT_EQ(seen->chain[0].subject, "CN=mx.example.test");
    EXPECT_THAT(seen->chain[0].dns_names, testing::ElementsAre(kHost));
    EXPECT_EQ(seen->chain[0].sha256.size(), 64U);
    EXPECT_EQ(seen->chain[1].subject, "CN=Lab Intermediate CA");
    EXPECT_EQ(seen->not_after, seen->chain[0].not_after);
  }
  EXPECT_EQ(first.chain[0].sha256, second.chain[0].sha256);
}

}  // namespace
}  // namespace mtasts
