// What this process has spent: CPU time, time and memory. For the programs that the benchmark compares with.
// Next: floor.cpp, dns.cpp and exposition.cpp, which print it; floor.py, which reads it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <ostream>
#include <string>
#include <vector>

namespace mtasts::bench {

inline double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// A line of /proc/self/status in KiB: "VmRSS" for the memory resident now, "VmHWM" for the most that ever was.
/// getrusage(2) will not do: its peak is that of the process that started this one, where that was larger.
inline long status_kib(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key + ":")) return std::stol(line.substr(key.size() + 1));
  return 0;
}

/// Counts from its making on.
class Meter {
 public:
  /// Writes what was spent as members of a JSON object.
  void render(std::ostream& out) const {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begun_;
    out << "\"cpu_seconds\": " << cpu_seconds() - cpu_ << ", \"elapsed_seconds\": " << elapsed.count()
        << ", \"idle_kib\": " << idle_kib_ << ", \"peak_kib\": " << status_kib("VmHWM");
  }

 private:
  long idle_kib_{status_kib("VmRSS")};
  double cpu_{cpu_seconds()};
  std::chrono::steady_clock::time_point begun_{std::chrono::steady_clock::now()};
};

inline std::vector<std::string> read_lines(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

}  // namespace mtasts::bench
