// SPDX-License-Identifier: Apache-2.0
#include "exporter/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "exporter/state_reader.h"
#include "exporter/stored_observation.h"

namespace mtasts {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr UnixTime kNow{std::chrono::seconds{1'800'000'000}};

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    std::string name = (fs::temp_directory_path() / "mtasts-store-XXXXXX").string();
    directory_ = mkdtemp(name.data());
    path_ = (directory_ / "state.db").string();
  }
  ~StoreTest() override { fs::remove_all(directory_); }

  Store open() {
    return Store::open(path_, [this](const std::string& message) { warnings_.push_back(message); });
  }
  std::string open_error() {
    try {
      open();
      return "opened";
    } catch (const StoreError& error) {
      return error.what();
    }
  }
  void put(const std::string& content) { std::ofstream(path_, std::ios::binary) << content; }
  void run_sql(const std::string& text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  fs::path directory_{};
  std::string path_{};
  std::vector<std::string> warnings_{};
};

DomainRow domain_row(const std::string& domain, DomainState state = DomainState::ok) {
  DomainRow row{.domain = domain, .saved_at = kNow};
  row.verdict.domain = domain;
  row.verdict.state = state;
  row.memory.policy_id = "20260101";
  return row;
}

MxHostRow host_row(const std::string& host) { return {.host = host, .verdict = {.host = host}, .saved_at = kNow}; }

PolicyRow policy_row(UnixTime seen) {
  return {.domain = "example.org",
          .id = "1",
          .body_sha256 = "ab",
          .policy = {.mode = StsMode::enforce, .max_age = 86400s, .mx = {"mx.example.org", "*.example.net"}},
          .first_seen = seen,
          .last_seen = seen};
}

TEST_F(StoreTest, RowsComeBackAfterARestart) {
  {
    Store store = open();
    store.save(domain_row("example.org", DomainState::failing));
    store.save(host_row("mx.example.org"));
    store.record_policy(policy_row(kNow));
    store.record_policy(policy_row(kNow + 1h));
  }
  Store store = open();
  const auto domains = store.load_domains();
  ASSERT_EQ(domains.size(), 1u);
  EXPECT_EQ(domains[0].verdict.state, DomainState::failing);
  EXPECT_EQ(domains[0].memory.policy_id, "20260101");
  EXPECT_EQ(domains[0].saved_at, kNow);
  ASSERT_EQ(store.load_mx_hosts().size(), 1u);
  PolicyRow expected = policy_row(kNow);
  expected.last_seen = kNow + 1h;
  EXPECT_EQ(store.policy_history("example.org"), std::vector{expected});
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(StoreTest, ADomainThatChangesItsPolicyAllTheTimeKeepsTheLatest) {
  Store store = open();
  for (int i = 0; i < 150; ++i) {
    PolicyRow row = policy_row(kNow + std::chrono::seconds{i});
    row.id = std::to_string(i);
    store.record_policy(row);
  }
  const auto history = store.policy_history("example.org");
  ASSERT_EQ(history.size(), 100u);
  EXPECT_EQ(history.front().id, "50");
  EXPECT_EQ(history.back().id, "149");
}

TEST_F(StoreTest, WhatIsForgottenIsGone) {
  Store store = open();
  store.save(domain_row("example.org"));
  store.save(host_row("mx.example.org"));
  store.record_policy(policy_row(kNow));
  store.forget("example.org");
  store.forget_mx_host("mx.example.org");
  EXPECT_TRUE(store.load_domains().empty());
  EXPECT_TRUE(store.load_mx_hosts().empty());
  EXPECT_TRUE(store.policy_history("example.org").empty());
}

TEST_F(StoreTest, AProcessThatDiesKeepsWhatItCommitted) {
  const pid_t child = fork();
  if (child == 0) {
    Store store = open();
    for (int i = 0; i < 100; ++i) store.save(domain_row("d" + std::to_string(i) + ".example"));
    _exit(0);  // no destructor, no checkpoint: as after kill -9
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(open().load_domains().size(), 100u);
}

TEST_F(StoreTest, RowsThatCannotBeReadAreSkipped) {
  {
    Store store = open();
    store.save(domain_row("good.example"));
    store.save(domain_row("bad.example"));
    store.save(host_row("mx.bad.example"));
  }
  run_sql("UPDATE domain_state SET verdict = '{' WHERE domain = 'bad.example'; UPDATE mx_state SET verdict = ''");
  Store store = open();
  ASSERT_EQ(store.load_domains().size(), 1u);
  EXPECT_TRUE(store.load_mx_hosts().empty());
  ASSERT_EQ(warnings_.size(), 2u);
  EXPECT_EQ(warnings_[0].rfind("stored state of domain bad.example was skipped: not JSON: ", 0), 0u);
}

TEST_F(StoreTest, AnotherFileIsNeverTouched) {
  put("these are my holiday notes\n");
  EXPECT_EQ(open_error(), "storage.path '" + path_ +
                              "' is not a database of mtasts_exporter, and was left as it is; move the file away or "
                              "set storage.path to another file");
  EXPECT_EQ(fs::file_size(path_), 27u);
}

TEST_F(StoreTest, AnotherProgramsDatabaseIsNeverTouched) {
  run_sql("CREATE TABLE invoices (id INTEGER)");
  EXPECT_EQ(open_error(), "storage.path '" + path_ +
                              "' is a database of another program, and was left as it is; set storage.path to another "
                              "file");
}

TEST_F(StoreTest, AnotherProgramsDamagedDatabaseIsNeverTouchedEither) {
  run_sql("CREATE TABLE invoices (id INTEGER)");
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(44);  // the schema format
    file << "xxxx";
  }
  EXPECT_THAT(open_error(), testing::HasSubstr("cannot be opened"));
  EXPECT_FALSE(fs::exists(path_ + ".corrupt"));
}

TEST_F(StoreTest, ANewerSchemaIsRefused) {
  { Store store = open(); }
  run_sql("PRAGMA user_version = 99");
  EXPECT_EQ(open_error(), "storage.path '" + path_ +
                              "' was written by a newer mtasts_exporter (schema 99, this one knows 3); run that "
                              "version, or move the file away to start afresh");
}

TEST_F(StoreTest, AMissingDirectoryIsNamed) {
  path_ = (directory_ / "nowhere" / "state.db").string();
  EXPECT_EQ(open_error(), "storage.path '" + path_ + "' cannot be used: the directory " +
                              (directory_ / "nowhere").string() +
                              " does not exist; create it and give it to the user that runs mtasts_exporter");
}

TEST_F(StoreTest, ADirectoryIsNoFile) {
  path_ = directory_.string();
  EXPECT_EQ(open_error(), "storage.path '" + path_ + "' is not a file; name a file, not a directory");
}

TEST_F(StoreTest, AnEmptyFileBecomesADatabase) {
  put("");
  EXPECT_TRUE(open().load_domains().empty());
}

TEST_F(StoreTest, ADamagedDatabaseIsMovedAside) {
  {
    Store store = open();
    for (int i = 0; i < 200; ++i) store.save(domain_row("d" + std::to_string(i) + ".example"));
  }
  const auto size = fs::file_size(path_);
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(size - 4096, 'x');
  }
  Store store = open();
  EXPECT_TRUE(store.load_domains().empty());
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("it was moved to '" + path_ + ".corrupt' and an empty one takes its place"),
            std::string::npos);
  EXPECT_EQ(fs::file_size(path_ + ".corrupt"), size);
  store.save(domain_row("example.org"));
  EXPECT_EQ(store.load_domains().size(), 1u);
}

struct HeaderDamage {
  const char* what;
  std::streamoff offset;
  std::string octets;
};

TEST_F(StoreTest, ADamagedHeaderIsTakenForDamageToo) {
  const HeaderDamage table[] = {{"the magic string", 0, "xxxxxxxxxxxxxxxx"},
                                {"the page size", 16, "xx"},
                                {"the write version", 18, "x"},
                                {"the read version", 19, "x"},
                                {"the fractions", 21, "xxx"},
                                {"the schema format", 44, "xxxx"},
                                {"the encoding", 56, "xxxx"}};
  for (const HeaderDamage& damage : table) {
    SCOPED_TRACE(damage.what);
    warnings_.clear();
    { open().save(domain_row("example.org")); }
    {
      std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(damage.offset);
      file << damage.octets;
    }
    EXPECT_TRUE(open().load_domains().empty());
    ASSERT_EQ(warnings_.size(), 1U);
    EXPECT_NE(warnings_[0].find("is damaged"), std::string::npos) << warnings_[0];
  }
}

TEST_F(StoreTest, AFileThatNobodyCanTellWhoseItIsStays) {
  { Store store = open(); }
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file << std::string(100, 'x');
  }
  EXPECT_THAT(open_error(), testing::HasSubstr("is not a database of mtasts_exporter"));
}

