// SPDX-License-Identifier: Apache-2.0
#include "exporter/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mtasts {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Options parse(std::vector<const char*> words) {
  words.insert(words.begin(), "mtasts_exporter");
  return parse_options(static_cast<int>(words.size()), words.data());
}

template <class Wanted>
Wanted parse_as(std::vector<const char*> words) {
  Options options = parse(std::move(words));
  const auto* exit = std::get_if<ExitOptions>(&options);
  EXPECT_TRUE(std::holds_alternative<Wanted>(options)) << (exit == nullptr ? "" : exit->error);
  return std::holds_alternative<Wanted>(options) ? std::get<Wanted>(options) : Wanted{};
}

TEST(Options, ServeIsTheDefault) {
  const auto serve = parse_as<ServeOptions>({});
  EXPECT_EQ(serve.config_file, kDefaultConfigFile);
  EXPECT_THAT(serve.listen_addresses, ElementsAre(":9974"));
  EXPECT_EQ(serve.log_level, LogLevel::info);
  EXPECT_FALSE(serve.enable_lifecycle);
}

TEST(Options, ServeTakesFlagsInBothSpellings) {
  const auto serve =
      parse_as<ServeOptions>({"serve", "--config.file", "c.yaml", "--web.listen-address=:1", "--web.listen-address",
                              "[::1]:2", "--web.config.file=w.yaml", "--web.external-url=https://x/",
                              "--web.enable-lifecycle", "--log.level=debug", "--log.format", "json"});
  EXPECT_EQ(serve.config_file, "c.yaml");
  EXPECT_THAT(serve.listen_addresses, ElementsAre(":1", "[::1]:2"));
  EXPECT_EQ(serve.web_config_file, "w.yaml");
  EXPECT_EQ(serve.external_url, "https://x/");
  EXPECT_TRUE(serve.enable_lifecycle);
  EXPECT_EQ(serve.log_level, LogLevel::debug);
  EXPECT_EQ(serve.log_format, LogFormat::json);
}

TEST(Options, AShardIsNamedByFlagOrEnvironment) {
  EXPECT_EQ(parse_as<ServeOptions>({}).shard, ShardChoice{});
  EXPECT_EQ(parse_as<ServeOptions>({"--sharding.index=2", "--sharding.count", "8"}).shard, (ShardChoice{2, 8}));
  EXPECT_EQ(parse_as<ServeOptions>({"serve", "--sharding.index=mtasts-exporter-0"}).shard.index, 0U);
  EXPECT_EQ(parse_as<ConfigCheckOptions>({"--config.check", "--sharding.count=3"}).shard.count, 3U);
  ASSERT_EQ(setenv("MTASTS_SHARDING_INDEX", "pod-5", 1), 0);
  ASSERT_EQ(setenv("MTASTS_SHARDING_COUNT", "", 1), 0);
  EXPECT_EQ(parse_as<ServeOptions>({}).shard, (ShardChoice{5, std::nullopt}));
  EXPECT_EQ(parse_as<ServeOptions>({"--sharding.index=1"}).shard.index, 1U);
  unsetenv("MTASTS_SHARDING_INDEX");
  unsetenv("MTASTS_SHARDING_COUNT");
}

TEST(Options, AShardThatCannotBeIsNamed) {
  EXPECT_THAT(parse_as<ExitOptions>({"--sharding.index=web"}).error,
              HasSubstr("--sharding.index: 'web' is neither a number below 1024 nor a name that ends in one"));
  EXPECT_THAT(parse_as<ExitOptions>({"--sharding.index=1024"}).error, HasSubstr("'1024' is neither"));
  EXPECT_THAT(parse_as<ExitOptions>({"--sharding.count=0"}).error, HasSubstr("'0' is not a number from 1 to 1024"));
  EXPECT_THAT(parse_as<ExitOptions>({"--sharding.count=3x"}).error, HasSubstr("'3x' is not a number"));
}

TEST(Options, ConfigCheck) {
  EXPECT_EQ(parse_as<ConfigCheckOptions>({"--config.check", "--config.file=F"}).config_file, "F");
}

TEST(Options, Advise) {
  const auto advise = parse_as<AdviseOptions>({"advise", "a.org", "--rollback", "--write=D", "--config.file=F"});
  EXPECT_EQ(advise.domains, std::vector<std::string>{"a.org"});
  EXPECT_TRUE(advise.rollback);
  EXPECT_EQ(advise.write_folder, "D");
  EXPECT_EQ(advise.config_file, "F");
  EXPECT_EQ(parse_as<AdviseOptions>({"advise", "a.org", "b.org"}).config_file, "") << "no configuration, no memory";
}

TEST(Options, Check) {
  const auto check = parse_as<CheckOptions>({"check", "a.org", "--format", "json", "b.org", "--config.file=F"});
  EXPECT_THAT(check.domains, ElementsAre("a.org", "b.org"));
  EXPECT_EQ(check.config_file, "F");
  EXPECT_EQ(check.format, OutputFormat::json);
  EXPECT_EQ(parse_as<CheckOptions>({"check", "a.org"}).config_file, "");
}

