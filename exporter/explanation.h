// What the catalogue says on a fault or a finding: for `check`, `report`, pages and the API alike.
// Next: probes/core/catalogue.h for the words; check_commands.h, which makes a command of the look.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "exporter/check_status.h"

namespace mtasts {

/// "" where the catalogue says nothing.
struct Explanation {
  std::string_view meaning{};
  std::string_view cause{};
  std::string_view remedy{};
  std::string_view source{};
  Look look{Look::none};
  std::string runbook{};  // where to read on, a URL
};

Explanation explain(const CatalogueEntry& entry);

/// The words on the reason; look and runbook of the result type where the reason, which several types may share, has
/// none of its own.
Explanation explain(const Fault& fault, const FindCode& find = find_code);

/// Cause and remedy are those of the reason, where the finding has one.
Explanation explain(const Finding& finding, const FindCode& find = find_code);

/// For people: a paragraph each for cause, remedy and runbook, and for the meaning where there is no message that says
/// it of this host.
std::string render_explanation(const std::string& indent, const Explanation& words, std::string_view message);

}  // namespace mtasts
