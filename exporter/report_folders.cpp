// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_folders.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace mtasts {
namespace {

// IN_CREATE tells of a message that was linked into new/, and of a file that is only begun: a scan looks when it has
// settled.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::size_t kMostNames = 1024;  // of one folder; a scan finds the others

FolderReaderOptions reader_options_of(const ReportFoldersOptions& options, std::function<bool()> is_interrupted) {
  return {.take = options.take,
          .now = std::chrono::system_clock::now,
          .settle = options.settle,
          .is_interrupted = std::move(is_interrupted),
          .on_problem = options.on_problem,
          .on_refused = options.on_refused};
}

}  // namespace

ReportFolders::ReportFolders(ReportFoldersOptions options)
    : options_{std::move(options)},
      reader_options_{reader_options_of(options_, [this] { return stopping_ || changed_; })},
      wake_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)},
      retry_{options_.retry} {
  if (!wake_) throw std::runtime_error("no descriptor is left for the folders of reports");
}

ReportFolders::~ReportFolders() { stop(); }

void ReportFolders::set_folders(std::vector<ReportFolder> folders) {
  {
    const std::lock_guard lock{wanted_mutex_};
    wanted_ = std::move(folders);
    changed_ = true;
  }
  wake();
}

void ReportFolders::start() {
  thread_ = std::thread{[this] { run(); }};
}

void ReportFolders::stop() {
  stopping_ = true;
  wake();
  if (thread_.joinable()) thread_.join();
}

void ReportFolders::wake() { eventfd_write(wake_.get(), 1); }

void ReportFolders::run() {
  while (!stopping_) {
    if (changed_) adopt();
    for (auto& [folder, watched] : watched_) look(folder, watched);
    tell_states();
    wait();
    read_events();
  }
}

/// Takes over the folders that set_folders() was given last. One that stays keeps what it remembers.
void ReportFolders::adopt() {
  std::vector<ReportFolder> wanted;
  {
    const std::lock_guard lock{wanted_mutex_};
    wanted = wanted_;
    changed_ = false;
  }
  for (auto& [folder, watched] : watched_) {
    if (std::ranges::find(wanted, folder) == wanted.end()) unwatch(watched);
  }
  std::erase_if(watched_, [&](const auto& entry) { return std::ranges::find(wanted, entry.first) == wanted.end(); });
  for (auto& [folder, watched] : watched_) {
    if (!watched.reader.works()) watched.scan_at = Clock::now();  // a reload often follows a repair
  }
  for (const ReportFolder& folder : wanted)
    watched_.try_emplace(folder, Watched{.reader = FolderReader{folder, reader_options_}});
  // Only who has folders needs one of the few that a user may have.
  if (!events_ && !watched_.empty()) events_ = Descriptor{inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
}

/// Takes what is there to be taken now.
void ReportFolders::look(const ReportFolder& folder, Watched& watched) {
  const Clock::time_point now = Clock::now();
  if (stopping_ || now < not_before_) return;
  if (now >= watched.scan_at) {
    watched.names.clear();
    watch(folder, watched);  // first, so that nothing arrives unseen
    const FolderPass pass = watched.reader.scan();
    watched.scan_at = next_scan(folder, pass);
    if (!watched.reader.works()) watched.scan_at = std::min(watched.scan_at, now + options_.retry);
  } else if (!watched.names.empty()) {
    watched.scan_at =
        std::min(watched.scan_at, next_scan(folder, watched.reader.take(std::exchange(watched.names, {}))));
  }
}

/// Watches the directory that the path leads to now. Without a watch, as beyond the user's limit, scans do.
void ReportFolders::watch(const ReportFolder& folder, Watched& watched) {
  if (!events_) return;
  const int watch = inotify_add_watch(events_.get(), arrivals_of(folder).c_str(), kEvents);
  if (watch != watched.watch) unwatch(watched);
  watched.watch = watch;
}

void ReportFolders::unwatch(Watched& watched) {
  if (watched.watch >= 0) inotify_rm_watch(events_.get(), std::exchange(watched.watch, -1));
}

/// When to scan a folder after this pass over it. After a failure no folder is looked at for a while.
ReportFolders::Clock::time_point ReportFolders::next_scan(const ReportFolder& folder, const FolderPass& pass) {
  const Clock::time_point now = Clock::now();
  if (pass.stored > 0 || !pass.failed) retry_ = options_.retry;
  if (pass.failed) {
    not_before_ = now + retry_;
    retry_ = std::min(2 * retry_, options_.longest_retry);
    return not_before_;
  }
  if (pass.interrupted) return now;
  return now + (pass.settling ? std::chrono::milliseconds{options_.settle.of(folder)} : options_.period);
}

void ReportFolders::tell_states() {
  for (const ReportChannel channel : {ReportChannel::maildir, ReportChannel::spool}) {
    std::optional<bool> works;
    for (const auto& [folder, watched] : watched_) {
      if (folder.channel == channel) works = works.value_or(true) && watched.reader.works();
    }
    options_.on_state(channel, works);
  }
}

/// Waits for an event, a call from another thread, or the next scan.
void ReportFolders::wait() {
  Clock::time_point until = Clock::time_point::max();
  for (const auto& [folder, watched] : watched_) until = std::min(until, std::max(watched.scan_at, not_before_));
  int timeout = -1;
  if (until != Clock::time_point::max()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    timeout = static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
  }
  std::array<pollfd, 2> sources{{{wake_.get(), POLLIN, 0}, {events_.get(), POLLIN, 0}}};
  poll(sources.data(), sources.size(), timeout);
  eventfd_t calls = 0;
  eventfd_read(wake_.get(), &calls);
}

void ReportFolders::read_events() {
  alignas(inotify_event) std::array<char, 64 * 1024> buffer{};
  if (!events_) return;
  const ssize_t octets = ::read(events_.get(), buffer.data(), buffer.size());
  for (ssize_t at = 0; at < octets;) {
    inotify_event event{};
    std::memcpy(&event, &buffer[static_cast<std::size_t>(at)], sizeof(event));
    const char* name = &buffer[static_cast<std::size_t>(at) + sizeof(event)];
    note_event(event.mask, event.wd, event.len > 0 ? name : "");
    at += static_cast<ssize_t>(sizeof(event) + event.len);
  }
}

void ReportFolders::note_event(std::uint32_t mask, int watch, const std::string& name) {
  const Clock::time_point now = Clock::now();
  for (auto& [folder, watched] : watched_) {
    if ((mask & IN_Q_OVERFLOW) != 0) watched.scan_at = now;
    if (watched.watch != watch) continue;
    if ((mask & IN_IGNORED) != 0) watched.watch = -1;
    if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0) watched.scan_at = now;
    if ((mask & IN_ISDIR) != 0 || name.empty() || name.front() == '.') continue;
    const bool is_whole = (mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0;
    if (is_whole && watched.names.size() < kMostNames) {
      watched.names.push_back(name);
    } else {
      watched.scan_at = std::min(watched.scan_at, now + options_.settle.of(folder));
    }
  }
}

}  // namespace mtasts
