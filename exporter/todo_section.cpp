// SPDX-License-Identifier: Apache-2.0
#include "exporter/domain_sections.h"
#include "exporter/runbooks_page.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

void set_catalogue(View& view, const CatalogueEntry* entry, const PageContext& context) {
  view.text("meaning", entry != nullptr ? entry->meaning : "").text("remedy", entry != nullptr ? entry->remedy : "");
  view.text("source", entry != nullptr ? entry->source : "");
  view.text("runbook", entry != nullptr ? context.prefix + "/runbooks#" + runbook_anchor(*entry) : "");
}

View fault_view(const DomainPageInput& input, const Fault& fault, const PageContext& context) {
  View view;
  view.text("code", to_string(fault.type)).text("reason", escape_unprintable(fault.reason));
  view.text("host", escape_unprintable(fault.host)).text("message", escape_unprintable(fault.message));
  view.text("severity", to_string(severity_of(fault, input.result.verdict, find_code)));
  view.text("command", CheckCommands(input.result, input.places).of(fault));
  set_catalogue(view, entry_of(fault, find_code), context);
  return view;
}

View finding_view(const DomainPageInput& input, const Finding& finding, const PageContext& context) {
  View view;
  view.text("code", finding.code).text("reason", "").text("host", escape_unprintable(finding.host));
  view.text("message", escape_unprintable(finding.message));
  view.text("severity", to_string(severity_of(finding, find_code)));
  view.text("command", CheckCommands(input.result, input.places).of(finding));
  set_catalogue(view, find_code(CodeKind::finding, finding.code), context);
  return view;
}

/// A record that does not count is neither a fault nor always a finding.
std::string record_command(const DomainPageInput& input) {
  const DomainVerdict& verdict = input.result.verdict;
  const bool counts = !verdict.record || *verdict.record == RecordStatus::valid || !has_mta_sts(verdict);
  return counts ? "" : CheckCommands(input.result, input.places).record();
}

}  // namespace

void set_todo(View& page, const DomainPageInput& input, const PageContext& context) {
  const DomainVerdict& verdict = input.result.verdict;
  std::vector<View> items;
  for (const Fault& fault : verdict.faults) items.push_back(fault_view(input, fault, context));
  for (const Finding& finding : verdict.findings) items.push_back(finding_view(input, finding, context));
  page.flag("has_todo", !items.empty());
  page.list("todo", std::move(items));
  page.text("record_command", input.judged ? record_command(input) : "");
}

}  // namespace mtasts
