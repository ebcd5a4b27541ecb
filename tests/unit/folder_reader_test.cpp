// What is taken from a folder, what is left, and where each file goes: on the real file system, with an intake that
// answers as a test wants.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/folder_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <utility>

#include "tests/support/temporary_folder.h"

namespace mtasts::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::UnorderedElementsAre;
using namespace std::chrono_literals;

/// What an intake says of a text: "refused ..." and "failed ..." are that, everything else counts.
IntakeResult judged(const std::string& text) {
  if (text.starts_with("failed")) return {.reports = {{.outcome = ReportOutcome::failed}}, .stored = false};
  if (text.starts_with("refused")) return {.reports = {{.outcome = ReportOutcome::invalid}}};
  return {.reports = {{.outcome = ReportOutcome::counted}}};
}

class FolderReaderTest : public testing::Test {
 protected:
  FolderReaderTest() {
    for (const char* directory : {"maildir/new", "maildir/cur", "maildir/tmp", "spool"})
      fs::create_directories(folder_.file(directory));
    options_.now = [this] { return now_; };
    options_.is_interrupted = [] { return false; };
    options_.take = [this](const NextInput& next) { return take(next); };
    options_.on_problem = [this](const ReportFolder&, const FolderProblem& p) { problems_.push_back(p.what); };
    options_.on_refused = [this](const ReportFolder&, const std::string& file) { refused_.push_back(file); };
  }

  std::vector<IntakeResult> take(const NextInput& next) {
    std::vector<IntakeResult> results;
    while (results.size() < 64) {
      const auto input = next();
      if (!input) break;
      taken_.push_back(input->text);
      names_.push_back(input->arrival.name);
      results.push_back(judged(input->text));
    }
    // One transaction: all or nothing.
    const bool failed = std::ranges::any_of(results, [](const IntakeResult& result) { return !result.stored; });
    if (failed || full_) std::ranges::fill(results, judged("failed"));
    if (!results.empty() && after_storing_) after_storing_();
    return results;
  }
  FolderReader reader(ReportChannel channel) {
    return FolderReader{{channel, folder_.file(channel == ReportChannel::maildir ? "maildir" : "spool")}, options_};
  }
  std::vector<std::string> files(const std::string& directory) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator{folder_.file(directory), error}) {
      if (!entry.is_directory()) names.push_back(entry.path().filename());
    }
    return names;
  }
  std::string text_of(const std::string& name) {
    std::ifstream stream{folder_.file(name), std::ios::binary};
    return {std::istreambuf_iterator<char>{stream}, {}};
  }

  TemporaryFolder folder_{};
  std::chrono::system_clock::time_point now_{std::chrono::system_clock::now() + 1h};
  FolderReaderOptions options_{};
  std::vector<std::string> taken_{};
  std::vector<std::string> names_{};
  std::vector<std::string> problems_{};
  std::vector<std::string> refused_{};
  bool full_{};  // the disk
  std::function<void()> after_storing_{};
};

