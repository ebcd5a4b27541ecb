// SPDX-License-Identifier: Apache-2.0
#include "exporter/serve_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace mtasts {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

std::string lines_of(const std::vector<ConfigProblem>& problems) {
  std::string lines;
  for (const ConfigProblem& problem : problems) lines += to_string(problem) + "\n";
  return lines;
}

class ServeConfigTest : public testing::Test {
 protected:
  ServeConfigTest() {
    std::string name = (fs::temp_directory_path() / "mtasts-serve-XXXXXX").string();
    directory_ = mkdtemp(name.data());
    path_ = (directory_ / "c.yaml").string();
  }
  ~ServeConfigTest() override { fs::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name) << text;
    return (directory_ / name).string();
  }
  ServeConfigResult load(const std::string& text, const ServeConfig* running = nullptr,
                         const ShardChoice& choice = {}) const {
    write("c.yaml", text);
    return load_serve_config(path_, running, choice);
  }

  fs::path directory_{};
  std::string path_{};
};

constexpr const char* kStorage = "storage: {path: state.db}\n";

TEST_F(ServeConfigTest, TakesTheDomainsOfTheFiles) {
  write("a.txt", "example.net\nexample.org\n");
  const auto loaded = load("domains: [example.org]\ndomain_files: [\"*.txt\"]\n" + std::string(kStorage));
  ASSERT_TRUE(loaded.config.has_value()) << lines_of(loaded.problems);
  EXPECT_EQ(lines_of(loaded.warnings), "");
  EXPECT_EQ(loaded.config->written.domains.size(), 1U);
  EXPECT_EQ(loaded.config->config.domains.size(), 2U);
  EXPECT_THAT(loaded.config->files.problems, IsEmpty());
  EXPECT_FALSE(fs::exists(directory_ / "state.db"));
}

TEST_F(ServeConfigTest, NamesTheLineOfAStorageThatCannotBe) {
  const std::string domains = "domains: [example.org]\n";
  EXPECT_EQ(lines_of(load(domains + "storage:\n  path: no/state.db\n").problems),
            path_ + ":3: storage.path: '" + (directory_ / "no/state.db").string() + "' cannot be used: the directory " +
                (directory_ / "no").string() +
                " does not exist; create it and give it to the user that runs mtasts_exporter\n");
  EXPECT_EQ(lines_of(load(domains + "storage: {path: .}\n").problems),
            path_ + ":2: storage.path: '" + directory_.string() + "/' is not a file; name a file, not a directory\n");
  write("text", "dear diary");
  EXPECT_THAT(lines_of(load(domains + "storage: {path: text}\n").problems),
              HasSubstr("text' is not a database of mtasts_exporter"));
}

TEST_F(ServeConfigTest, WarnsOfPatternsWithoutAFile) {
  write("a.txt", "example.org\n");
  EXPECT_EQ(lines_of(load("domain_files:\n  - a.txt\n  - \"b/*.txt\"\n" + std::string(kStorage)).warnings),
            path_ + ":3: domain_files[1]: no file matches '" + (directory_ / "b/*.txt").string() +
                "'; correct it, or add a file\n");
}

TEST_F(ServeConfigTest, ReportsWhatIsWrongInDomainFiles) {
  const std::string bad = write("a.txt", "example.org\nlocalhost\n");
  fs::create_directory(directory_ / "b.txt");
  const auto loaded = load("domain_files: [\"*.txt\"]\n" + std::string(kStorage));
  ASSERT_TRUE(loaded.config.has_value());
  EXPECT_EQ(lines_of(loaded.config->files.problems),
            bad + ":2: \"localhost\" has only one label; write one domain name a line\n" +
                (directory_ / "b.txt").string() + ": is a directory; name a file\n");
  EXPECT_EQ(loaded.config->config.domains.size(), 1U);
}

TEST_F(ServeConfigTest, WarnsOfAShardWithoutADomain) {
  const auto shard = [this](int index) {
    return load("domains: [example.org]\nsharding: {index: " + std::to_string(index) + ", count: 2}\n" + kStorage);
  };
  EXPECT_EQ(lines_of(shard(0).warnings) + lines_of(shard(1).warnings),
            path_ + ":2: sharding: none of the domains falls to this shard; there is nothing to watch\n");
}

TEST_F(ServeConfigTest, AShardFromOutsideCountsBeforeTheFile) {
  const std::string text = "domains: [a.example, b.example, c.example, d.example]\nsharding: {count: 2}\n";
  std::size_t domains = 0;
  for (std::size_t index = 0; index < 3; ++index) {
    const auto loaded = load(text + kStorage, nullptr, {index, 3});
    ASSERT_TRUE(loaded.config.has_value()) << lines_of(loaded.problems);
    EXPECT_EQ(loaded.config->config.sharding, (ShardingConfig{index, 3}));
    domains += loaded.config->config.domains.size();
  }
  EXPECT_EQ(domains, 4U);
  EXPECT_EQ(lines_of(load(text + kStorage, nullptr, {2, std::nullopt}).problems),
            path_ +
                ":2: sharding: index 2 and count 2, as --sharding.index and --sharding.count or the environment "
                "change them, do not fit; indexes start at 0\n");
}

TEST_F(ServeConfigTest, AReloadCannotMoveTheStorage) {
  const std::string domains = "domains: [example.org]\n";
  const auto first = load(domains + kStorage);
  ASSERT_TRUE(first.config.has_value());
  EXPECT_TRUE(load("domains: [example.net]\n" + std::string(kStorage), &*first.config).config.has_value());
  const auto moved = load(domains + "storage: {path: other.db}\n", &*first.config);
  EXPECT_FALSE(moved.config.has_value());
  EXPECT_EQ(lines_of(moved.problems), path_ + ":2: storage.path: '" + (directory_ / "other.db").string() +
                                          "' cannot take the place of '" + (directory_ / "state.db").string() +
                                          "' in a running exporter; it needs a restart\n");
  const std::string url = "storage: {path: state.db, url: \"postgresql://mtasts:geheim@db\"}\n";
  EXPECT_EQ(lines_of(load(domains + url, &*first.config).problems),
            path_ + ":2: storage.url: cannot change in a running exporter; it needs a restart\n");
}

TEST_F(ServeConfigTest, AReloadRefusesAndWarnsAsAStartDoes) {
  const auto first = load("domains: [example.org]\n" + std::string(kStorage));
  ASSERT_TRUE(first.config.has_value());
  EXPECT_THAT(lines_of(load("storage: {path: state.db, url: \"mysql://db\"}\n", &*first.config).problems),
              HasSubstr("c.yaml:1: storage.url: is no URL that begins with postgresql://"));
  EXPECT_THAT(lines_of(load("domains: []\n" + std::string(kStorage), &*first.config).warnings),
              HasSubstr("domains: no domains to watch"));
}

TEST_F(ServeConfigTest, AReloadKeepsTheDomainsOfFilesThatCannotBeRead) {
  const std::string text = "domain_files: [a.txt]\n" + std::string(kStorage);
  write("a.txt", "example.org\n");
  const auto first = load(text);
  ASSERT_TRUE(first.config.has_value());
  write("a.txt", "");
  const auto second = load(text, &*first.config);
  ASSERT_TRUE(second.config.has_value());
  EXPECT_THAT(second.config->config.domains, ElementsAre(DomainConfig{"example.org"}));
}

}  // namespace
}  // namespace mtasts