TEST_F(StoreTest, ABatchIsWrittenWholeOrNotAtAll) {
  Store store = open();
  run_sql("CREATE TRIGGER full BEFORE INSERT ON mx_state BEGIN SELECT raise(ABORT, 'disk full'); END");
  EXPECT_THROW(store.write({.domains = {{"a.example", domain_row("a.example")}}, .hosts = {{"mx", host_row("mx")}}}),
               StoreError);
  EXPECT_TRUE(store.load_domains().empty());
  run_sql("DROP TRIGGER full");
  store.save(host_row("mx"));
  EXPECT_EQ(store.load_mx_hosts().size(), 1u);
}

/// A sink that fails until it is told not to.
struct Disk {
  std::mutex mutex{};
  std::condition_variable changed{};
  bool full{};
  int attempts{};
  std::vector<StoreBatch> written{};

  void write(const StoreBatch& batch) {
    const std::lock_guard lock{mutex};
    ++attempts;
    changed.notify_all();
    if (full) throw StoreError("disk full");
    written.push_back(batch);
  }
  void set_full(bool value) {
    const std::lock_guard lock{mutex};
    full = value;
  }
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, 10s, condition);
  }
};

TEST_F(StoreTest, TheWriterFlushesWhenItStops) {
  {
    StoreWriter writer{open(), {}};
    for (int i = 0; i < 50; ++i) writer.save(domain_row("d" + std::to_string(i) + ".example"));
    writer.save(host_row("mx.example.org"));
    writer.record_policy(policy_row(kNow));
    writer.stop();
    writer.save(domain_row("late.example"));
  }
  Store store = open();
  EXPECT_EQ(store.load_domains().size(), 50u);
  EXPECT_EQ(store.load_mx_hosts().size(), 1u);
  EXPECT_EQ(store.policy_history("example.org").size(), 1u);
}

