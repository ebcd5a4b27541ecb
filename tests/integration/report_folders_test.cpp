// Folders that are watched: files arrive, folders come and go, the exporter is killed. The intake is the real one where
// it says so.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_folders.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "exporter/report_intake.h"
#include "tests/support/report_text.h"
#include "tests/support/temporary_folder.h"

namespace mtasts::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using namespace std::chrono_literals;

std::size_t files_in(const std::string& directory) {
  std::error_code error;
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator{directory, error}) files += entry.is_regular_file() ? 1 : 0;
  return files;
}

/// What the folders tell, and a way to wait for it.
class Heard {
 public:
  ReportFoldersOptions options() {
    ReportFoldersOptions options;
    options.take = [this](const NextInput& next) { return take(next); };
    options.on_problem = [this](const ReportFolder&, const FolderProblem& p) { note([&] { problem_ = p.what; }); };
    options.on_refused = [](const ReportFolder&, const std::string&) {};
    options.on_state = [this](ReportChannel channel, std::optional<bool> works) {
      note([&] { states_[channel] = works; });
    };
    options.period = 1h;  // what a test sees comes from an event
    options.settle = {1h, 1h};
    return options;
  }

  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, 60s, condition);
  }
  bool wait_for_texts(std::size_t texts) {
    return wait([&] { return taken_.size() >= texts; });
  }
  bool wait_for_state(ReportChannel channel, std::optional<bool> works) {
    return wait([&] { return states_.contains(channel) && states_.at(channel) == works; });
  }
  std::vector<std::string> taken() {
    const std::lock_guard lock{mutex_};
    return taken_;
  }
  std::string problem() {
    const std::lock_guard lock{mutex_};
    return problem_;
  }
  void fill_disk(bool full) {
    const std::lock_guard lock{mutex_};
    full_ = full;
  }
  int failures() {
    const std::lock_guard lock{mutex_};
    return failures_;
  }

 private:
  std::vector<IntakeResult> take(const NextInput& next) {
    std::vector<IntakeResult> results;
    while (const auto input = next()) {
      note([&] {
        if (!full_) taken_.push_back(input->text);
        failures_ += full_ ? 1 : 0;
        results.push_back({.reports = {{.outcome = ReportOutcome::counted}}, .stored = !full_});
      });
    }
    return results;
  }
  template <class Change>
  void note(Change change) {
    const std::lock_guard lock{mutex_};
    change();
    changed_.notify_all();
  }

  std::mutex mutex_{};
  std::condition_variable changed_{};
  std::vector<std::string> taken_{};
  std::map<ReportChannel, std::optional<bool>> states_{};
  std::string problem_{};
  bool full_{};
  int failures_{};
};

class ReportFoldersTest : public testing::Test {
 protected:
  ReportFoldersTest() {
    for (const char* directory : {"maildir/new", "maildir/cur", "maildir/tmp", "spool"})
      fs::create_directories(folder_.file(directory));
  }
  void start(ReportFoldersOptions options) {
    folders_.emplace(std::move(options));
    folders_->set_folders({maildir_, spool_});
    folders_->start();
  }
  /// Both were scanned, so that they are watched.
  void start_and_settle(ReportFoldersOptions options) {
    start(std::move(options));
    ASSERT_TRUE(heard_.wait_for_state(ReportChannel::spool, true));
    ASSERT_TRUE(heard_.wait_for_state(ReportChannel::maildir, true));
  }

  TemporaryFolder folder_{};
  ReportFolder maildir_{ReportChannel::maildir, folder_.file("maildir")};
  ReportFolder spool_{ReportChannel::spool, folder_.file("spool")};
  Heard heard_{};
  std::optional<ReportFolders> folders_{};
};

TEST_F(ReportFoldersTest, WhatArrivesIsTakenAtOnce) {
  start_and_settle(heard_.options());
  folder_.write("spool/written.json", "written");
  ASSERT_TRUE(heard_.wait_for_texts(1));
  folder_.write("maildir/tmp/1", "delivered");
  fs::rename(folder_.file("maildir/tmp/1"), folder_.file("maildir/new/1"));
  ASSERT_TRUE(heard_.wait_for_texts(2));
  folder_.write("spool/.part", "moved");
  fs::rename(folder_.file("spool/.part"), folder_.file("spool/moved.json"));
  ASSERT_TRUE(heard_.wait_for_texts(3));
  EXPECT_THAT(heard_.taken(), testing::ElementsAre("written", "delivered", "moved"));
  folders_->stop();
  EXPECT_EQ(files_in(folder_.file("spool/done")), 2u);
  EXPECT_EQ(files_in(folder_.file("maildir/cur")), 1u);
}

