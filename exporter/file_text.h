// A whole file as text, within a limit, and in plain words why it cannot be had.
// Next: config.cpp, domain_files.cpp and web_config.cpp, which read files.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

namespace mtasts {

/// `fault` says what is wrong and how to repair it; empty when `text` is the file.
struct FileText {
  std::string text{};
  std::string fault{};
};

/// Reads at most `max_bytes`. Errors: in the result; a longer file is one, and so is anything but a plain file.
FileText read_file_text(const std::string& path, std::size_t max_bytes);

/// The same for what a person names on the command line, which may be a pipe or a character device too: `<(command)`,
/// /dev/stdin. Waits for whoever writes to the pipe.
FileText read_input_text(const std::string& path, std::size_t max_bytes);

/// The same for a stream, such as standard input.
FileText read_stream_text(std::istream& stream, std::size_t max_bytes);

/// Where relative paths inside that input start: at the directory of a file, at the current one for anything else.
std::string base_directory_of(const std::string& path);

/// Differs when one of the plain files was written, replaced, or is there or not. Pipes and the like do not count.
std::string files_fingerprint(const std::vector<std::string>& paths);

/// The words for an errno.
std::string cannot_be_read(int error);

/// Why the file cannot be read, "" when it can.
std::string file_fault(const std::string& path);

/// Why the directory cannot be read, "" when it can.
std::string directory_fault(const std::string& path);

}  // namespace mtasts
