// SPDX-License-Identifier: Apache-2.0
#include "exporter/kept_clock.h"

#include <sys/timex.h>

namespace mtasts {

bool clock_is_kept() {
  timex clock{};  // modes 0: only asks
  const int state = adjtimex(&clock);
  return state != -1 && state != TIME_ERROR && (clock.status & STA_UNSYNC) == 0;
}

}  // namespace mtasts
