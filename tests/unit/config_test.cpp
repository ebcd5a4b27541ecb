// SPDX-License-Identifier: Apache-2.0
#include "exporter/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "exporter/config_value.h"

namespace mtasts {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

std::string text_of_file(const fs::path& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string lines_of(const std::vector<ConfigProblem>& problems) {
  std::string lines;
  for (const ConfigProblem& problem : problems) lines += to_string(problem) + "\n";
  return lines;
}

ConfigResult parse(std::string_view text) { return parse_config(text, "test.yaml", "/etc/base"); }

/// A directory of its own that goes away with the test.
class Directory {
 public:
  Directory() : path_(make()) {}
  ~Directory() { fs::remove_all(path_); }
  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }
  const fs::path& path() const { return path_; }

 private:
  static fs::path make() {
    std::string pattern = (fs::temp_directory_path() / "mtasts_config_XXXXXX").string();
    return mkdtemp(pattern.data());
  }
  fs::path path_;
};

/// Files of tests/data/config that end in `suffix`.
std::vector<std::string> data_files(const std::string& suffix) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(MTASTS_TEST_DATA "/config")) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(suffix)) names.push_back(name.substr(0, name.size() - suffix.size()));
  }
  return names;
}

std::string test_name(const testing::TestParamInfo<std::string>& info) { return info.param; }

class GoodConfigs : public testing::TestWithParam<std::string> {};
TEST_P(GoodConfigs, AreTaken) {
  const std::string name = GetParam() + ".good.yaml";
  const auto result = parse_config(text_of_file(fs::path(MTASTS_TEST_DATA) / "config" / name), name, "/etc/base");
  EXPECT_EQ(lines_of(result.problems), "");
  EXPECT_TRUE(result.config.has_value());
}
INSTANTIATE_TEST_SUITE_P(Data, GoodConfigs, testing::ValuesIn(data_files(".good.yaml")), test_name);

class BadConfigs : public testing::TestWithParam<std::string> {};
TEST_P(BadConfigs, GetTheExactErrors) {
  const fs::path path = fs::path(MTASTS_TEST_DATA) / "config" / (GetParam() + ".bad.yaml");
  const auto result = parse_config(text_of_file(path), path.filename().string(), "/etc/base");
  EXPECT_EQ(lines_of(result.problems), text_of_file(fs::path(path).replace_extension(".errors")));
  EXPECT_FALSE(result.config.has_value());
}
INSTANTIATE_TEST_SUITE_P(Data, BadConfigs, testing::ValuesIn(data_files(".bad.yaml")), test_name);

