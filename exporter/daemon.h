// `mtasts_exporter serve`: puts the parts together, in the order in which they own each other, and waits for signals.
// Next: probe_loop.h and http_server.h, the two halves that meet in a SnapshotStore.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "exporter/options.h"

namespace mtasts {

/// Runs until SIGTERM or SIGINT; SIGHUP reloads. Returns the exit status: 0, or 1 after a start-up error, which has
/// been logged.
int run_serve(const ServeOptions& options);

/// `--config.check`: prints every problem, those of the domain files too, which `serve` only logs. Makes and changes
/// nothing. Returns 0 when the configuration is valid, 1 when it is not.
int run_config_check(const ConfigCheckOptions& options);

}  // namespace mtasts
