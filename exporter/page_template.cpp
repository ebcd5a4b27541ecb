// SPDX-License-Identifier: Apache-2.0
#include "exporter/page_template.h"

#include <kainjow/mustache.hpp>
#include <stdexcept>

#include "exporter/page_files.h"
#include "exporter/utf8.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

namespace mustache = kainjow::mustache;

mustache::data data_of(const View& view);

mustache::data data_of(const View::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    return text->empty() ? mustache::data{false} : mustache::data{*text};
  }
  if (const auto* flag = std::get_if<bool>(&value)) return mustache::data{*flag};
  mustache::data list{mustache::data::type::list};
  for (const View& item : std::get<std::vector<View>>(value)) list.push_back(data_of(item));
  return list;
}

mustache::data data_of(const View& view) {
  mustache::data object{mustache::data::type::object};
  for (const auto& [name, value] : view.values()) object.set(name, data_of(value));
  return object;
}

std::string template_text(std::string_view name) {
  const std::string_view text = page_file(std::string(name) + ".mustache");
  if (text.empty()) throw std::logic_error("no page template " + std::string(name));
  return std::string(text);
}

/// Values of the view come first, and a partial is never one of them: its name is in no view.
class Context : public mustache::context<std::string> {
 public:
  using mustache::context<std::string>::context;

  const mustache::data* get_partial(const std::string& name) const override {
    partials_.push_back(std::make_unique<mustache::data>(template_text(name)));
    return partials_.back().get();
  }

 private:
  mutable std::vector<std::unique_ptr<mustache::data>> partials_{};
};

std::string_view escape_of(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

View& View::text(std::string name, std::string_view value) {
  values_.emplace_back(std::move(name), std::string(value));
  return *this;
}

View& View::flag(std::string name, bool value) {
  values_.emplace_back(std::move(name), value);
  return *this;
}

View& View::list(std::string name, std::vector<View> items) {
  values_.emplace_back(std::move(name), std::move(items));
  return *this;
}

View& View::part(std::string name, View item) {
  std::vector<View> items;
  items.push_back(std::move(item));
  return list(std::move(name), std::move(items));
}

std::string render_template(std::string_view name, const View& view) {
  mustache::mustache page(template_text(name));
  page.set_custom_escape([](const std::string& text) { return escape_html(text); });
  const mustache::data data = data_of(view);
  Context context(&data);
  std::string html = page.render(context);
  if (!page.is_valid()) throw std::logic_error("page template " + std::string(name) + ": " + page.error_message());
  return html;
}

std::string escape_html(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = utf8_length(text);
    const std::string_view escape = escape_of(text.front());
    if (size == 0) {
      out += "\xEF\xBF\xBD";  // U+FFFD
    } else if (!escape.empty()) {
      out += escape;
    } else {
      const bool blank = is_control(text.front()) && text.front() != '\n';
      out += blank ? " " : text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

}  // namespace mtasts