TEST(Config, ReadsEveryValue) {
  const auto result = load_config(MTASTS_TEST_DATA "/config/full.good.yaml");
  ASSERT_TRUE(result.config.has_value()) << lines_of(result.problems);
  const Config& config = *result.config;
  const Labels labels{{"team", "mail"}, {"tier", "1"}};
  EXPECT_THAT(config.domains, ElementsAre(DomainConfig{"example.org", {}, {}, false},
                                          DomainConfig{"example.net", labels, StsMode::enforce, true},
                                          DomainConfig{"example.com", labels, StsMode::none, false}));
  EXPECT_THAT(config.domain_files,
              ElementsAre(fs::absolute(MTASTS_TEST_DATA "/config/domains.d/*.txt").string(), "/srv/domains.txt"));
  EXPECT_EQ(config.probe, (ProbeConfig{90min,
                                       10min,
                                       60500ms,
                                       64,
                                       3,
                                       8,
                                       0,
                                       {*parse_nat64_prefix("fd00:64::/96"), *parse_nat64_prefix("64:ff9b:1::/48")},
                                       true,
                                       true}));
  EXPECT_THAT(
      config.dns.servers,
      ElementsAre(DnsServer{*parse_ip_address("127.0.0.1"), 53}, DnsServer{*parse_ip_address("127.0.0.2"), 5353},
                  DnsServer{*parse_ip_address("::1"), 53}, DnsServer{*parse_ip_address("2001:db8::1"), 53}));
  EXPECT_EQ(config.dns.timeout, 500ms);
  EXPECT_EQ(config.dns.max_rate, 200U);
  EXPECT_EQ(config.dns.trust_ad, TrustAd::never);
  EXPECT_EQ(config.dns.validate, DnsValidation::off);
  EXPECT_EQ(config.policy, (PolicyConfig{8443, 8080, 10s, 1024 * 1024}));
  EXPECT_EQ(
      config.smtp,
      (SmtpConfig{
          2525, "probe.example.org", 5s, {IpFamily::ipv4}, AddressChoice::first, 1, 8, parse_ip_address("192.0.2.7")}));
  EXPECT_EQ(config.tls.min_version, TlsVersion::tls1_3);
  EXPECT_EQ(config.classify.incomplete_chain, ResultType::certificate_not_trusted);
  EXPECT_EQ(config.findings, (FindingsConfig{days{60}, days{7}, days{30}, days{14}, days{7}, 0s}));
  EXPECT_EQ(config.tlsrpt.http, (TlsrptHttpConfig{true, "/tls-reports", {"0123456789abcdef"}, "[::1]:8443"}));
  EXPECT_THAT(config.tlsrpt.maildirs, ElementsAre("/var/mail/tlsrpt"));
  EXPECT_THAT(config.tlsrpt.spools, ElementsAre(fs::absolute(MTASTS_TEST_DATA "/config/spool").string(), "/"));
  EXPECT_EQ(config.storage.path, fs::absolute(MTASTS_TEST_DATA "/config/state.db").string());
  EXPECT_EQ(config.storage.url, "postgresql://mtasts@db.example.org/reports");
  EXPECT_EQ(config.sharding, (ShardingConfig{1, 4}));
}

TEST(Config, UrlsOfDatabasesAreJudgedWithoutTheirPasswords) {
  const auto problems_of = [](const std::string& url) {
    return lines_of(parse("domains: [example.org]\nstorage:\n  url: \"" + url + "\"\n").problems);
  };
  EXPECT_EQ(problems_of("postgresql://mtasts:geheim@db:5432/reports?sslmode=verify-full"), "");
  EXPECT_EQ(problems_of("postgres://a,b/reports?target_session_attrs=read-write"), "");
  const std::string remedy =
      "; write postgresql://USER@HOST:PORT/DATABASE, or remove the key to keep reports in storage.path\n";
  for (const char* bad : {"mysql://mtasts:geheim@db/reports", "", "/var/lib/state.db"})
    EXPECT_EQ(problems_of(bad),
              "test.yaml:3: storage.url: is no URL that begins with postgresql:// or postgres://" + remedy);
  EXPECT_EQ(problems_of("postgresql://mtasts:geheim@db/reports?sslmod=require"),
            "test.yaml:3: storage.url: PostgreSQL's library cannot take this URL: invalid URI query parameter: "
            "\"sslmod\"" +
                remedy);
  EXPECT_EQ(
      problems_of("postgresql://mtasts:geheim%zz@db/reports"),
      "test.yaml:3: storage.url: PostgreSQL's library cannot take this URL: invalid percent-encoded token" + remedy);
}

TEST(Config, PathsForReports) {
  const auto problems_of = [](const std::string& path) {
    return lines_of(parse("domains: [example.org]\ntlsrpt:\n  http:\n    path: \"" + path + "\"\n").problems);
  };
  for (const char* good : {"/tlsrpt", "/v1/tls-reports", "/probes", "/apiary"})
    EXPECT_EQ(problems_of(good), "") << good;
  for (const char* own : {"/metrics", "/-/reload", "/probe", "/sd", "/domains/x", "/reports", "/api/v1/domains",
                          "/check", "/runbooks/x", "/style.css"}) {
    EXPECT_EQ(problems_of(own), "test.yaml:4: tlsrpt.http.path: '" + std::string(own) +
                                    "' is a page of the exporter; write a path of its own such as /tlsrpt\n");
  }
  const std::string long_path = "/" + std::string(255, 'a');
  for (const char* bad : {"", "/", "tlsrpt", "/tlsrpt/", "//tlsrpt", "/a//b", "/./a", "/a/..", "/a*", "/a b", "/a?b",
                          "/a#b", "/%61", "/\xc3\xa4", long_path.c_str()}) {
    EXPECT_THAT(problems_of(bad), HasSubstr("test.yaml:4: tlsrpt.http.path: ")) << bad;
  }
}

