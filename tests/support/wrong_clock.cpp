// A wall clock that is off by $WRONG_CLOCK_SECONDS, and by what $WRONG_CLOCK_FILE says at the moment: eight octets, the
// least significant first. For programs that are started with this library in LD_PRELOAD. It asks the kernel itself:
// libraries that look for the C library's functions first ask for memory meanwhile, which an allocator that looks at
// the clock does not survive.
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

using Moving = const volatile std::int64_t;

/// Nullptr without such a file.
Moving* map_file() {
  const char* name = std::getenv("WRONG_CLOCK_FILE");
  const int file = name != nullptr ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return nullptr;
  void* mapped = mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return mapped == MAP_FAILED ? nullptr : static_cast<Moving*>(mapped);
}

Moving* const kMoving = map_file();  // nullptr until this library has been initialised

time_t offset() {
  const char* seconds = std::getenv("WRONG_CLOCK_SECONDS");
  return (seconds != nullptr ? std::atol(seconds) : 0) + (kMoving != nullptr ? static_cast<time_t>(*kMoving) : 0);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, now));
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
  return result;
}

int gettimeofday(timeval* __restrict now, void* __restrict /*zone*/) noexcept {
  timespec precise{};
  const int result = clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return result;
}

time_t time(time_t* into) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (into != nullptr) *into = now.tv_sec;
  return now.tv_sec;
}
}