TEST_F(FolderReaderTest, AMaildirsMessagesGoToCurAsSeenOrFlagged) {
  folder_.write("maildir/new/1.good", "good");
  folder_.write("maildir/new/2.bad:2,", "refused");
  folder_.write("maildir/cur/0.old:2,", "mail that a person has not read yet");
  folder_.write("maildir/tmp/3.half", "half");
  auto maildir = reader(ReportChannel::maildir);
  EXPECT_EQ(maildir.scan().stored, 2u);
  EXPECT_THAT(taken_, UnorderedElementsAre("good", "refused"));
  EXPECT_THAT(names_, testing::Contains(folder_.file("maildir/new/1.good")));
  EXPECT_THAT(files("maildir/new"), IsEmpty());
  EXPECT_THAT(files("maildir/cur"), UnorderedElementsAre("0.old:2,", "1.good:2,S", "2.bad:2,FS"));
  EXPECT_THAT(files("maildir/tmp"), ElementsAre("3.half"));
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(FolderReaderTest, ASpoolsFilesGoToDoneOrRefused) {
  folder_.write("spool/a.json", "good");
  folder_.write("spool/b.gz", "refused");
  folder_.write("spool/.rsync-part", "half");
  folder_.write("spool/below/c.json", "not directly in it");
  folder_.write("outside.json", "elsewhere");
  fs::create_symlink(folder_.file("outside.json"), folder_.file("spool/link.json"));
  ASSERT_EQ(mkfifo(folder_.file("spool/pipe").c_str(), 0600), 0);
  auto spool = reader(ReportChannel::spool);
  EXPECT_EQ(spool.scan().stored, 2u);
  EXPECT_EQ(spool.take({"link.json", "pipe", "below", "gone.json"}).stored, 0u) << "as events may name them";
  EXPECT_THAT(taken_, UnorderedElementsAre("good", "refused"));
  EXPECT_THAT(files("spool/done"), ElementsAre("a.json"));
  EXPECT_THAT(files("spool/refused"), ElementsAre("b.gz"));
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(FolderReaderTest, NothingIsReplaced) {
  folder_.write("spool/done/daily.json", "monday");
  folder_.write("spool/daily.json", "tuesday");
  folder_.write("maildir/cur/1.x:2,S", "old");
  folder_.write("maildir/new/1.x", "new");
  reader(ReportChannel::spool).scan();
  reader(ReportChannel::maildir).scan();
  folder_.write("spool/daily.json", "wednesday");
  reader(ReportChannel::spool).scan();
  std::vector<std::string> kept;
  for (const std::string& name : files("spool/done")) {
    EXPECT_THAT(name, StartsWith("daily.json"));
    kept.push_back(text_of("spool/done/" + name));
  }
  EXPECT_THAT(kept, UnorderedElementsAre("monday", "tuesday", "wednesday"));
  EXPECT_EQ(text_of("maildir/cur/1.x:2,S"), "old");
  EXPECT_EQ(files("maildir/cur").size(), 2u);
  for (const std::string& name : files("maildir/cur")) EXPECT_THAT(name, testing::EndsWith(":2,S"));
}

TEST_F(FolderReaderTest, AScanLeavesWhatMayStillBeWritten) {
  folder_.write("spool/new.json", "good");
  now_ = std::chrono::system_clock::now();
  auto spool = reader(ReportChannel::spool);
  EXPECT_TRUE(spool.scan().settling);
  EXPECT_THAT(taken_, IsEmpty());
  folder_.write("spool/empty.json", "");
  EXPECT_TRUE(spool.take({"empty.json"}).settling) << "a script may have made it, to fill it next";
  EXPECT_EQ(spool.take({"new.json"}).stored, 1u) << "its writer has closed it";
  now_ += 1h;
  EXPECT_EQ(spool.scan().stored, 1u) << "empty for so long is no report";
}

TEST_F(FolderReaderTest, AMessageIsWholeSoonerThanAFile) {
  folder_.write("spool/a.json", "good");
  folder_.write("maildir/new/1", "good");
  now_ = std::chrono::system_clock::now() + 2s;
  EXPECT_EQ(reader(ReportChannel::spool).scan().stored, 0u);
  EXPECT_EQ(reader(ReportChannel::maildir).scan().stored, 1u) << "it was linked or moved to new/ when it was written";
}

TEST_F(FolderReaderTest, AFileFromTheFutureIsTaken) {
  folder_.write("spool/a.json", "good");
  now_ -= 100h;
  EXPECT_EQ(reader(ReportChannel::spool).scan().stored, 1u);
}

TEST_F(FolderReaderTest, WhatCannotBeStoredStaysAndComesAgain) {
  for (int i = 0; i < 200; ++i) folder_.write("spool/" + std::to_string(i), "good");
  auto spool = reader(ReportChannel::spool);
  full_ = true;
  const FolderPass pass = spool.scan();
  EXPECT_TRUE(pass.failed);
  EXPECT_EQ(pass.stored, 0u);
  EXPECT_EQ(files("spool").size(), 200u);
  EXPECT_LT(taken_.size(), 100u) << "a full disk is noticed soon";
  full_ = false;
  EXPECT_EQ(spool.scan().stored, 200u);
  EXPECT_THAT(files("spool"), IsEmpty());
  EXPECT_THAT(problems_, IsEmpty()) << "the trouble is the database's, not the folder's";
}

TEST_F(FolderReaderTest, OneFileThatCannotBeStoredDoesNotStopTheOthers) {
  for (int i = 0; i < 200; ++i) folder_.write("spool/" + std::to_string(i), i == 77 ? "failed always" : "good");
  auto spool = reader(ReportChannel::spool);
  std::size_t stored = 0;
  for (int scan = 0; scan < 3; ++scan) stored += spool.scan().stored;
  EXPECT_EQ(stored, 199u);
  EXPECT_THAT(files("spool"), ElementsAre("77"));
}

TEST_F(FolderReaderTest, WhoIsInterruptedFinishesTheFileInHand) {
  for (int i = 0; i < 5; ++i) folder_.write("spool/" + std::to_string(i), "good");
  int asked = 0;
  options_.is_interrupted = [&] { return ++asked > 2; };
  auto spool = reader(ReportChannel::spool);
  const FolderPass pass = spool.scan();
  EXPECT_TRUE(pass.interrupted);
  EXPECT_EQ(pass.stored, 2u);
  EXPECT_EQ(files("spool/done").size(), 2u) << "what was taken is put away all the same";
}

TEST_F(FolderReaderTest, AFileThatCannotBeMovedIsTakenOnce) {
  fs::remove_all(folder_.file("maildir/cur"));
  folder_.write("maildir/cur", "not a directory");
  folder_.write("maildir/new/1", "good");
  folder_.write("maildir/new/2", "refused");
  auto maildir = reader(ReportChannel::maildir);
  for (int scan = 0; scan < 3; ++scan) maildir.scan();
  EXPECT_EQ(taken_.size(), 2u);
  EXPECT_FALSE(maildir.works());
  EXPECT_THAT(problems_, ElementsAre("cur/ cannot be opened (Not a directory); name a directory")) << "said once";
  fs::remove(folder_.file("maildir/cur"));
  fs::create_directory(folder_.file("maildir/cur"));
  maildir.scan();
  EXPECT_EQ(taken_.size(), 2u) << "only moved";
  EXPECT_THAT(files("maildir/cur"), UnorderedElementsAre("1:2,S", "2:2,FS"));
  EXPECT_TRUE(maildir.works());
  EXPECT_THAT(problems_, ElementsAre(testing::_, ""));
}

TEST_F(FolderReaderTest, AFileThatWasTakenAndRewrittenIsTakenAgain) {
  folder_.write("spool/done", "not a directory");
  fs::rename(folder_.file("spool/done"), folder_.file("done"));
  folder_.write("spool/a.json", "good");
  fs::create_symlink(folder_.file("elsewhere"), folder_.file("spool/done"));  // followed by nobody
  auto spool = reader(ReportChannel::spool);
  spool.scan();
  spool.scan();
  EXPECT_EQ(taken_.size(), 1u);
  folder_.write("spool/a.json", "another");
  spool.scan();
  EXPECT_THAT(taken_, ElementsAre("good", "another"));
  EXPECT_FALSE(fs::exists(folder_.file("elsewhere")));
}

TEST_F(FolderReaderTest, WhatIsRememberedIsBounded) {
  options_.most_remembered = 100;
  fs::remove_all(folder_.file("maildir/cur"));
  for (int i = 0; i < 1000; ++i) folder_.write("maildir/new/" + std::to_string(i), "good");
  auto maildir = reader(ReportChannel::maildir);
  for (int scan = 0; scan < 3; ++scan) maildir.scan();
  EXPECT_LE(taken_.size(), 100u + 64u);
  fs::create_directory(folder_.file("maildir/cur"));
  maildir.scan();
  maildir.scan();
  EXPECT_EQ(taken_.size(), 1000u) << "each once";
  EXPECT_THAT(files("maildir/new"), IsEmpty());
}

TEST_F(FolderReaderTest, RememberedFilesThatSomebodyRemovedAreForgotten) {
  options_.most_remembered = 10;
  fs::remove_all(folder_.file("maildir/cur"));
  auto maildir = reader(ReportChannel::maildir);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10; ++i) folder_.write("maildir/new/" + std::to_string(round * 10 + i), "good");
    maildir.scan();
    fs::remove_all(folder_.file("maildir/new"));
    fs::create_directory(folder_.file("maildir/new"));
    maildir.scan();
  }
  EXPECT_EQ(taken_.size(), 30u);
}

