// Takes the reports that wait in one folder, and puts each file away.
// Next: folder_files.h for the folder itself; report_folders.h, which knows when to look.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "exporter/folder_files.h"
#include "exporter/report_arrival.h"

namespace mtasts {

/// A file modified less long ago may still be written. By the rules of maildirs a message in new/ is whole, but people
/// copy files there. Source: https://cr.yp.to/proto/maildir.html.
struct SettleTimes {
  std::chrono::seconds maildir{1};
  std::chrono::seconds spool{10};

  std::chrono::seconds of(const ReportFolder& folder) const {
    return folder.channel == ReportChannel::maildir ? maildir : spool;
  }
};

struct FolderReaderOptions {
  TakeReports take{};
  std::function<std::chrono::system_clock::time_point()> now{};
  SettleTimes settle{};
  std::size_t most_remembered{10'000};     // files that were taken and cannot be moved
  std::function<bool()> is_interrupted{};  // asked before each file: ends the pass
  /// Once per change; `problem.what` is "" when all is well again.
  std::function<void(const ReportFolder& folder, const FolderProblem& problem)> on_problem{};
  /// The first file of the folder that was refused.
  std::function<void(const ReportFolder& folder, const std::string& file)> on_refused{};
};

/// How a pass over a folder ended.
struct FolderPass {
  std::size_t stored{};  // files that were taken
  bool failed{};         // some could not be stored, and stay where they are
  bool settling{};       // some may still be written
  bool interrupted{};
};

/// Used by one thread. A file is moved after its reports are on disk: whoever is killed in between takes it again, and
/// then it is a duplicate. One that cannot be moved is remembered, and not taken again.
class FolderReader {
 public:
  /// Input: `options` outlives the reader.
  FolderReader(ReportFolder folder, const FolderReaderOptions& options);

  /// Takes all that waits.
  FolderPass scan();
  /// Takes these files, which their writers have closed or moved there.
  FolderPass take(const std::vector<std::string>& names);

  bool works() const { return problem_.empty(); }

 private:
  struct Pass;
  struct Remembered {
    bool refused{};
    std::size_t scan{};  // that saw it last
  };
  void run(Pass& pass);
  std::optional<ArrivedInput> next_input(Pass& pass);
  std::optional<ArrivedInput> input_of(Pass& pass, const std::string& name);
  bool may_be_written(const OpenFile& file, const Pass& pass) const;
  bool is_remembered(Pass& pass, const OpenFile& file);
  bool finish_batch(Pass& pass, const std::vector<IntakeResult>& results);
  void put_away(Pass& pass, std::size_t index, bool refused);
  void tell(const FolderProblem& problem);

  ReportFolder folder_;
  const FolderReaderOptions& options_;
  std::map<FileIdentity, Remembered> remembered_{};
  std::size_t scans_{};
  std::size_t singly_{};  // so many are still to be taken one by one
  bool has_refused_{};
  std::string problem_{};
};

}  // namespace mtasts
