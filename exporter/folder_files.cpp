// SPDX-License-Identifier: Apache-2.0
#include "exporter/folder_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <system_error>

namespace mtasts {
namespace {

constexpr mode_t kDirectoryMode = 0770;    // less the umask, which the service unit sets
constexpr std::size_t kLongestName = 200;  // of what is moved, before what we append: the limit is mostly 255

/// What an operator can do about it.
std::string_view remedy_of(int error) {
  switch (error) {
    case ENOENT:
      return "make it, or correct the path";
    case EACCES:
    case EPERM:
      return "let the user that runs mtasts_exporter read and write there (systemd's ProtectHome= hides /home)";
    case EROFS:
      return "mount it writable, or name the folder in ReadWritePaths= of the systemd unit";
    case ENOTDIR:
    case ELOOP:
      return "name a directory";
    default:
      return "see to the file system";
  }
}

std::string problem_of(const std::string& what, int error) {
  return what + " (" + std::generic_category().message(error) + "); " + std::string{remedy_of(error)};
}

FileIdentity identity_of(const struct stat& status) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return {status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec * kSecond + status.st_mtim.tv_nsec};
}

/// Reads until the end or `most` octets. Errors: false, and errno.
bool read_all(int descriptor, std::size_t most, std::string& text) {
  std::array<char, 64 * 1024> chunk{};
  while (text.size() < most) {
    const ssize_t octets = ::read(descriptor, chunk.data(), std::min(chunk.size(), most - text.size()));
    if (octets < 0 && errno == EINTR) continue;
    if (octets <= 0) return octets == 0;
    text.append(chunk.data(), static_cast<std::size_t>(octets));
  }
  return true;
}

/// The flags of a message in cur/, in ASCII order: seen, and flagged. Source: https://cr.yp.to/proto/maildir.html.
std::string info_of(bool refused) { return refused ? ":2,FS" : ":2,S"; }

/// Renames unless the new name is taken. Errors: false, and errno.
bool rename_to_free(int from_directory, const std::string& from, int to_directory, const std::string& to) {
  if (renameat2(from_directory, from.c_str(), to_directory, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL) return false;
  // A file system that cannot promise it, such as NFS.
  struct stat taken {};
  if (fstatat(to_directory, to.c_str(), &taken, AT_SYMLINK_NOFOLLOW) == 0) {
    errno = EEXIST;
    return false;
  }
  return renameat(from_directory, from.c_str(), to_directory, to.c_str()) == 0;
}

/// Moves a file and says what it is called there; nullopt, and errno, when it cannot be moved. A name that is taken
/// gets the inode number: no two files of a file system have the same at a time.
std::optional<std::string> move_to_free(int from_directory, const std::string& from, int to_directory,
                                        const std::string& base, const std::string& info, ino_t inode) {
  std::string name = base + info;
  if (rename_to_free(from_directory, from, to_directory, name)) return name;
  if (errno != EEXIST) return std::nullopt;
  name = base;
  name.append(".").append(std::to_string(inode)).append(info);
  if (rename_to_free(from_directory, from, to_directory, name)) return name;
  return std::nullopt;
}

}  // namespace

std::vector<ReportFolder> report_folders_of(const TlsrptConfig& tlsrpt) {
  std::vector<ReportFolder> folders;
  for (const std::string& path : tlsrpt.maildirs) folders.push_back({ReportChannel::maildir, path});
  for (const std::string& path : tlsrpt.spools) folders.push_back({ReportChannel::spool, path});
  return folders;
}

std::string arrivals_of(const ReportFolder& folder) {
  return folder.channel == ReportChannel::maildir ? folder.path + "/new" : folder.path;
}

FolderFiles::FolderFiles(const ReportFolder& folder) : folder_{folder} {
  const bool is_maildir = folder.channel == ReportChannel::maildir;
  arrivals_ = open_directory(AT_FDCWD, arrivals_of(folder), is_maildir ? "new/" : "it");
  if (!arrivals_) return;
  if (is_maildir) {
    done_ = open_directory(AT_FDCWD, folder.path + "/cur", "cur/");
  } else {
    done_ = open_own("done");
    refused_ = open_own("refused");
  }
  Descriptor listed = open_directory(arrivals_.get(), ".", "the list of files");
  if (listed) listing_.reset(fdopendir(listed.get()));
  if (listing_) listed.release();  // it belongs to the listing now
}

Descriptor FolderFiles::open_directory(int at, const std::string& path, const std::string& shown) {
  const int links = at == AT_FDCWD ? 0 : O_NOFOLLOW;
  Descriptor directory{openat(at, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | links)};
  if (!directory) note(shown + " cannot be opened", errno);
  return directory;
}

/// Opens a directory of ours below a spool folder, and makes it when it is missing.
Descriptor FolderFiles::open_own(const std::string& name) {
  if (mkdirat(arrivals_.get(), name.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
    note(name + "/ cannot be made", errno);
    return {};
  }
  return open_directory(arrivals_.get(), name, name + "/");
}

void FolderFiles::note(const std::string& what, int error, const std::string& file) {
  if (problem_.what.empty()) problem_ = {problem_of(what, error), file};
}

std::optional<std::string> FolderFiles::next_name() {
  if (!listing_) return std::nullopt;
  while (const dirent* entry = readdir(listing_.get())) {
    const bool may_be_file = entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN;
    if (may_be_file && entry->d_name[0] != '.') return entry->d_name;
  }
  return std::nullopt;
}

std::optional<OpenFile> FolderFiles::open_file(const std::string& name) {
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
  OpenFile file{.name = name, .descriptor = Descriptor{openat(arrivals_.get(), name.c_str(), kFlags)}};
  if (!file.descriptor) {
    const bool is_left_alone = errno == ENOENT || errno == ELOOP || errno == ENXIO;  // gone; a link; a socket
    if (!is_left_alone) note("a file cannot be opened", errno, name);
    return std::nullopt;
  }
  struct stat status {};
  if (fstat(file.descriptor.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  file.identity = identity_of(status);
  return file;
}

std::optional<std::string> FolderFiles::read(const OpenFile& file, std::size_t most) {
  std::string text;
  if (!read_all(file.descriptor.get(), most, text)) {
    note("a file cannot be read", errno, file.name);
    return std::nullopt;
  }
  struct stat status {};
  if (fstat(file.descriptor.get(), &status) != 0 || identity_of(status) != file.identity) return std::nullopt;
  return text;
}

bool FolderFiles::put_away(const std::string& name, const FileIdentity& identity, bool refused) {
  const bool is_maildir = folder_.channel == ReportChannel::maildir;
  const Descriptor& to = refused && !is_maildir ? refused_ : done_;
  if (!to) return false;  // noted when it could not be opened
  const std::string base = name.substr(0, std::min(name.find(is_maildir ? ":2," : "/"), kLongestName));
  const std::string info = is_maildir ? info_of(refused) : "";
  const auto moved = move_to_free(arrivals_.get(), name, to.get(), base, info, identity.inode);
  if (moved) {
    put_back_another(to, *moved, name, identity);
  } else if (errno != ENOENT) {  // else somebody has moved it before us
    note("a file that was taken cannot be moved away", errno, name);
    return false;
  }
  return true;
}

/// Another file may have got the name since, or more been written to it: that is still to be taken.
void FolderFiles::put_back_another(const Descriptor& from, const std::string& moved, const std::string& name,
                                   const FileIdentity& taken) {
  struct stat status {};
  if (fstatat(from.get(), moved.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || identity_of(status) == taken) return;
  move_to_free(from.get(), moved, arrivals_.get(), name, "", status.st_ino);
}

}  // namespace mtasts
