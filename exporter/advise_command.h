// `advise DOMAIN...`: probe now, remember what was, and say which step of the rollout may come next, or the way back.
// Next: probes/core/rollout.h and rollback.h, which decide; advise_report.h, which prints.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

#include "exporter/options.h"

namespace mtasts {

/// Probes the domains side by side, reads what the database knows of them, and prints the advice. Returns the exit
/// status: 0 the next step may be taken, or none is left; 1 not yet; 2 something is broken; 3 not known, or usage. With
/// --rollback 2 while some sender may enforce, 3 where it is not known what senders hold, else 0. Errors: in words on
/// `err`.
int run_advise(const AdviseOptions& options, std::ostream& out, std::ostream& err);

}  // namespace mtasts
