// The templates and the style sheet of the pages, as they stand in exporter/pages.
// Next: page_template.h, which fills them in; cmake/EmbedPages.cmake, which makes the definition.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace mtasts {

/// The text of "fleet.mustache" or "style.css", "" when there is no such file.
std::string_view page_file(std::string_view name);

}  // namespace mtasts
