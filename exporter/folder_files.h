// A folder that reports are taken from, as the file system has it: what waits there, and where it goes when taken.
// Next: folder_reader.h, which takes the files; docs/reports.md for what an operator sees.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dirent.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "exporter/config.h"
#include "exporter/descriptor.h"
#include "exporter/report_arrival.h"

namespace mtasts {

/// Where reports arrive as files. maildir: a folder that holds new/, cur/ and tmp/; spool: one that files are put into.
struct ReportFolder {
  ReportChannel channel{ReportChannel::spool};
  std::string path{};

  bool operator==(const ReportFolder&) const = default;
  bool operator<(const ReportFolder& b) const { return std::tie(channel, path) < std::tie(b.channel, b.path); }
};

/// The folders of a configuration.
std::vector<ReportFolder> report_folders_of(const TlsrptConfig& tlsrpt);

/// The directory that files arrive in.
std::string arrivals_of(const ReportFolder& folder);

/// Tells a file from another that gets its name later.
struct FileIdentity {
  dev_t device{};
  ino_t inode{};
  off_t bytes{};
  std::int64_t modified_ns{};  // since 1970

  bool operator==(const FileIdentity&) const = default;
  bool operator<(const FileIdentity& b) const {
    return std::tie(device, inode, bytes, modified_ns) < std::tie(b.device, b.inode, b.bytes, b.modified_ns);
  }
};

/// One file, open for reading.
struct OpenFile {
  std::string name{};
  Descriptor descriptor{};
  FileIdentity identity{};
};

/// Why reports cannot be taken, or not be moved away when taken. Two with the same `what` are the same trouble.
struct FolderProblem {
  std::string what{};  // a sentence: what cannot be done, why, and what to do; "" when all is well
  std::string file{};  // an example
};

/// The folder's directories, open. Works on what was opened, whatever the path leads to meanwhile; follows no links
/// below it.
class FolderFiles {
 public:
  /// Opens the directories; those that a spool folder lacks, done/ and refused/, are made. Errors: problem().
  explicit FolderFiles(const ReportFolder& folder);

  /// The first problem so far.
  const FolderProblem& problem() const { return problem_; }

  /// The next name that a report may have, in no order; nullopt after the last. Files that come or go meanwhile may or
  /// may not be among them.
  std::optional<std::string> next_name();

  /// Opens a file that arrived. Errors: nullopt for one that is gone or is no plain file, which is no problem, and for
  /// one that may not be read, which is.
  std::optional<OpenFile> open_file(const std::string& name);

  /// The text, of a longer one the first `most` octets. Errors: nullopt when it cannot be read, which is a problem, or
  /// when somebody writes it meanwhile.
  std::optional<std::string> read(const OpenFile& file, std::size_t most);

  /// Moves a file away: in a maildir to cur/, seen, and flagged when it is refused; in a spool folder to done/ or
  /// refused/. Replaces nothing. Says whether it is gone. Errors: problem().
  bool put_away(const std::string& name, const FileIdentity& identity, bool refused);

 private:
  Descriptor open_directory(int at, const std::string& path, const std::string& shown);
  Descriptor open_own(const std::string& name);
  void put_back_another(const Descriptor& from, const std::string& moved, const std::string& name,
                        const FileIdentity& taken);
  void note(const std::string& what, int error, const std::string& file = "");

  ReportFolder folder_;
  FolderProblem problem_{};
  Descriptor arrivals_{};
  Descriptor done_{};
  Descriptor refused_{};  // of a maildir none: cur/ takes both
  std::unique_ptr<DIR, int (*)(DIR*)> listing_{nullptr, closedir};
};

}  // namespace mtasts
