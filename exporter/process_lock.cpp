// SPDX-License-Identifier: Apache-2.0
#include "exporter/process_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

namespace mtasts {

ProcessLock::ProcessLock(const std::string& database) {
  const std::string file = database + ".lock";
  descriptor_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor_ < 0 || flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  close(descriptor_);
  throw std::runtime_error("storage.path '" + database +
                           "' is another mtasts_exporter's, which is running; stop that one, or give this one a "
                           "storage.path of its own");
}

ProcessLock::~ProcessLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace mtasts
