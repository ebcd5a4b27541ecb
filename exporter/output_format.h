// How a command prints its results: `--format=text` or `--format=json`.
// Next: lint_command.h, whose commands take it; options.h, which reads the flag.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace mtasts {

enum class OutputFormat { text, json };

}  // namespace mtasts
