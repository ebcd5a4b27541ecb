// Whether somebody keeps this machine's clock right.
// Next: probes/core/clock_skew.h, which weighs it against other hosts' clocks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace mtasts {

/// Does the kernel say that a time service disciplines the clock (adjtimex(2), STA_UNSYNC)? False where it does not.
bool clock_is_kept();

}  // namespace mtasts
