// The page with filed reports, newest first: who sent them, what they say, whether they count and why not.
// Next: page_data.h, which reads them; report_words.h for the words.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "exporter/page_parts.h"
#include "exporter/report_store.h"

namespace mtasts {

/// Reports on one page.
constexpr std::size_t kReportsPageSize = 25;

/// One page of filed reports. `trouble`: why they could not be read, "" when they were.
struct ReportsPageInput {
  std::string domain{};  // whose reports, "" for all
  Paging paging{};
  std::vector<FiledReport> reports{};
  std::string trouble{};
};

/// The page.
std::string render_reports_page(const ReportsPageInput& input, const PageContext& context);

}  // namespace mtasts
