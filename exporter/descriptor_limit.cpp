// SPDX-License-Identifier: Apache-2.0
#include "exporter/descriptor_limit.h"

#include <limits.h>
#include <sys/resource.h>

namespace mtasts {

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::size_t descriptor_limit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : _POSIX_OPEN_MAX;
}

}  // namespace mtasts
