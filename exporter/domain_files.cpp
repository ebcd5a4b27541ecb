// SPDX-License-Identifier: Apache-2.0
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "exporter/config.h"
#include "exporter/config_value.h"
#include "exporter/file_text.h"
#include "probes/core/entered_domain.h"

namespace mtasts {
namespace {

struct Matches {
  std::vector<std::string> files{};         // sorted, each once
  std::vector<ConfigProblem> unreadable{};  // patterns that may match more than could be seen
};

bool is_absence(int error) { return error == ENOENT || error == ENOTDIR; }

/// Stops glob() at a directory that is there and cannot be read, or goes on.
int stop_if_unreadable(const char*, int error) { return is_absence(error) ? 0 : 1; }

/// Why what matches one pattern cannot be told, as an errno; 0 where it can.
int find_matches(const std::string& pattern, std::vector<std::string>& files) {
  glob_t found{};
  errno = 0;
  const int result = glob(pattern.c_str(), 0, stop_if_unreadable, &found);
  const int error = errno;
  if (result == 0) files.insert(files.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  if (result == GLOB_ABORTED || result == GLOB_NOSPACE) return error != 0 ? error : EIO;
  // A name without a wildcard is only looked up, and a directory that lets nobody in looks like one without the file.
  struct stat status {};
  const bool hidden = result == GLOB_NOMATCH && stat(pattern.c_str(), &status) != 0 && !is_absence(errno);
  return hidden ? errno : 0;
}

/// A pattern without a match adds none.
Matches matching_files(const std::vector<std::string>& globs) {
  Matches matches;
  for (const std::string& pattern : globs) {
    const int error = find_matches(pattern, matches.files);
    if (error != 0) matches.unreadable.push_back({pattern, 0, "", cannot_be_read(error)});
  }
  std::sort(matches.files.begin(), matches.files.end());
  matches.files.erase(std::unique(matches.files.begin(), matches.files.end()), matches.files.end());
  return matches;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\f\v";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// Where a domain was first listed.
struct Place {
  std::size_t file{};
  std::size_t line{};
};

struct Collector {
  const std::vector<std::string>& files;
  DomainFiles& result;
  std::unordered_map<std::string, Place> seen{};

  void note(std::vector<ConfigProblem>& where, Place place, std::string message) {
    if (where.size() < kMaxConfigProblems) where.push_back({files[place.file], place.line, "", std::move(message)});
  }

  void add_line(std::string_view line, Place place) {
    const std::string_view name = trim(line.substr(0, line.find('#')));
    if (name.empty()) return;
    const Parsed<std::string> domain = parse_entered_domain_name(name);
    if (!domain.has_value()) {
      return note(result.problems, place, domain.error().detail + "; write one domain name a line");
    }
    const auto [first, is_new] = seen.emplace(*domain, place);
    if (is_new) return result.domains.push_back(*domain);
    note(result.warnings, place,
         "'" + *domain + "' is listed already in " + files[first->second.file] + ":" +
             std::to_string(first->second.line) + "; remove one");
  }

  void add_text(std::string_view text, std::size_t file) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    for (std::size_t line = 1; !text.empty(); ++line) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      add_line(text.substr(0, end), {file, line});
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
};

/// The domains that run already stay when the new set cannot be trusted. The files are still to be taken.
DomainFiles keep_previous(DomainFiles result, const DomainFiles& previous) {
  result.domains = previous.domains;
  result.fingerprint = previous.fingerprint;
  result.kept_previous = true;
  return result;
}

}  // namespace

DomainFiles load_domain_files(const std::vector<std::string>& globs, const DomainFiles& previous) {
  DomainFiles result;
  result.fingerprint = domain_files_fingerprint(globs);
  const Matches matches = matching_files(globs);
  const std::vector<std::string>& files = matches.files;
  result.problems = matches.unreadable;
  Collector collector{files, result};
  bool unreadable = !matches.unreadable.empty();
  for (std::size_t i = 0; i < files.size(); ++i) {
    const FileText read = read_file_text(files[i], kMaxConfigBytes);
    unreadable = unreadable || !read.fault.empty();
    if (!read.fault.empty()) collector.note(result.problems, {i, 0}, read.fault);
    collector.add_text(read.text, i);
  }
  std::sort(result.domains.begin(), result.domains.end());
  if (unreadable && !previous.domains.empty()) return keep_previous(std::move(result), previous);
  if (!result.domains.empty() || globs.empty()) return result;
  const std::string& pattern = globs.front();
  if (previous.domains.empty()) {
    if (!files.empty()) result.warnings.push_back({pattern, 0, "domain_files", "no domain in any file; add one"});
    return result;
  }
  result.problems.push_back({pattern, 0, "domain_files", "no domain is left in the files; the old ones stay watched"});
  return keep_previous(std::move(result), previous);
}

bool domain_file_exists(const std::string& glob) { return !matching_files({glob}).files.empty(); }

std::string domain_files_fingerprint(const std::vector<std::string>& globs) {
  return files_fingerprint(matching_files(globs).files);
}

}  // namespace mtasts
