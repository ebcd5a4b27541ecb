// A page from a template and values, all of them escaped: the only door to the mustache library.
// Next: page_parts.h for what all pages share; exporter/pages for the templates.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mtasts {

/// What a template shows, by name: texts, flags, and lists of the same. An empty text is false to a section.
class View {
 public:
  using Value = std::variant<std::string, bool, std::vector<View>>;

  View& text(std::string name, std::string_view value);
  View& flag(std::string name, bool value);
  View& list(std::string name, std::vector<View> items);
  /// A list of one.
  View& part(std::string name, View item);

  [[nodiscard]] const std::vector<std::pair<std::string, Value>>& values() const { return values_; }

 private:
  std::vector<std::pair<std::string, Value>> values_{};
};

/// Fills in the template of that name, "fleet" for fleet.mustache; `{{>head}}` takes head.mustache in. Errors:
/// std::logic_error for a template that is not there or is broken.
std::string render_template(std::string_view name, const View& view);

/// Text for HTML content and quoted attributes: & < > " ' escaped; control characters and what is no UTF-8 replaced.
std::string escape_html(std::string_view text);

}  // namespace mtasts
