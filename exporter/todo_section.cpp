// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "exporter/check_providers.h"
#include "exporter/domain_sections.h"
#include "exporter/explanation.h"
#include "exporter/runbooks_page.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

class TodoItems {
 public:
  TodoItems(const DomainPageInput& input, const PageContext& context)
      : input_{input}, context_{context}, commands_{input.result, input.places}, providers_{input.result} {}

  std::vector<View> all() {
    for (const Fault& fault : input_.result.verdict.faults) add(fault);
    for (const Finding& finding : input_.result.verdict.findings) add(finding);
    return std::move(items_);
  }

  /// A record that does not count is neither a fault nor always a finding.
  [[nodiscard]] std::string record_command() const {
    const DomainVerdict& verdict = input_.result.verdict;
    const bool counts = !verdict.record || *verdict.record == RecordStatus::valid || !has_mta_sts(verdict);
    const std::string command = counts || !input_.judged ? "" : commands_.record();
    return said_.contains(command) ? "" : command;
  }

 private:
  void add(const Fault& fault) {
    View view;
    view.text("code", to_string(fault.type)).text("reason", escape_unprintable(fault.reason));
    view.text("severity", to_string(severity_of(fault, input_.result.verdict, find_code)));
    explain_in(view, fault, entry_of(fault, find_code));
  }

  void add(const Finding& finding) {
    View view;
    view.text("code", finding.code)
        .text("reason", "")
        .text("severity", to_string(severity_of(finding, input_.result.verdict, find_code)));
    explain_in(view, finding, find_code(CodeKind::finding, finding.code));
  }

  template <class Trouble>
  void explain_in(View& view, const Trouble& trouble, const CatalogueEntry* entry) {
    const Explanation words = explain(trouble);
    view.text("host", escape_unprintable(trouble.host));
    set_prose(view, "message", escape_unprintable(trouble.message));
    set_prose(view, "meaning", trouble.message.empty() ? words.meaning : "");
    set_prose(view, "cause", words.cause);
    set_prose(view, "remedy", words.remedy);
    set_prose(view, "at_provider", advice_text(providers_.advice(trouble)));
    view.text("source", words.source);
    set_command(view, commands_.of(trouble));
    view.text("runbook", entry != nullptr ? context_.prefix + "/runbooks#" + runbook_anchor(*entry) : "");
    items_.push_back(std::move(view));
  }

  void set_command(View& view, const std::string& command) {
    const bool again = !command.empty() && !said_.insert(command).second;
    view.text("command", again ? "" : command).flag("command_again", again);
  }

  /// What several hosts have in common is said once.
  std::string advice_text(const std::optional<ProviderAdvice>& advice) {
    if (!advice || !said_.insert(advice->text).second) return "";
    return "At " + std::string(advice->provider->name) + ": " + escape_unprintable(advice->text);
  }

  const DomainPageInput& input_;
  const PageContext& context_;
  CheckCommands commands_;
  CheckProviders providers_;
  std::set<std::string> said_{};  // advice and commands
  std::vector<View> items_{};
};

}  // namespace

void set_todo(View& page, const DomainPageInput& input, const PageContext& context) {
  TodoItems todo{input, context};
  std::vector<View> items = todo.all();
  page.text("record_command", todo.record_command());
  page.flag("has_todo", !items.empty());
  page.list("todo", std::move(items));
}

}  // namespace mtasts