TEST_F(FolderReaderTest, AMissingFolderIsToldOncePerChange) {
  fs::remove_all(folder_.file("maildir"));
  auto maildir = reader(ReportChannel::maildir);
  maildir.scan();
  maildir.scan();
  EXPECT_FALSE(maildir.works());
  EXPECT_THAT(problems_,
              ElementsAre("new/ cannot be opened (No such file or directory); make it, or correct the path"));
  folder_.write("maildir/new/1", "good");
  fs::create_directory(folder_.file("maildir/cur"));
  EXPECT_EQ(maildir.scan().stored, 1u);
  EXPECT_TRUE(maildir.works());
  EXPECT_THAT(problems_, ElementsAre(testing::_, ""));
}

TEST_F(FolderReaderTest, AFileWithoutPermissionIsToldAndTheOthersAreTaken) {
  folder_.write("spool/mine.json", "good");
  const std::string other = folder_.write("spool/other.json", "good");
  fs::permissions(other, fs::perms::none);
  for (const char* directory : {"", "spool"}) fs::permissions(folder_.file(directory), fs::perms::all);
  const bool is_root = geteuid() == 0;
  ASSERT_EQ(seteuid(is_root ? 65534 : geteuid()), 0) << "root may read everything";
  auto spool = reader(ReportChannel::spool);
  const FolderPass pass = spool.scan();
  ASSERT_EQ(seteuid(is_root ? 0 : geteuid()), 0);
  EXPECT_EQ(pass.stored, 1u);
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("a file cannot be opened (Permission denied); let the user")));
  EXPECT_THAT(files("spool"), ElementsAre("other.json"));
}

