// SPDX-License-Identifier: Apache-2.0
#include "exporter/lint_command.h"

#include <algorithm>
#include <boost/json.hpp>
#include <vector>

#include "exporter/explanation.h"
#include "exporter/problems.h"
#include "probes/core/catalogue.h"
#include "probes/core/classify.h"
#include "probes/core/octets.h"
#include "probes/core/providers.h"
#include "probes/core/sts_policy.h"
#include "probes/core/sts_record.h"
#include "probes/core/tlsrpt_record.h"

namespace mtasts {
namespace {

namespace json = boost::json;

constexpr int kExitGood = 0;
constexpr int kExitBad = 1;

/// A value as a terminal may see it: plain when it is printable ASCII, else quoted and escaped.
std::string shown(std::string_view value) {
  const bool plain = all_of(value, [](char c) { return is_ascii(c) && !is_control(c); });
  return plain ? std::string(value) : in_quotes(value);
}

json::array json_list(const std::vector<std::string>& texts) {
  json::array list;
  for (const std::string& text : texts) list.emplace_back(json_utf8(text));
  return list;
}

json::value json_or_null(const std::optional<std::string>& text) {
  if (!text) return nullptr;
  return json_utf8(*text);
}

json::value json_or_null(const std::optional<std::uint64_t>& number) {
  if (!number) return nullptr;
  return *number;
}

std::string render(const json::value& value) { return json::serialize(value) + '\n'; }

std::string render_line(std::string_view name, std::string_view value) {
  std::string text = "  " + std::string(name);
  text.resize(11, ' ');
  return text + shown(value) + '\n';
}

/// Adds what the grammar allows but experience advises against, by the measure that findings have by default.
/// Source: RFC 8461 section 10.2.
void advise_max_age(PolicyLint& lint) {
  if (!lint.policy || lint.policy->mode == StsMode::none) return;
  const ClassifyOptions defaults;
  const auto least =
      lint.policy->mode == StsMode::enforce ? defaults.min_max_age_enforce : defaults.min_max_age_testing;
  if (lint.policy->max_age >= least) return;
  ParseError advice{.code = "max-age-short",
                    .line = lint.max_age_line,
                    .detail = "max_age is " + std::to_string(lint.policy->max_age.count()) + " seconds: in mode " +
                              *lint.mode + " at least " + std::to_string(least.count()) + " are advised"};
  const auto later = std::find_if(lint.warnings.begin(), lint.warnings.end(),
                                  [&](const ParseError& other) { return other.line > advice.line; });
  lint.warnings.insert(later, std::move(advice));
}

std::string render_policy_text(const PolicyLint& lint) {
  std::string text = lint.policy ? "policy: valid\n" : "policy: not valid\n";
  if (lint.version) text += render_line("version", *lint.version);
  if (lint.mode) text += render_line("mode", *lint.mode);
  if (lint.max_age) text += render_line("max_age", std::to_string(*lint.max_age));
  for (const std::string& pattern : lint.mx) text += render_line("mx", pattern);
  return text + render_problems(lint.errors, lint.warnings, CodeKind::policy_error);
}

json::value json_policy(const PolicyLint& lint) {
  return {{"valid", lint.policy.has_value()},
          {"version", json_or_null(lint.version)},
          {"mode", json_or_null(lint.mode)},
          {"max_age", json_or_null(lint.max_age)},
          {"mx", json_list(lint.mx)},
          {"errors", json_problems(lint.errors)},
          {"warnings", json_problems(lint.warnings)}};
}

/// What both kinds of record have in common.
template <class RecordSet>
std::string render_record_text(std::string_view owner, const RecordSet& record, const std::string& values) {
  return std::string(owner) + " record: " + std::string(to_string(record.status)) + '\n' + values +
         render_problems(record.errors, record.warnings, CodeKind::record_error);
}

int exit_status(RecordStatus status) { return status == RecordStatus::valid ? kExitGood : kExitBad; }

std::string render_code_text(const CatalogueEntry& entry) {
  std::string text = "  " + std::string(entry.code);
  if (entry.severity != Severity::info) text += " (" + std::string(to_string(entry.severity)) + ')';
  text += '\n' + render_explanation("      ", explain(entry), "");
  if (entry.look != Look::none) text += "      See it:  " + std::string(command_template(entry.look)) + '\n';
  if (!entry.source.empty()) text += "      Source:  " + std::string(entry.source) + '\n';
  return text;
}

std::string render_providers_text() {
  std::string text = "\nprovider\n";
  for (const Provider& provider : providers()) {
    text += "  " + std::string(provider.code) + "\n      " + std::string(provider.name) + ", " +
            std::string(to_string(provider.role)) + "\n      " + std::string(provider.source) + '\n';
  }
  return text;
}

std::string render_codes_text() {
  std::string text;
  std::optional<CodeKind> kind;
  for (const CatalogueEntry& entry : catalogue()) {
    if (kind != entry.kind) text += (kind ? "\n" : "") + std::string(to_string(entry.kind)) + '\n';
    kind = entry.kind;
    text += render_code_text(entry);
  }
  return text + render_providers_text();
}

json::object json_provider(const Provider& provider) {
  return {{"kind", "provider"},
          {"code", provider.code},
          {"severity", to_string(Severity::info)},
          {"meaning", provider.name},
          {"remedy", ""},
          {"source", provider.source},
          {"role", to_string(provider.role)}};
}

json::value json_codes() {
  json::array codes;
  for (const CatalogueEntry& entry : catalogue()) {
    codes.push_back({{"kind", to_string(entry.kind)},
                     {"code", entry.code},
                     {"severity", to_string(entry.severity)},
                     {"meaning", entry.meaning},
                     {"cause", entry.cause},
                     {"remedy", entry.remedy},
                     {"command", command_template(entry.look)},
                     {"source", entry.source},
                     {"runbook", runbook_url(entry.runbook)}});
  }
  for (const Provider& provider : providers()) codes.push_back(json_provider(provider));
  return codes;
}

}  // namespace

CommandResult run_lint_policy(std::string_view body, OutputFormat format) {
  PolicyLint lint = parse_sts_policy(body);
  advise_max_age(lint);
  const int status = lint.policy ? kExitGood : kExitBad;
  return {status, format == OutputFormat::json ? render(json_policy(lint)) : render_policy_text(lint)};
}

CommandResult run_lint_record(std::span<const std::string> records, OutputFormat format) {
  const StsRecordSet record = parse_sts_records(records);
  if (format == OutputFormat::text) {
    const std::string id = record.id ? render_line("id", *record.id) : "";
    return {exit_status(record.status), render_record_text("_mta-sts", record, id)};
  }
  return {exit_status(record.status), render({{"status", to_string(record.status)},
                                              {"id", json_or_null(record.id)},
                                              {"errors", json_problems(record.errors)},
                                              {"warnings", json_problems(record.warnings)}})};
}

CommandResult run_lint_tlsrpt(std::span<const std::string> records, OutputFormat format) {
  const TlsrptRecordSet record = parse_tlsrpt_records(records);
  if (format == OutputFormat::text) {
    std::string uris;
    for (const std::string& uri : record.rua) uris += render_line("rua", uri);
    return {exit_status(record.status), render_record_text("_smtp._tls", record, uris)};
  }
  return {exit_status(record.status), render({{"status", to_string(record.status)},
                                              {"rua", json_list(record.rua)},
                                              {"errors", json_problems(record.errors)},
                                              {"warnings", json_problems(record.warnings)}})};
}

CommandResult run_match(std::string_view pattern, std::string_view host) {
  if (mx_pattern_matches(pattern, host)) return {kExitGood, shown(pattern) + " matches " + shown(host) + '\n'};
  return {kExitBad, shown(pattern) + " does not match " + shown(host) + '\n'};
}

CommandResult run_codes(OutputFormat format) {
  return {kExitGood, format == OutputFormat::json ? render(json_codes()) : render_codes_text()};
}

}  // namespace mtasts
