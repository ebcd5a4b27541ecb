// The catalogue as a page: what every code means, and what to do about it.
// Next: probes/core/catalogue.h, the one table of codes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "exporter/page_parts.h"
#include "probes/core/catalogue.h"

namespace mtasts {

/// Where the page shows a code: the code itself; with its kind in front where another kind has the code before it.
std::string runbook_anchor(const CatalogueEntry& entry);

/// The page.
std::string render_runbooks_page(const PageContext& context);

}  // namespace mtasts
