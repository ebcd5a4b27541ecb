// SPDX-License-Identifier: Apache-2.0
#include "exporter/explanation.h"

#include "exporter/paragraph.h"

namespace mtasts {
namespace {

std::string labelled(const std::string& label, std::string_view words) {
  return words.empty() ? "" : render_paragraph(label, words);
}

}  // namespace

Explanation explain(const CatalogueEntry& entry) {
  return {entry.meaning, entry.cause, entry.remedy, entry.source, entry.look, runbook_url(entry.runbook)};
}

Explanation explain(const Fault& fault, const FindCode& find) {
  const CatalogueEntry* entry = entry_of(fault, find);
  if (entry == nullptr) return {};
  Explanation words = explain(*entry);
  const CatalogueEntry* type = find(CodeKind::result_type, to_string(fault.type));
  if (type == nullptr) return words;
  if (words.look == Look::none) words.look = type->look;
  if (words.runbook.empty()) words.runbook = runbook_url(type->runbook);
  return words;
}

Explanation explain(const Finding& finding, const FindCode& find) {
  const CatalogueEntry* entry = find(CodeKind::finding, finding.code);
  Explanation words = entry != nullptr ? explain(*entry) : Explanation{};
  for (const CodeKind kind : {CodeKind::reason, CodeKind::policy_error, CodeKind::record_error}) {
    const CatalogueEntry* why = finding.reason.empty() ? nullptr : find(kind, finding.reason);
    if (why == nullptr) continue;
    if (!why->cause.empty()) words.cause = why->cause;
    words.remedy = why->remedy;
    return words;
  }
  return words;
}

std::string render_explanation(const std::string& indent, const Explanation& words, std::string_view message) {
  return (message.empty() ? labelled(indent + "Meaning: ", words.meaning) : "") +
         labelled(indent + "Often:   ", words.cause) + labelled(indent + "To do:   ", words.remedy) +
         labelled(indent + "Read:    ", words.runbook);
}

}  // namespace mtasts
