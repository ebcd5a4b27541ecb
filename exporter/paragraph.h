// Words beside a label, wrapped for a terminal.
// Next: check_report.cpp and report_command.cpp, which explain things that way.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace mtasts {

/// `label` and a paragraph beside it, wrapped at the width of the page; ends in a line feed.
std::string render_paragraph(const std::string& label, std::string_view words);

}  // namespace mtasts