TEST(Config, ExampleSpellsOutTheDefaults) {
  const auto result = load_config(MTASTS_SOURCE_DIR "/config.example.yaml");
  ASSERT_TRUE(result.config.has_value()) << lines_of(result.problems);
  EXPECT_EQ(*result.config, Config{});
}

TEST(Config, ExampleAndDocumentationNameEveryKey) {
  const std::string example = text_of_file(MTASTS_SOURCE_DIR "/config.example.yaml");
  const std::string documentation = text_of_file(MTASTS_SOURCE_DIR "/docs/configuration.md");
  for (const std::string& key : known_config_keys()) {
    EXPECT_THAT(documentation, HasSubstr("| `" + key + "` |"));
    EXPECT_THAT(example, HasSubstr(key.substr(key.rfind('.') + 1) + ":"));
  }
}

TEST(Config, NamesFilesThatAreMissing) {
  const Directory directory;
  const auto path = directory.write("c.yaml",
                                    "domains: [example.org]\ntls: {ca_file: no.pem}\n"
                                    "tlsrpt: {maildirs: [not-yet-there]}\n");
  const auto result = load_config(path.string());
  ASSERT_EQ(result.problems.size(), 1U) << "a folder of reports may come later";
  EXPECT_EQ(result.problems[0],
            (ConfigProblem{path.string(), 2, "tls.ca_file",
                           "'" + (directory.path() / "no.pem").string() +
                               "' cannot be read (No such file or directory); correct the path or its permissions"}));
  EXPECT_EQ(lines_of(load_config("/nonexistent.yaml").problems),
            "/nonexistent.yaml: cannot be read (No such file or directory); correct the path or its permissions\n");
  EXPECT_EQ(load_config("/").problems.at(0).message, "is a directory; name a file");
}

