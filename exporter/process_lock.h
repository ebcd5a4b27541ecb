// One daemon per database: two would each forget what the other learns. Next: daemon.cpp, which holds the lock.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace mtasts {

/// Held from construction to destruction; the kernel gives it back when the process dies. Commands that work beside a
/// daemon do not ask for it.
class ProcessLock {
 public:
  /// Input: the database; the lock is a file beside it, which stays. A file that cannot be made locks nothing: the
  /// store has its own words for such a place. Errors: std::runtime_error while another process holds the lock.
  explicit ProcessLock(const std::string& database);
  ~ProcessLock();
  ProcessLock(const ProcessLock&) = delete;
  ProcessLock& operator=(const ProcessLock&) = delete;

 private:
  int descriptor_{-1};
};

}  // namespace mtasts
