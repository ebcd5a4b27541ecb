// SPDX-License-Identifier: Apache-2.0
#include "exporter/file_text.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace mtasts {
namespace {

std::string system_fault() { return cannot_be_read(errno); }

enum class Wanted { file, input, directory };

/// The word for what is there instead of what is wanted, "" when it is what is wanted.
std::string kind_fault(mode_t mode, Wanted wanted) {
  if (wanted == Wanted::directory) return S_ISDIR(mode) ? "" : "is not a directory";
  if (S_ISDIR(mode)) return "is a directory; name a file";
  if (S_ISREG(mode)) return "";
  if (wanted == Wanted::file) return "is not a plain file; name one";
  return S_ISFIFO(mode) || S_ISCHR(mode) ? "" : "is neither a file nor a pipe; name one";
}

std::string fault_of(const std::string& path, Wanted wanted) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return system_fault();
  std::string fault = kind_fault(status.st_mode, wanted);
  if (!fault.empty()) return fault;
  return access(path.c_str(), wanted == Wanted::directory ? R_OK | X_OK : R_OK) == 0 ? "" : system_fault();
}

/// Reads what has no fault so far.
FileText read_text(const std::string& path, std::size_t max_bytes, std::string fault) {
  FileText result{.fault = std::move(fault)};
  if (!result.fault.empty()) return result;
  std::ifstream stream(path, std::ios::binary);
  if (!stream.is_open()) return {.fault = system_fault()};  // for want of descriptors, for instance
  return read_stream_text(stream, max_bytes);
}

}  // namespace

std::string cannot_be_read(int error) {
  return "cannot be read (" + std::generic_category().message(error) + "); correct the path or its permissions";
}

std::string files_fingerprint(const std::vector<std::string>& paths) {
  std::string fingerprint;
  for (const std::string& path : paths) {
    struct stat status {};
    fingerprint += path + '\0';
    if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    for (const auto number : {std::uint64_t(status.st_dev), std::uint64_t(status.st_ino), std::uint64_t(status.st_size),
                              std::uint64_t(status.st_mtim.tv_sec), std::uint64_t(status.st_mtim.tv_nsec),
                              std::uint64_t(status.st_ctim.tv_sec), std::uint64_t(status.st_ctim.tv_nsec)}) {
      fingerprint += std::to_string(number) + ' ';
    }
  }
  return fingerprint;
}

std::string file_fault(const std::string& path) { return fault_of(path, Wanted::file); }

std::string directory_fault(const std::string& path) { return fault_of(path, Wanted::directory); }

FileText read_stream_text(std::istream& stream, std::size_t max_bytes) {
  FileText result;
  std::array<char, 64 * 1024> chunk{};
  while (result.text.size() <= max_bytes && (stream.read(chunk.data(), chunk.size()) || stream.gcount() > 0)) {
    result.text.append(chunk.data(), static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad()) result.fault = system_fault();
  if (result.text.size() > max_bytes) {
    result.fault = "is larger than " + std::to_string(max_bytes) + " bytes; split it";
  }
  return result;
}

FileText read_file_text(const std::string& path, std::size_t max_bytes) {
  return read_text(path, max_bytes, file_fault(path));
}

FileText read_input_text(const std::string& path, std::size_t max_bytes) {
  return read_text(path, max_bytes, fault_of(path, Wanted::input));
}

std::string base_directory_of(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  return (fs::is_regular_file(path, error) ? fs::absolute(path).parent_path() : fs::current_path()).string();
}

}  // namespace mtasts