TEST(Config, LooksIntoTheTrustStore) {
  const Directory directory;
  directory.write("junk.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const auto path = directory.write("c.yaml", "domains: [example.org]\ntls:\n  ca_file: junk.pem\n");
  EXPECT_EQ(lines_of(load_config(path.string()).problems),
            path.string() + ":3: tls.ca_file: '" + (directory.path() / "junk.pem").string() +
                "' holds no certificate that can be read; name a PEM file of the roots to trust\n");
}

TlsrptImapConfig imap_of(const std::string& server) {
  const auto result =
      parse("domains: [example.org]\ntlsrpt:\n  imap: [{server: '" + server + "', user: a, password_file: /p}]\n");
  EXPECT_TRUE(result.config.has_value()) << lines_of(result.problems);
  return result.config ? result.config->tlsrpt.imap.at(0) : TlsrptImapConfig{};
}

TEST(Config, TakesAnImapServerInItsForms) {
  struct Form {
    std::string written{};
    std::string host{};
    std::uint16_t port{};
    bool starttls{};
    std::string shown{};
  };
  const std::vector<Form> forms{{"imap.example.org", "imap.example.org", 993, false, "imap.example.org:993"},
                                {"imap.example.org:1993", "imap.example.org", 1993, false, "imap.example.org:1993"},
                                {"imaps://imap.example.org", "imap.example.org", 993, false, "imap.example.org:993"},
                                {"imap://imap.example.org", "imap.example.org", 143, true, "imap.example.org:143"},
                                {"localhost:10143", "localhost", 10143, false, "localhost:10143"},
                                {"192.0.2.1", "192.0.2.1", 993, false, "192.0.2.1:993"},
                                {"[2001:db8::1]", "2001:db8::1", 993, false, "[2001:db8::1]:993"},
                                {"imap://[2001:db8::1]:1143", "2001:db8::1", 1143, true, "[2001:db8::1]:1143"}};
  for (const Form& form : forms) {
    const TlsrptImapConfig imap = imap_of(form.written);
    EXPECT_EQ(imap.host, form.host) << form.written;
    EXPECT_EQ(imap.port, form.port) << form.written;
    EXPECT_EQ(imap.starttls, form.starttls) << form.written;
    EXPECT_EQ(imap.server, form.shown) << form.written;
  }
}

TEST(Config, WarnsOfAPasswordThatEverybodyMayRead) {
  const Directory directory;
  const fs::path password = directory.write("password", "secret\n");
  const auto path = directory.write("c.yaml",
                                    "domains: [example.org]\ntlsrpt:\n  accept_unauthenticated: true\n"
                                    "  imap:\n  - {server: localhost, user: a,\n     password_file: password}\n");
  fs::permissions(password, fs::perms::owner_read | fs::perms::others_read);
  EXPECT_EQ(lines_of(load_config(path.string()).warnings),
            path.string() + ":6: tlsrpt.imap[0].password_file: '" + password.string() +
                "' can be read by everybody on this machine; take that away: chmod o-r\n");
  fs::permissions(password, fs::perms::owner_read);
  EXPECT_EQ(lines_of(load_config(path.string()).warnings), "");
}

TEST(Config, BoundsTheNumberOfMailboxes) {
  std::string text = "domains: [example.org]\ntlsrpt:\n  imap:\n";
  for (int i = 0; i < 101; ++i)
    text += "  - {server: localhost, password_file: /p, user: u" + std::to_string(i) + "}\n";
  EXPECT_EQ(lines_of(parse(text).problems),
            "test.yaml:104: tlsrpt.imap[100]: more than 100 mailboxes; let the mail server collect them\n");
}

TEST(Config, WarnsOfKeysWithoutEffect) {
  const std::string dane = "domains:\n  - example.org\n  - name: example.net\n    require_dane: true\n";
  EXPECT_EQ(lines_of(parse(dane + "findings:\n  ready_after: 7d\n  expiry_high: 3d\n").warnings),
            "test.yaml:7: findings.expiry_high: has no effect yet: this version shows no such finding\n");
  const std::string never =
      "test.yaml:4: domains[].require_dane: can never be judged: nobody's word on DNSSEC counts; set dns.validate: "
      "local, or remove dns.validate: off and dns.trust_ad: false\n";
  EXPECT_EQ(lines_of(parse(dane + "dns: {validate: off}\n").warnings), never);
  EXPECT_EQ(lines_of(parse(dane + "dns: {trust_ad: false}\n").warnings), never);
  EXPECT_EQ(lines_of(parse("domains: [example.org]\nfindings: {expiry_high: 7d, expiry_warning: 30d}\n").warnings), "");
}

TEST(Config, WarnsOfReportsThatCanNeverCount) {
  const std::string http = "domains: [example.org]\ntlsrpt:\n  http: {enabled: true}\n";
  const std::string mail = "domains: [example.org]\ntlsrpt:\n  maildirs: [/var/mail]\n";
  EXPECT_EQ(lines_of(parse(http).warnings),
            "test.yaml:3: tlsrpt.http.enabled: none of these reports can count, because no path has a token: they are "
            "stored and shown only; set tlsrpt.http.tokens, or tlsrpt.accept_unauthenticated\n");
  EXPECT_EQ(
      lines_of(parse(mail).warnings),
      "test.yaml:3: tlsrpt.maildirs: none of these reports can count, because nobody's Authentication-Results are "
      "believed: they are stored and shown only; set tlsrpt.authserv_id, or tlsrpt.accept_unauthenticated\n");
  EXPECT_THAT(lines_of(parse("domains: [example.org]\ntlsrpt: {spools: [/srv]}\n").warnings),
              HasSubstr("test.yaml:2: tlsrpt.spools: none of these reports can count"));
  for (const char* cure : {"  accept_unauthenticated: true\n", "  authserv_id: mx.example.org\n"})
    EXPECT_EQ(lines_of(parse(mail + cure).warnings), "") << cure;
  EXPECT_EQ(
      lines_of(
          parse("domains: [example.org]\ntlsrpt:\n  http: {enabled: true, tokens: [0123456789abcdef]}\n").warnings),
      "");
}

TEST(Config, ShortIntervalShortensTheDefaultRetryInterval) {
  const auto result = parse("domains: [example.org]\nprobe: {interval: 10s}\n");
  ASSERT_TRUE(result.config.has_value());
  EXPECT_EQ(result.config->probe.retry_interval, 10s);
}

TEST(Config, WarnsOfNoDomains) {
  EXPECT_EQ(lines_of(parse("probe: {}\n").warnings),
            "test.yaml: domains: no domains to watch; list them here or in domain_files\n");
}

TEST(Config, BoundsTheNumberOfProblems) {
  std::string text = "domains:\n";
  for (std::size_t i = 0; i < 2 * kMaxConfigProblems; ++i) text += "  - '!'\n";
  EXPECT_EQ(parse(text).problems.size(), kMaxConfigProblems);
}

TEST(Config, RefusesNulOctets) {
  EXPECT_EQ(lines_of(parse(std::string("probe: {}\n\0", 11)).problems),
            "test.yaml:2: not UTF-8 text; save the file as UTF-8\n");
}

TEST(ConfigValues, Durations) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("7d"), days{7});
  EXPECT_EQ(parse_duration("1w1d1h1m1s1ms"), days{8} + 1h + 1min + 1s + 1ms);
  EXPECT_EQ(parse_duration("0"), 0ms);
  for (const char* bad : {"", "15", "s", "1x", "1m1h", "1s1s", "-1s", "+1s", " 1s", "1 s", "1.5h", "1S", "1sm",
                          "99999999999999999999s", "999999999999d"}) {
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  }
  for (const auto value : {0ms, 1ms, 1500ms, 90000ms, 86400000ms, 90061001ms}) {
    EXPECT_EQ(parse_duration(render_duration(value)), value);
  }
}

