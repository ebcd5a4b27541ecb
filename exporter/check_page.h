// The page of the check form, where there is no result to show; and the page for what is not there.
// Next: domain_page.h, which shows a result.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "exporter/page_parts.h"

namespace mtasts {

/// What went wrong and what to do about it, in sentences; "" for nothing.
struct PageProblem {
  std::string what{};
  std::string remedy{};
};

/// The form, with what was typed into it and why there is no answer.
std::string render_check_page(std::string_view typed, const PageProblem& problem, const PageContext& context);

/// A page in the place of one that is not there.
std::string render_missing_page(std::string_view title, const PageProblem& problem, const PageContext& context);

}  // namespace mtasts