TEST_F(ReportFoldersTest, AMessageThatIsLinkedIsTakenWhenItHasSettled) {
  ReportFoldersOptions options = heard_.options();
  options.settle = {0s, 0s};
  start_and_settle(options);
  folder_.write("maildir/tmp/1", "linked");  // as Postfix and qmail do, so that no name is taken twice
  fs::create_hard_link(folder_.file("maildir/tmp/1"), folder_.file("maildir/new/1"));
  EXPECT_TRUE(heard_.wait_for_texts(1));
}

TEST_F(ReportFoldersTest, WhatWaitedBeforeTheStartIsTaken) {
  ReportFoldersOptions options = heard_.options();
  options.settle = {0s, 0s};
  for (int i = 0; i < 1000; ++i) folder_.write("maildir/new/" + std::to_string(i), "old");
  start(options);
  EXPECT_TRUE(heard_.wait_for_texts(1000));
}

TEST_F(ReportFoldersTest, AFolderThatComesLaterIsFoundAndAReplacedOneWatchedAnew) {
  ReportFoldersOptions options = heard_.options();
  options.period = 20ms;
  options.settle = {0s, 0s};
  fs::remove_all(spool_.path);
  start(options);
  ASSERT_TRUE(heard_.wait_for_state(ReportChannel::spool, false));
  EXPECT_THAT(heard_.problem(), HasSubstr("No such file or directory"));
  fs::create_directory(spool_.path);
  ASSERT_TRUE(heard_.wait_for_state(ReportChannel::spool, true));
  EXPECT_EQ(heard_.problem(), "");
  fs::rename(spool_.path, folder_.file("moved-aside"));
  ASSERT_TRUE(heard_.wait_for_state(ReportChannel::spool, false));
  fs::create_directory(spool_.path);
  ASSERT_TRUE(heard_.wait_for_state(ReportChannel::spool, true));
  folder_.write("spool/a.json", "again");
  EXPECT_TRUE(heard_.wait_for_texts(1));
  EXPECT_EQ(files_in(folder_.file("moved-aside")), 0u);
}

TEST_F(ReportFoldersTest, AReloadAddsAndRemovesFolders) {
  start_and_settle(heard_.options());
  const std::string later = folder_.write("later/new/.keep", "");
  fs::create_directories(folder_.file("later/cur"));
  folders_->set_folders({{ReportChannel::maildir, folder_.file("later")}});
  ASSERT_TRUE(heard_.wait_for_state(ReportChannel::spool, std::nullopt)) << "not configured: no series";
  folder_.write("spool/nobody.json", "nobody's");
  folder_.write("later/new/1", "new");
  ASSERT_TRUE(heard_.wait_for_texts(1));
  EXPECT_THAT(heard_.taken(), testing::ElementsAre("new"));
  folders_->stop();
  EXPECT_EQ(files_in(spool_.path), 1u);
}

TEST_F(ReportFoldersTest, WhatCannotBeStoredIsTriedAgainLater) {
  ReportFoldersOptions options = heard_.options();
  options.settle = {0s, 0s};
  options.retry = 1ms;
  options.longest_retry = 20ms;
  heard_.fill_disk(true);
  folder_.write("spool/a.json", "patient");
  start(options);
  while (heard_.failures() < 5) std::this_thread::yield();
  EXPECT_EQ(files_in(spool_.path), 1u);
  heard_.fill_disk(false);
  ASSERT_TRUE(heard_.wait_for_texts(1));
  folders_->stop();
  EXPECT_EQ(files_in(folder_.file("spool/done")), 1u);
  EXPECT_EQ(heard_.problem(), "") << "the folder is not to blame";
}

TEST_F(ReportFoldersTest, StopsWhileMuchIsWaiting) {
  ReportFoldersOptions options = heard_.options();
  options.settle = {0s, 0s};
  options.take = [](const NextInput& next) {
    std::vector<IntakeResult> results;
    if (next()) results.push_back({.reports = {{.outcome = ReportOutcome::counted}}});
    return results;
  };
  for (int i = 0; i < 2000; ++i) folder_.write("spool/" + std::to_string(i), "x");
  start(options);
  folders_->stop();
  EXPECT_EQ(files_in(spool_.path) + files_in(folder_.file("spool/done")), 2000u);
}

