// SPDX-License-Identifier: Apache-2.0
#include "exporter/runbooks_page.h"

#include <algorithm>
#include <array>

namespace mtasts {
namespace {

struct Section {
  CodeKind kind;
  std::string_view label;
  std::string_view about;
};
constexpr std::array<Section, 6> kSections{{
    {CodeKind::result_type, "Result types",
     "What senders report by TLS-RPT. The severity is that of a fault at its worst."},
    {CodeKind::finding, "Findings", "What should be put right, though no sender reports it."},
    {CodeKind::reason, "Reasons", "Why a host fails."},
    {CodeKind::policy_error, "Policy files", "Rules of the policy file that a text may break."},
    {CodeKind::record_error, "Records", "Rules of the TXT records that a text may break."},
    {CodeKind::report_error, "Reports", "What may be wrong or odd in a TLS report."},
}};

bool has_severity(CodeKind kind) { return kind == CodeKind::result_type || kind == CodeKind::finding; }

View code_view(const CatalogueEntry& entry) {
  View view;
  view.text("code", entry.code).text("id", runbook_anchor(entry));
  view.text("severity", has_severity(entry.kind) ? to_string(entry.severity) : "");
  set_prose(view, "meaning", entry.meaning);
  set_prose(view, "cause", entry.cause);
  set_prose(view, "remedy", entry.remedy);
  view.text("source", entry.source).text("command", command_template(entry.look));
  return view.text("runbook", runbook_url(entry.runbook));
}

View section_view(const Section& section) {
  std::vector<View> codes;
  for (const CatalogueEntry& entry : catalogue()) {
    if (entry.kind == section.kind) codes.push_back(code_view(entry));
  }
  View view;
  view.text("label", section.label).text("about", section.about).text("number", std::to_string(codes.size()));
  view.text("anchor", "kind-" + std::string(to_string(section.kind)));
  return view.list("codes", std::move(codes));
}

}  // namespace

std::string runbook_anchor(const CatalogueEntry& entry) {
  const auto first = std::ranges::find(catalogue(), entry.code, &CatalogueEntry::code);
  const bool is_first = first == catalogue().end() || first->kind == entry.kind;
  return (is_first ? "" : std::string(to_string(entry.kind)) + "-") + std::string(entry.code);
}

std::string render_runbooks_page(const PageContext& context) {
  View page = page_view("Runbooks", "runbooks", context);
  std::vector<View> kinds;
  for (const Section& section : kSections) kinds.push_back(section_view(section));
  page.list("kinds", std::move(kinds));
  return render_template("runbooks", page);
}

}  // namespace mtasts
