// SPDX-License-Identifier: Apache-2.0
#include "exporter/check_page.h"

namespace mtasts {

std::string render_check_page(std::string_view typed, const PageProblem& problem, const PageContext& context) {
  View page = page_view("Check a domain", "check", context);
  page.text("typed", typed.substr(0, 255)).text("problem", problem.what).text("remedy", problem.remedy);
  return render_template("check", page);
}

std::string render_missing_page(std::string_view title, const PageProblem& problem, const PageContext& context) {
  View page = page_view(title, "", context);
  page.text("problem", problem.what).text("remedy", problem.remedy);
  return render_template("missing", page);
}

}  // namespace mtasts
