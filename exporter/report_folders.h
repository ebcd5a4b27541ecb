// The way in by folders: watches maildirs and spool folders, and takes what arrives in them.
// Next: folder_reader.h, which takes; report_intake.h, which judges and files.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "exporter/descriptor.h"
#include "exporter/folder_reader.h"

namespace mtasts {

struct ReportFoldersOptions {
  TakeReports take{};
  /// See FolderReaderOptions; called from the thread of the folders.
  std::function<void(const ReportFolder& folder, const FolderProblem& problem)> on_problem{};
  std::function<void(const ReportFolder& folder, const std::string& file)> on_refused{};
  /// Whether all folders of the channel can be taken from; nullopt when it has none.
  std::function<void(ReportChannel channel, std::optional<bool> works)> on_state{};

  std::chrono::milliseconds period{
      std::chrono::minutes{1}};  // between two scans: events get lost, over NFS all of them
  SettleTimes settle{};
  std::chrono::milliseconds retry{std::chrono::seconds{10}};  // of a folder that cannot be used, and, doubling, of all
                                                              // when reports could not be stored
  std::chrono::milliseconds longest_retry{std::chrono::minutes{5}};
};

/// One thread for all folders. A folder that is missing or may not be read is told and looked at again; it is never an
/// error.
class ReportFolders {
 public:
  explicit ReportFolders(ReportFoldersOptions options);
  ~ReportFolders();
  ReportFolders(const ReportFolders&) = delete;
  ReportFolders& operator=(const ReportFolders&) = delete;

  /// The folders that count from now on. Safe from any thread.
  void set_folders(std::vector<ReportFolder> folders);

  void start();
  /// Returns when the file in hand is taken.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;
  struct Watched {
    FolderReader reader;
    int watch{-1};
    Clock::time_point scan_at{};
    std::vector<std::string> names{};  // closed or moved there since
  };

  void run();
  void adopt();
  void look(const ReportFolder& folder, Watched& watched);
  void watch(const ReportFolder& folder, Watched& watched);
  void unwatch(Watched& watched);
  Clock::time_point next_scan(const ReportFolder& folder, const FolderPass& pass);
  void tell_states();
  void wait();
  void read_events();
  void note_event(std::uint32_t mask, int watch, const std::string& name);
  void wake();

  ReportFoldersOptions options_;
  FolderReaderOptions reader_options_;
  Descriptor wake_;
  std::atomic<bool> stopping_{};
  std::atomic<bool> changed_{};
  std::mutex wanted_mutex_{};
  std::vector<ReportFolder> wanted_{};
  std::thread thread_{};

  // Of the thread alone.
  Descriptor events_{};
  std::map<ReportFolder, Watched> watched_{};
  Clock::time_point not_before_{};  // while the database cannot be written
  std::chrono::milliseconds retry_{};
};

}  // namespace mtasts
