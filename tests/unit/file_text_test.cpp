// SPDX-License-Identifier: Apache-2.0
#include "exporter/file_text.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.h"

namespace mtasts {
namespace {

/// A pipe that holds a text and has no writer any more, as a path: what a shell makes of `<(command)`.
class FilledPipe {
 public:
  explicit FilledPipe(const std::string& text) {
    EXPECT_EQ(pipe(ends_.data()), 0);
    EXPECT_EQ(write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(ends_[1]);
  }
  ~FilledPipe() { close(ends_[0]); }
  FilledPipe(const FilledPipe&) = delete;
  FilledPipe& operator=(const FilledPipe&) = delete;
  std::string path() const { return "/dev/fd/" + std::to_string(ends_[0]); }

 private:
  std::array<int, 2> ends_{};
};

TEST(FileText, InputMayBeAPipe) {
  const FilledPipe pipe("mode: none\n");
  const FileText read = read_input_text(pipe.path(), 100);
  EXPECT_EQ(read.fault, "");
  EXPECT_EQ(read.text, "mode: none\n");
}

TEST(FileText, InputIsBounded) {
  EXPECT_EQ(read_input_text("/dev/zero", 1000).fault, "is larger than 1000 bytes; split it");
  const FilledPipe pipe("12345");
  EXPECT_EQ(read_input_text(pipe.path(), 4).fault, "is larger than 4 bytes; split it");
  EXPECT_EQ(read_input_text("/dev/null", 0).fault, "");
}

TEST(FileText, SaysWhatIsNoInput) {
  EXPECT_EQ(read_input_text("/", 10).fault, "is a directory; name a file");
  EXPECT_EQ(read_input_text("/nonexistent", 10).fault,
            "cannot be read (No such file or directory); correct the path or its permissions");
}

TEST(FileText, AFileThatCannotBeOpenedIsNotEmpty) {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.txt");
  std::ofstream(path) << "text";
  const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(next);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);
  setrlimit(RLIMIT_NOFILE, &none);
  const FileText read = read_file_text(path, 100);
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(read.fault, "cannot be read (Too many open files); correct the path or its permissions");
  EXPECT_EQ(read_file_text(path, 100).text, "text");
}

TEST(FileText, AFileIsNoPipe) {  // a forgotten named pipe must not hold up who reads a directory of files
  const FilledPipe pipe("x");
  EXPECT_EQ(read_file_text(pipe.path(), 10).fault, "is not a plain file; name one");
  EXPECT_EQ(file_fault("/dev/null"), "is not a plain file; name one");
}

TEST(FileText, RelativePathsStartAtTheFileOrHere) {
  EXPECT_EQ(base_directory_of(MTASTS_SOURCE_DIR "/config.example.yaml"), MTASTS_SOURCE_DIR);
  EXPECT_EQ(base_directory_of("/dev/null"), std::filesystem::current_path().string());
}

}  // namespace
}  // namespace mtasts
