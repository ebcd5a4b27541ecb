// SPDX-License-Identifier: Apache-2.0
#include "exporter/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace mtasts {
namespace {

using Users = std::map<std::string, std::string>;
// bcrypt of "secret", cost 4, as tests have no time.
constexpr const char* kHash = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

WebConfigResult parse(std::string_view text) { return parse_web_config(text, "web.yaml", "/etc/base"); }

std::string problems_of(std::string_view text) {
  std::string lines;
  for (const ConfigProblem& problem : parse(text).problems) lines += to_string(problem) + "\n";
  return lines;
}

TEST(WebConfig, ReadsEveryValue) {
  const auto result = parse(
      "tls_server_config: {cert_file: c.pem, key_file: /k.pem, client_auth_type: RequireAndVerifyClientCert, "
      "client_ca_file: ca.pem, min_version: TLS13}\n"
      "http_server_config: {http2: false, headers: {X-Frame-Options: deny, X-Content-Type-Options: ''}}\n"
      "rate_limit: {interval: 100ms, burst: 20}\n"
      "basic_auth_users: {prometheus: " +
      std::string(kHash) + "}\n");
  ASSERT_TRUE(result.config.has_value());
  const WebConfig& config = *result.config;
  EXPECT_EQ(config.tls->certificate.file, "/etc/base/c.pem");
  EXPECT_EQ(config.tls->key.file, "/k.pem");
  EXPECT_EQ(config.tls->client_ca.file, "/etc/base/ca.pem");
  EXPECT_EQ(config.tls->client_auth, ClientAuth::require_and_verify);
  EXPECT_EQ(config.tls->min_version, TlsVersion::tls1_3);
  EXPECT_EQ(config.headers, (std::map<std::string, std::string>{{"X-Frame-Options", "deny"}})) << "blank is unset";
  EXPECT_EQ(config.rate->interval, std::chrono::milliseconds{100});
  EXPECT_EQ(config.rate->burst, 20U);
  EXPECT_EQ(config.users.at("prometheus"), kHash);
}

TEST(WebConfig, AnEmptyFileAsksForNothing) {
  const auto result = parse("");
  ASSERT_TRUE(result.config.has_value());
  EXPECT_FALSE(result.config->tls.has_value());
}

TEST(WebConfig, NamesEveryMistake) {
  EXPECT_EQ(problems_of("tls_server_config: {cert_file: a}\n"),
            "web.yaml:1: tls_server_config: has no key_file; add it\n");
  EXPECT_EQ(problems_of("tls_server_config: {cert_file: a, key_file: b, client_auth_type: VerifyClientCertIfGiven}\n"),
            "web.yaml:1: tls_server_config: clients are to be verified; add client_ca_file\n");
  EXPECT_EQ(problems_of("tls_server_config: {cert_file: a, key_file: b, min_version: TLS11}\n"),
            "web.yaml:1: tls_server_config.min_version: 'TLS11' is unknown; write TLS12 or TLS13; did you mean "
            "'TLS12'?\n");
  EXPECT_EQ(problems_of("basic_auth_users:\n  a: secret\nbasic_auth_user: {}\n"),
            "web.yaml:2: basic_auth_users.a: not a bcrypt hash; make one with 'htpasswd -nBC 10 USER'\n"
            "web.yaml:3: basic_auth_user: unknown key; did you mean 'basic_auth_users'?\n");
  EXPECT_EQ(problems_of("http_server_config:\n  headers:\n    X-Frame-Option: deny\n"),
            "web.yaml:3: http_server_config.headers.X-Frame-Option: unknown key; did you mean 'X-Frame-Options'?\n");
  EXPECT_EQ(problems_of("http_server_config:\n  headers: {X-Frame-Options: \"a\\r\\nb\"}\n"),
            "web.yaml:2: http_server_config.headers.X-Frame-Options: has a control character; remove it\n");
  EXPECT_EQ(
      problems_of("http_server_config:\n  headers: {X-Frame-Options: sameorign}\n"),
      "web.yaml:2: http_server_config.headers.X-Frame-Options: 'sameorign' means nothing to a browser; write deny or "
      "sameorigin\n");
}

constexpr const char* kPair = "cert_file: a, key_file: b, ";

std::string tls_problems_of(const std::string& rest) {
  return problems_of("tls_server_config: {" + (kPair + rest) + "}\n");
}

TEST(WebConfig, NamesWhatWouldLetInAnybody) {
  const std::string ca = "client_ca_file: c, ";
  for (const std::string type : {"NoClientCert", "RequestClientCert", "VerifyClientCertIfGiven"}) {
    const std::string authority = type == "VerifyClientCertIfGiven" ? ca : "";
    EXPECT_EQ(tls_problems_of(authority + "client_allowed_sans: [x], client_auth_type: " + type),
              "web.yaml:1: tls_server_config: client_allowed_sans would let in who shows no certificate; set "
              "client_auth_type to RequireAndVerifyClientCert\n");
  }
  for (const char* type : {"RequireAnyClientCert", "RequireClientCert"})
    EXPECT_EQ(tls_problems_of("client_allowed_sans: [x], client_auth_type: " + std::string(type)), "");
  EXPECT_EQ(tls_problems_of(ca + "client_allowed_sans: [x], client_auth_type: RequireAndVerifyClientCert"), "");
  EXPECT_EQ(
      tls_problems_of(ca + "client_allowed_sans: [], client_auth_type: RequireAndVerifyClientCert"),
      "web.yaml:1: tls_server_config.client_allowed_sans: is empty and would let nobody in; name who may come in, or "
      "remove the key\n");
  for (const std::string suite : {"TLS_DH_anon_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_NULL_SHA256"}) {
    EXPECT_THAT(tls_problems_of("cipher_suites: [" + suite + "]"), testing::HasSubstr("or none that protects"))
        << suite;
  }
}

TEST(WebConfig, TakesCertificatesAsText) {
  const auto result = parse(
      "tls_server_config: {cert: C, key: K, client_ca: A, client_auth_type: "
      "RequireAndVerifyClientCert}\n");
  ASSERT_TRUE(result.config.has_value());
  EXPECT_EQ(result.config->tls->certificate.text, "C");
  EXPECT_EQ(result.config->tls->key.text, "K");
  EXPECT_EQ(result.config->tls->client_ca.text, "A");
  EXPECT_EQ(tls_problems_of("cert: C"), "web.yaml:1: tls_server_config: has cert and cert_file; remove one\n");
}

TEST(WebConfig, RateLimit) {
  EXPECT_FALSE(parse("rate_limit: {interval: 0s, burst: 20}").config->rate.has_value());
  EXPECT_EQ(problems_of("rate_limit: {interval: 1s}"),
            "web.yaml:1: rate_limit: has no burst, the number of requests at once; add it\n");
}

TEST(WebConfig, AReloadTakesNoProtectionAway) {
  const WebConfig open;
  WebConfig with_tls;
  with_tls.tls.emplace();
  WebConfig with_users;
  with_users.users["prometheus"] = kHash;
  for (const WebConfig& config : {open, with_tls, with_users}) {
    EXPECT_EQ(protection_lost(open, config), "");
    EXPECT_EQ(protection_lost(config, config), "");
  }
  EXPECT_THAT(protection_lost(with_tls, with_users), testing::HasSubstr("no tls_server_config any more"));
  EXPECT_THAT(protection_lost(with_users, with_tls), testing::HasSubstr("no basic_auth_users any more"));
}

WebConfig with_clients(ClientAuth auth, std::vector<std::string> names = {}) {
  WebConfig config;
  config.tls.emplace();
  config.tls->client_auth = auth;
  config.tls->client_allowed_sans = std::move(names);
  return config;
}

TEST(WebConfig, AReloadLetsNoMoreClientsIn) {
  using enum ClientAuth;
  const std::vector<std::string> names{"prometheus.example"};
  struct Row {
    WebConfig running;
    WebConfig next;
    bool lost;
  };
  const Row table[] = {
      {with_clients(none), with_clients(require_and_verify), false},
      {with_clients(verify_if_given), with_clients(none), false},
      {with_clients(require_any), with_clients(require_and_verify), false},
      {with_clients(require_and_verify), with_clients(none), true},
      {with_clients(require_and_verify), with_clients(verify_if_given), true},
      {with_clients(require_and_verify), with_clients(require_any), true},
      {with_clients(require_any), with_clients(request), true},
      {with_clients(require_and_verify, names), with_clients(require_and_verify), true},
      {with_clients(require_and_verify, names), with_clients(require_and_verify, {"other.example"}), false},
  };
  for (const Row& row : table) {
    EXPECT_EQ(!protection_lost(row.running, row.next).empty(), row.lost)
        << static_cast<int>(row.running.tls->client_auth) << " to " << static_cast<int>(row.next.tls->client_auth);
  }
}

TEST(WebConfig, AFileWithoutAnOctetIsAMistake) {
  const std::string path = testing::TempDir() + "empty_web.yaml";
  std::ofstream{path};
  EXPECT_EQ(load_web_config(path).problems.at(0).message, "is empty; write it again, or '{}' for no protection");
}

TEST(WebConfig, DocumentationNamesEveryKey) {
  std::ifstream stream(MTASTS_SOURCE_DIR "/docs/configuration.md");
  const std::string documentation{std::istreambuf_iterator<char>(stream), {}};
  for (const std::string& key : known_web_config_keys()) {
    EXPECT_THAT(documentation, testing::HasSubstr("| `" + key + "` |"));
  }
}

TEST(WebConfig, NamesMissingFiles) {
  EXPECT_EQ(load_web_config("/nonexistent").problems.at(0).message,
            "cannot be read (No such file or directory); correct the path or its permissions");
}

TEST(BasicAuth, AdmitsTheRightPasswordOnly) {
  BasicAuth auth(Users{{"prometheus", kHash}});
  for (int again = 0; again < 2; ++again) {
    EXPECT_TRUE(auth.admits("Basic cHJvbWV0aGV1czpzZWNyZXQ="));   // prometheus:secret
    EXPECT_TRUE(auth.admits("basic cHJvbWV0aGV1czpzZWNyZXQ="));   // RFC 7235: the scheme in any case
    EXPECT_FALSE(auth.admits("Basic cHJvbWV0aGV1czpTZWNyZXQ="));  // prometheus:Secret
    EXPECT_FALSE(auth.admits("Basic eDpzZWNyZXQ="));              // x:secret
  }
}

TEST(BasicAuth, RefusesWhatIsNotBasic) {
  BasicAuth auth(Users{{"prometheus", kHash}});
  for (const std::string header : {"", "Basic", "Basic ", "Bearer x", "Basic !!!!", "Basic cHJvbWV0aGV1cw==",
                                   "Basic cHJvbWV0aGV1czpzZWNyZXQ", "Basic cHJvbWV0aGV1czpzZWNyZXQA"}) {
    EXPECT_FALSE(auth.admits(header)) << header;  // the last is prometheus:secret and a NUL
  }
  EXPECT_FALSE(auth.admits("Basic " + std::string(100'000, 'A')));
}

TEST(BasicAuth, WithoutUsersNobodyComesIn) {
  EXPECT_FALSE(BasicAuth(Users{}).admits("Basic cHJvbWV0aGV1czpzZWNyZXQ="));
}

}  // namespace
}  // namespace mtasts