TEST(ConfigValues, Sizes) {
  EXPECT_EQ(parse_size("65536"), 65536U);
  EXPECT_EQ(parse_size("12B"), 12U);
  EXPECT_EQ(parse_size("64KiB"), 65536U);
  EXPECT_EQ(parse_size("1MiB"), 1048576U);
  for (const char* bad : {"", "KiB", "1kb", "1KB", "-1", "1.5MiB", "1 KiB", "1000000000000GiB"}) {
    EXPECT_EQ(parse_size(bad), std::nullopt) << bad;
  }
}

TEST(ConfigValues, NearestWord) {
  const std::vector<std::string> known{"interval", "timeout", "labels"};
  EXPECT_EQ(nearest_word("intervall", known), "interval");
  EXPECT_EQ(nearest_word("lables", known), "labels");
  EXPECT_EQ(nearest_word("colour", known), std::nullopt);
  EXPECT_EQ(nearest_word(std::string(100000, 'x'), known), std::nullopt);
}

TEST(DomainFiles, ReadsLinesAndNamesBadOnes) {
  const Directory directory;
  directory.write("a.txt", "\xEF\xBB\xBF# ours\nExample.org\r\n\n  example.net. # theirs\nlocalhost\n");
  const auto b = directory.write("b.txt", "example.org");
  const auto files = load_domain_files({(directory.path() / "*.txt").string()}, {});
  EXPECT_THAT(files.domains, ElementsAre("example.net", "example.org"));
  EXPECT_FALSE(files.kept_previous);
  ASSERT_EQ(files.problems.size(), 1U);
  EXPECT_EQ(files.problems[0].line, 5U);
  EXPECT_EQ(files.problems[0].message, "\"localhost\" has only one label; write one domain name a line");
  ASSERT_EQ(files.warnings.size(), 1U);
  EXPECT_EQ(to_string(files.warnings[0]), b.string() + ":1: 'example.org' is listed already in " +
                                              (directory.path() / "a.txt").string() + ":2; remove one");
}

