// SPDX-License-Identifier: Apache-2.0
#include "exporter/problems.h"

#include "probes/core/octets.h"

namespace mtasts {

namespace json = boost::json;

json::string json_utf8(std::string_view text) {
  json::string out;
  for (std::size_t bad = find_not_utf8(text); bad != text.npos; bad = find_not_utf8(text)) {
    out.append(text.substr(0, bad));
    out.append("\xef\xbf\xbd");
    text.remove_prefix(bad + 1);
  }
  out.append(text);
  return out;
}

json::array json_problems(const std::vector<ParseError>& problems) {
  json::array list;
  for (const ParseError& problem : problems) {
    json::object entry{{"code", problem.code}, {"line", problem.line}, {"message", problem.detail}};
    if (problem.line == 0) entry["offset"] = problem.offset;
    list.push_back(std::move(entry));
  }
  return list;
}

std::string render_problem(std::string_view label, const ParseError& problem, CodeKind kind) {
  std::string text(label);
  if (problem.line > 0) text += ", line " + std::to_string(problem.line);
  text += ": " + problem.detail + " [" + std::string(problem.code);
  const CatalogueEntry* entry = find_code(kind, problem.code);
  if (entry == nullptr) return text + "]\n";
  if (!entry->source.empty()) text += ", " + std::string(entry->source);
  return text + "]\n    " + std::string(entry->remedy) + '\n';
}

std::string render_problems(const std::vector<ParseError>& errors, const std::vector<ParseError>& warnings,
                            CodeKind kind) {
  std::string text;
  for (const ParseError& error : errors) text += render_problem("error", error, kind);
  for (const ParseError& warning : warnings) text += render_problem("warning", warning, kind);
  return text;
}

}  // namespace mtasts