EpisodeRow episode_row(UnixTime began, UnixTime last_seen, bool open) {
  return {.domain = "example.org",
          .episode = {.type = ResultType::certificate_expired,
                      .host = "mx.example.org",
                      .reason = "expired",
                      .began = began,
                      .last_seen = last_seen,
                      .open = open}};
}

ObservationRow observation_row(std::string content) {
  return {.kind = ObservationKind::mx_host, .name = "mx.example.org", .content = std::move(content), .seen_at = kNow};
}

TEST_F(StoreTest, AReaderSeesTheHistoryOfADomain) {
  Store store = open();
  StateReader reader = StateReader::open(path_);
  EXPECT_EQ(reader.domain("example.org"), std::nullopt);
  store.save(domain_row("example.org", DomainState::failing));
  store.save(host_row("mx.example.org"));
  store.record_policy(policy_row(kNow));
  store.record(episode_row(kNow, kNow, true));
  store.record(episode_row(kNow, kNow + 1h, false));  // the same one, ended
  store.record(episode_row(kNow + 2h, kNow + 2h, true));
  store.record(ChangeRow{"example.org", {kNow, ChangeKind::mx_set, "a", "b"}});
  store.record(ChangeRow{"example.org", {kNow + 1h, ChangeKind::policy_id, "1", "2"}});
  EXPECT_EQ(reader.domain("example.org")->verdict.state, DomainState::failing);
  EXPECT_EQ(reader.mx_host("mx.example.org")->host, "mx.example.org");
  EXPECT_EQ(reader.policies("example.org"), std::vector{policy_row(kNow)});
  EXPECT_EQ(reader.episodes("example.org"), (std::vector{episode_row(kNow + 2h, kNow + 2h, true).episode,
                                                         episode_row(kNow, kNow + 1h, false).episode}));
  EXPECT_EQ(reader.changes("example.org"), (std::vector<DomainChange>{{kNow + 1h, ChangeKind::policy_id, "1", "2"},
                                                                      {kNow, ChangeKind::mx_set, "a", "b"}}));
  EXPECT_TRUE(reader.episodes("other.example").empty());
}