/// Runs a daemon's share of the work, as it is wired there, until it is killed. Writes an octet for each file that is
/// stored, before the file is moved.
[[noreturn]] void take_until_killed(const std::string& database, const std::vector<ReportFolder>& watched, int ends) {
  const auto now = [] { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); };
  ReportIntake intake{ReportStore::open(database), {.now = now}};
  intake.set_rules({.domains = {"example.org"}, .accept_unauthenticated = true, .authserv_id = "mx.example.org"});
  ReportFoldersOptions options;
  options.take = [&](const NextInput& next) {
    auto results = intake.take_batch(next, now());
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (write(ends, "x", 1) != 1) _exit(1);
    }
    return results;
  };
  options.on_problem = [](const ReportFolder&, const FolderProblem&) { _exit(2); };
  options.on_refused = [](const ReportFolder&, const std::string&) { _exit(3); };
  options.on_state = [](ReportChannel, std::optional<bool>) {};
  options.settle = {0s, 0s};
  ReportFolders folders{options};
  folders.set_folders(watched);
  folders.start();
  for (;;) pause();
}

/// MTASTS_KILLS=200 makes a campaign of it.
TEST_F(ReportFoldersTest, EveryReportIsCountedOnceAfterKills) {
  const char* asked = std::getenv("MTASTS_KILLS");
  const int kills = asked ? std::atoi(asked) : 5;
  const std::string database = folder_.file("state.db");
  std::size_t dropped = 0;
  const auto drop = [&](std::size_t files) {
    for (; files > 0; --files, ++dropped) {
      const std::string id = std::to_string(dropped);
      const bool is_mail = dropped % 2 == 0;
      folder_.write("outside/" + id, is_mail ? report_message(id) : report_text(id));
      fs::rename(folder_.file("outside/" + id), folder_.file((is_mail ? "maildir/new/" : "spool/") + id));
    }
  };
  std::size_t stored = 0;
  for (int kill_number = 0; kill_number < kills; ++kill_number) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    drop(100);
    const pid_t child = fork();
    if (child == 0) take_until_killed(database, {maildir_, spool_}, ends[1]);
    close(ends[1]);
    // Kills at a moment that no clock decides, while files are dropped in.
    char octet = 0;
    for (int until = 1 + std::rand() % 150; until > 0 && read(ends[0], &octet, 1) == 1; --until) {
      ++stored;
      drop(1);
    }
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "ended by itself: " << WEXITSTATUS(status);
    while (read(ends[0], &octet, 1) == 1) ++stored;
    close(ends[0]);
  }
  ReportIntake intake{ReportStore::open(database), {}};
  intake.set_rules({.domains = {"example.org"}, .accept_unauthenticated = true, .authserv_id = "mx.example.org"});
  FolderReaderOptions options{
      .take = [&](const NextInput& next) { return intake.take_batch(next, UnixTime{2'000'000'000s}); },
      .now = [] { return std::chrono::system_clock::now() + 1h; },
      .is_interrupted = [] { return false; },
      .on_problem = [](const ReportFolder&, const FolderProblem& problem) { ADD_FAILURE() << problem.what; },
      .on_refused = [](const ReportFolder&, const std::string& file) { ADD_FAILURE() << file; }};
  for (const ReportFolder& folder : {maildir_, spool_}) FolderReader{folder, options}.scan();

  EXPECT_EQ(files_in(folder_.file("maildir/new")) + files_in(spool_.path), 0u);
  EXPECT_EQ(files_in(folder_.file("maildir/cur")) + files_in(folder_.file("spool/done")), dropped);
  const ReportTotals totals = ReportStore::open(database).totals();
  EXPECT_EQ(totals.domains.at("example.org").sessions.at("sts").successful, dropped) << "each once";
  EXPECT_EQ(totals.outcomes[static_cast<std::size_t>(ReportOutcome::counted)], dropped);
  if (asked) {
    std::printf("%d kills, %zu files, %zu stored before a kill, %llu taken again\n", kills, dropped, stored,
                static_cast<unsigned long long>(totals.outcomes[static_cast<std::size_t>(ReportOutcome::duplicate)]));
  }
}

}  // namespace
}  // namespace mtasts::test