TEST(Options, Lint) {
  EXPECT_EQ(parse_as<LintPolicyOptions>({"lint", "policy", "-"}).file, "-");
  EXPECT_EQ(parse_as<LintPolicyOptions>({"lint", "policy", "--format=json", "f"}).format, OutputFormat::json);
  EXPECT_THAT(parse_as<LintRecordOptions>({"lint", "record"}).records, ElementsAre());
  EXPECT_THAT(parse_as<LintTlsrptOptions>({"lint", "tlsrpt", "v=TLSRPTv1; rua=mailto:a@b.org"}).records,
              ElementsAre("v=TLSRPTv1; rua=mailto:a@b.org"));
}

TEST(Options, OperandsArriveUntouched) {
  const auto lint =
      parse_as<LintRecordOptions>({"lint", "record", "[a,b]", "", "policy", "a%%b", "--", "--format=xml", "-x"});
  EXPECT_THAT(lint.records, ElementsAre("[a,b]", "", "policy", "a%%b", "--format=xml", "-x"));
}

TEST(Options, MatchAndCodes) {
  EXPECT_EQ(parse_as<MatchOptions>({"match", "*.a.org", "mx.a.org"}).pattern, "*.a.org");
  EXPECT_EQ(parse_as<MatchOptions>({"match", "--", "-a", "-b"}).host, "-b");
  EXPECT_EQ(parse_as<CodesOptions>({"codes", "--format=json"}).format, OutputFormat::json);
}

TEST(Options, Report) {
  const auto report = parse_as<ReportOptions>({"report", "a.json", "-", "--format=json", "--", "-x"});
  EXPECT_THAT(report.files, ElementsAre("a.json", "-", "-x"));
  EXPECT_EQ(report.format, OutputFormat::json);
}

TEST(Options, IngestAndExport) {
  const auto ingest = parse_as<IngestOptions>({"ingest", "a.json", "dir", "-", "--config.file=c.yaml", "--", "-x"});
  EXPECT_THAT(ingest.inputs, ElementsAre("a.json", "dir", "-", "-x"));
  EXPECT_EQ(ingest.config_file, "c.yaml");
  const auto sharded = parse_as<IngestOptions>({"ingest", "a.json", "--sharding.index=2", "--sharding.count=4"});
  EXPECT_EQ(sharded.shard.index, 2U);
  EXPECT_EQ(sharded.shard.count, 4U);
  const auto history = parse_as<ExportOptions>({"export", "--config.file=c.yaml", "--since", "30d"});
  EXPECT_EQ(history.config_file, "c.yaml");
  EXPECT_EQ(history.since, "30d");
}

TEST(Options, HelpAndVersion) {
  const auto help = parse_as<ExitOptions>({"check", "--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.output, HasSubstr("check DOMAIN..."));
  EXPECT_THAT(parse_as<ExitOptions>({"--help"}).output, HasSubstr("--web.listen-address"));
  EXPECT_THAT(parse_as<ExitOptions>({"--help"}).output, HasSubstr("Without a command: serve."));
  for (const char* command : {"serve", "lint", "codes"}) {
    EXPECT_THAT(parse_as<ExitOptions>({command, "--help"}).output, Not(HasSubstr("Without a command"))) << command;
  }
  EXPECT_THAT(parse_as<ExitOptions>({"--version"}).output, testing::StartsWith("mtasts_exporter "));
}

struct Mistake {
  std::vector<const char*> words{};
  int status{};
  std::string error{};
};

TEST(Options, MistakesAreNamed) {
  const Mistake mistakes[] = {
      {{"chekc"}, 1, "chekc"},
      {{"serve", "x"}, 1, "x"},
      {{"--", "x"}, 1, "serve takes no arguments, but got 'x'"},
      {{"--log.level=loud"}, 1, "'loud' is none of debug|error|info|warn"},
      {{"--config.file"}, 1, "--config.file"},
      {{"--no-such-flag"}, 1, "--no-such-flag"},
      {{"codes", "x"}, 1, "codes takes no arguments, but got 'x'"},
      {{"check"}, 3, "check needs at least one domain"},
      {{"check", "--formt=json", "a.org"}, 3, "unknown flag --formt=json"},
      {{"advise"}, 3, "advise needs at least one domain"},
      {{"advise", "a.org", "b.org", "--write", "."}, 3, "--write is for one domain"},
      {{"lint"}, 3, ""},
      {{"lint", "policy"}, 3, "lint policy needs one file, or - for standard input"},
      {{"lint", "policy", "a", "b"}, 3, "lint policy needs one file, or - for standard input"},
      {{"lint", "record", "--format=xml"}, 3, "'xml' is none of json|text"},
      {{"report"}, 3, "report needs at least one file, or - for standard input"},
      {{"report", "x", "--format=xml"}, 3, "'xml' is none of json|text"},
      {{"report", "x", "--fromat=json"}, 3, "unknown flag --fromat=json"},
      {{"ingest"}, 1, "ingest needs at least one file or directory, or - for standard input"},
      {{"ingest", "--al", "x"}, 1, "unknown flag --al"},
      {{"export", "x"}, 1, "export takes no arguments, but got 'x'"},
      {{"match", "a"}, 3, "match needs a pattern and a host name"},
      {{"match", "a", "b", "c"}, 3, "match needs a pattern and a host name"},
  };
  for (const Mistake& mistake : mistakes) {
    const auto exit = parse_as<ExitOptions>(mistake.words);
    EXPECT_EQ(exit.status, mistake.status) << mistake.error;
    EXPECT_THAT(exit.error, HasSubstr(mistake.error));
    EXPECT_EQ(exit.output, "");
  }
}

}  // namespace
}  // namespace mtasts