TEST(DomainFiles, KeepTheOldSetWhenEmptiedOrUnreadable) {
  const Directory directory;
  const std::vector<std::string> globs{(directory.path() / "*.txt").string()};
  const auto path = directory.write("a.txt", "example.org\n");
  const DomainFiles first = load_domain_files(globs, {});
  directory.write("a.txt", "");
  const DomainFiles emptied = load_domain_files(globs, first);
  EXPECT_TRUE(emptied.kept_previous);
  EXPECT_THAT(emptied.domains, ElementsAre("example.org"));
  EXPECT_THAT(emptied.problems.at(0).message, HasSubstr("the old ones stay watched"));
  fs::remove(path);
  EXPECT_THAT(load_domain_files(globs, emptied).domains, ElementsAre("example.org"));
  directory.write("b.txt", "example.net\n");
  fs::create_directory(directory.path() / "c.txt");
  EXPECT_THAT(load_domain_files(globs, emptied).domains, ElementsAre("example.org"));
  fs::remove(directory.path() / "c.txt");
  EXPECT_THAT(load_domain_files(globs, emptied).domains, ElementsAre("example.net"));
}

TEST(DomainFiles, KeepTheOldSetWhenADirectoryCannotBeRead) {
  const Directory directory;
  fs::create_directory(directory.path() / "a");
  fs::create_directory(directory.path() / "b");
  directory.write("a/a.txt", "example.org\n");
  directory.write("b/b.txt", "example.net\n");
  for (const char* name : {"*.txt", "b.txt"}) {
    const std::string pattern = (directory.path() / "b" / name).string();
    const std::vector<std::string> globs{(directory.path() / "a/*.txt").string(), pattern};
    const DomainFiles first = load_domain_files(globs, {});
    EXPECT_THAT(first.domains, ElementsAre("example.net", "example.org"));
    fs::rename(directory.path() / "b", directory.path() / "away");
    fs::create_symlink("b", directory.path() / "b");  // leads to itself: root cannot read it either
    const DomainFiles lost = load_domain_files(globs, first);
    EXPECT_TRUE(lost.kept_previous);
    EXPECT_THAT(lost.domains, ElementsAre("example.net", "example.org"));
    EXPECT_EQ(lines_of(lost.problems), pattern +
                                           ": cannot be read (Too many levels of symbolic links); correct the path or "
                                           "its permissions\n");
    fs::remove(directory.path() / "b");
    EXPECT_THAT(load_domain_files(globs, first).domains, ElementsAre("example.org")) << "a directory that is gone";
    fs::rename(directory.path() / "away", directory.path() / "b");
  }
}

TEST(DomainFiles, NoDomainAtAllIsAWarningAtFirst) {
  const Directory directory;
  const auto path = directory.write("a.txt", "# soon\n");
  const auto files = load_domain_files({path.string()}, {});
  EXPECT_THAT(files.problems, IsEmpty());
  EXPECT_EQ(lines_of(files.warnings), path.string() + ": domain_files: no domain in any file; add one\n");
  EXPECT_THAT(load_domain_files({}, files).warnings, IsEmpty());
  EXPECT_TRUE(domain_file_exists(path.string()));
  EXPECT_FALSE(domain_file_exists("/nonexistent/*.txt"));
}

TEST(DomainFiles, FingerprintSeesEveryChange) {
  const Directory directory;
  const std::vector<std::string> globs{(directory.path() / "*.txt").string()};
  const std::string none = domain_files_fingerprint(globs);
  directory.write("a.txt", "example.org\n");
  const std::string one = domain_files_fingerprint(globs);
  EXPECT_NE(one, none);
  EXPECT_EQ(domain_files_fingerprint(globs), one);
  EXPECT_EQ(load_domain_files(globs, {}).fingerprint, one);
  directory.write("a.txt", "example.org\nexample.net\n");
  EXPECT_NE(domain_files_fingerprint(globs), one);
}

TEST(DomainFiles, AHundredThousandDomains) {
  const Directory directory;
  std::ostringstream text;
  for (int i = 0; i < 100'000; ++i) text << "domain" << i << ".example.org\n";
  directory.write("a.txt", text.str());
  const auto files = load_domain_files({(directory.path() / "a.txt").string()}, {});
  EXPECT_EQ(files.domains.size(), 100'000U);
  EXPECT_THAT(files.problems, IsEmpty());
}

}  // namespace
}  // namespace mtasts