TEST_F(StoreTest, AnEpisodeThatNoDomainKnowsOfEnds) {
  Store store = open();
  DomainRow domain = domain_row("example.org", DomainState::failing);
  const FaultEpisode standing = episode_row(kNow, kNow, true).episode;
  domain.memory.standing = {{standing.type, standing.host, standing.reason, standing.began}};
  store.save(domain);
  store.record(episode_row(kNow, kNow, true));
  store.record(episode_row(kNow + 2h, kNow + 2h, true));  // and then the power went
  EXPECT_EQ(store.load_domains().size(), 1u);
  EXPECT_EQ(StateReader::open(path_).episodes("example.org"),
            (std::vector{standing, episode_row(kNow + 2h, kNow + 2h, false).episode}));
}

TEST_F(StoreTest, AWithdrawnEpisodeNeverWas) {
  Store store = open();
  store.record(episode_row(kNow, kNow, true));
  EpisodeRow withdrawn = episode_row(kNow, kNow, true);
  withdrawn.withdrawn = true;
  store.record(withdrawn);
  EXPECT_TRUE(StateReader::open(path_).episodes("example.org").empty());
}

TEST_F(StoreTest, AFaultThatComesAndGoesAllTheTimeKeepsItsLatestEpisodes) {
  Store store = open();
  for (int i = 0; i < 300; ++i) store.record(episode_row(kNow + i * 1h, kNow + i * 1h, false));
  const auto kept = StateReader::open(path_).episodes("example.org");
  ASSERT_EQ(kept.size(), 200u);
  EXPECT_EQ(kept.front().began, kNow + 299h);
  EXPECT_EQ(kept.back().began, kNow + 100h);
}

TEST_F(StoreTest, HistoryAndObservationsGoWithTheirDomainAndHost) {
  Store store = open();
  store.record(episode_row(kNow, kNow, true));
  store.record(ChangeRow{"example.org", {kNow, ChangeKind::mx_set, "a", "b"}});
  store.record({.name = "example.org", .content = render_observation(DomainObservation{.domain = "example.org"})});
  store.record(observation_row(render_observation(MxHostObservation{.host = "mx.example.org"})));
  StateReader reader = StateReader::open(path_);
  EXPECT_EQ(reader.observation("example.org")->domain, "example.org");
  EXPECT_EQ(reader.mx_observation("mx.example.org")->host, "mx.example.org");
  store.forget("example.org");
  store.forget_mx_host("mx.example.org");
  EXPECT_TRUE(reader.episodes("example.org").empty());
  EXPECT_TRUE(reader.changes("example.org").empty());
  EXPECT_FALSE(reader.observation("example.org"));
  EXPECT_FALSE(reader.mx_observation("mx.example.org"));
}

