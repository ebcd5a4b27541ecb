// What is wrong with a text, for people and for programs.
// Next: lint_command.cpp and report_command.cpp, which print it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/catalogue.h"
#include "probes/core/parse.h"

namespace mtasts {

/// JSON text is UTF-8 (RFC 8259 section 8.1): octets that are not become U+FFFD.
boost::json::string json_utf8(std::string_view text);

/// `[{"code","line","message"}]`. A problem is found by its line in a file, by its octet in what has no lines.
boost::json::array json_problems(const std::vector<ParseError>& problems);

/// "error, line 3: why [code, RFC]", and the remedy on a line of its own.
std::string render_problem(std::string_view label, const ParseError& problem, CodeKind kind);

/// All of them, errors first.
std::string render_problems(const std::vector<ParseError>& errors, const std::vector<ParseError>& warnings,
                            CodeKind kind);

}  // namespace mtasts
