// SPDX-License-Identifier: Apache-2.0
#include "exporter/file_text.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>

namespace mtasts {
namespace {

std::string system_fault() {
  const std::string words = std::generic_category().message(errno);
  return "cannot be read (" + words + "); correct the path or its permissions";
}

std::string fault_of(const std::string& path, bool wants_directory) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return system_fault();
  const bool is_directory = S_ISDIR(status.st_mode);
  if (wants_directory != is_directory) return is_directory ? "is a directory; name a file" : "is not a directory";
  if (!is_directory && !S_ISREG(status.st_mode)) return "is not a plain file; name one";
  return access(path.c_str(), is_directory ? R_OK | X_OK : R_OK) == 0 ? "" : system_fault();
}

}  // namespace

std::string file_fault(const std::string& path) { return fault_of(path, false); }

std::string directory_fault(const std::string& path) { return fault_of(path, true); }

FileText read_file_text(const std::string& path, std::size_t max_bytes) {
  FileText result;
  result.fault = file_fault(path);
  if (!result.fault.empty()) return result;
  std::ifstream stream(path, std::ios::binary);
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

}  // namespace mtasts