TEST_F(StoreTest, AReaderNeedsADatabase) {
  EXPECT_THROW(StateReader::open(path_), StoreError);
  EXPECT_FALSE(fs::exists(path_));
}

TEST(StoreWriter, TheLatestChangeOfAKeyWins) {
  Disk disk{.full = true};
  StoreWriter writer{[&](const StoreBatch& batch) { disk.write(batch); }, {.period = 1ms, .retry = 1h}};
  writer.save(domain_row("a.example", DomainState::failing));
  writer.save(domain_row("b.example"));
  ASSERT_TRUE(disk.wait([&] { return disk.attempts >= 1; }));
  writer.save(domain_row("a.example", DomainState::ok));
  writer.forget("b.example");
  disk.set_full(false);
  writer.stop();
  ASSERT_EQ(disk.written.size(), 1u);
  EXPECT_EQ(disk.written[0].domains.size(), 1u);
  EXPECT_EQ(disk.written[0].domains.at("a.example").verdict.state, DomainState::ok);
  EXPECT_TRUE(disk.written[0].forgotten_domains.contains("b.example"));
}

TEST(StoreWriter, AFailingDiskIsReportedOnceAndTriedAgain) {
  Disk disk{.full = true};
  std::vector<std::string> troubles;  // touched by the writer's thread only, until it has stopped
  StoreWriter writer{[&](const StoreBatch& batch) { disk.write(batch); },
                     {.period = 1ms, .retry = 1ms, .on_trouble = [&](const auto& text) { troubles.push_back(text); }}};
  writer.save(domain_row("a.example"));
  ASSERT_TRUE(disk.wait([&] { return disk.attempts >= 3; }));
  EXPECT_FALSE(writer.healthy());
  disk.set_full(false);
  ASSERT_TRUE(disk.wait([&] { return disk.attempts >= 4 && !disk.full; }));
  writer.stop();
  EXPECT_TRUE(writer.healthy());
  EXPECT_EQ(troubles, (std::vector<std::string>{"disk full", ""}));
  EXPECT_EQ(writer.pending(), 0u);
}

TEST(StoreWriter, ObservationsThatWaitForAFailingDiskAreBoundedInOctets) {
  Disk disk{.full = true};
  StoreWriter writer{[&](const StoreBatch& batch) { disk.write(batch); },
                     {.period = 1ms, .retry = 1h, .max_pending_octets = 100}};
  writer.save(domain_row("first.example"));
  ASSERT_TRUE(disk.wait([&] { return disk.attempts >= 1; }));
  EXPECT_TRUE(writer.record(observation_row(std::string(80, 'a'))));
  EXPECT_FALSE(writer.record({.name = "example.org", .content = std::string(80, 'b')}));
  EXPECT_TRUE(writer.record(observation_row(std::string(90, 'c'))));  // takes the place of its own
  EXPECT_EQ(writer.dropped(), 1u);
  disk.set_full(false);
  writer.stop();
  ASSERT_EQ(disk.written.size(), 1u);
  ASSERT_EQ(disk.written[0].observations.size(), 1u);
  EXPECT_EQ(disk.written[0].observations.begin()->second.content, std::string(90, 'c'));
}

TEST(StoreWriter, WhatWaitsForAFailingDiskIsBounded) {
  Disk disk{.full = true};
  StoreWriter writer{[&](const StoreBatch& batch) { disk.write(batch); },
                     {.period = 1ms, .retry = 1h, .max_pending = 10}};
  for (int i = 0; i < 1000; ++i) writer.save(domain_row("d" + std::to_string(i) + ".example"));
  EXPECT_GT(writer.dropped(), 900u);
  writer.stop();
  EXPECT_LE(writer.pending(), 20u);  // one batch that failed, and one that came meanwhile
}

}  // namespace
}  // namespace mtasts