TEST_F(FolderReaderTest, TheFirstRefusedFileIsTold) {
  folder_.write("maildir/new/1", "refused");
  auto maildir = reader(ReportChannel::maildir);
  maildir.scan();
  folder_.write("maildir/new/2", "refused");
  maildir.scan();
  EXPECT_THAT(refused_, ElementsAre("1"));
}

TEST_F(FolderReaderTest, AFileThatGetsTheNameOfATakenOneIsStillTaken) {
  const auto replace = [this] {
    if (taken_.back() != "first") return;
    folder_.write("second.json", "second");
    fs::rename(folder_.file("second.json"), folder_.file("spool/a.json"));
  };
  folder_.write("spool/a.json", "first");
  after_storing_ = replace;
  auto spool = reader(ReportChannel::spool);
  spool.scan();
  EXPECT_THAT(files("spool"), ElementsAre("a.json")) << "moved to done/ it would be lost";
  EXPECT_THAT(files("spool/done"), IsEmpty());
  spool.scan();
  EXPECT_THAT(taken_, ElementsAre("first", "second"));
  EXPECT_THAT(files("spool/done"), ElementsAre("a.json"));
}

TEST_F(FolderReaderTest, AFileThatGrowsWhileItIsTakenIsTakenAgain) {
  folder_.write("spool/a.json", "first half");
  after_storing_ = [&, grown = false]() mutable {
    if (!std::exchange(grown, true)) std::ofstream{folder_.file("spool/a.json"), std::ios::app} << ", second half";
  };
  auto spool = reader(ReportChannel::spool);
  spool.scan();
  spool.scan();
  EXPECT_THAT(taken_, ElementsAre("first half", "first half, second half"));
}

TEST_F(FolderReaderTest, AFileThatVanishesAfterItWasTakenIsNoProblem) {
  folder_.write("spool/a.json", "good");
  after_storing_ = [this] { fs::remove(folder_.file("spool/a.json")); };
  auto spool = reader(ReportChannel::spool);
  EXPECT_EQ(spool.scan().stored, 1u);
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(FolderReaderTest, AHugeFileIsReadUpToTheLimit) {
  const std::string path = folder_.write("spool/huge", "good");
  fs::resize_file(path, std::uintmax_t{10} * 1024 * 1024 * 1024);  // sparse
  reader(ReportChannel::spool).scan();
  ASSERT_EQ(taken_.size(), 1u);
  EXPECT_EQ(taken_.front().size(), 32u * 1024 * 1024 + 1) << "one more than the reader accepts";
}

}  // namespace
}  // namespace mtasts::test
