// SPDX-License-Identifier: Apache-2.0
#include "exporter/verdict_json.h"

#include <boost/json/value.hpp>
#include <string>

#include "exporter/dane_words.h"
#include "exporter/explanation.h"
#include "probes/core/catalogue.h"

namespace mtasts {
namespace {

namespace json = boost::json;

json::string text(std::string_view value) { return json::string{value}; }

json::value seconds_or_null(const std::optional<UnixTime>& time) {
  return time ? json::value(time->time_since_epoch().count()) : json::value(nullptr);
}

template <class Value>
json::value or_null(const std::optional<Value>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

template <class Enum>
json::value name_or_null(const std::optional<Enum>& value) {
  return value ? json::value(text(to_string(*value))) : json::value(nullptr);
}

json::object fault_json(const Fault& fault) {
  const Explanation words = explain(fault);
  return {{"result_type", text(to_string(fault.type))},
          {"host", fault.host},
          {"reason", fault.reason},
          {"message", fault.message},
          {"cause", text(words.cause)},
          {"remedy", text(words.remedy)},
          {"runbook", words.runbook}};
}

json::object finding_json(const Finding& finding, const DomainVerdict& verdict) {
  const Explanation words = explain(finding);
  return {{"code", finding.code},         {"severity", text(to_string(severity_of(finding, verdict, find_code)))},
          {"host", finding.host},         {"reason", finding.reason},
          {"message", finding.message},   {"cause", text(words.cause)},
          {"remedy", text(words.remedy)}, {"runbook", words.runbook}};
}

template <class Items, class Convert>
json::array array_of(const Items& items, Convert convert) {
  json::array out;
  for (const auto& item : items) out.push_back(convert(item));
  return out;
}

json::object record_json(const DomainVerdict& verdict) {
  return {{"status", name_or_null(verdict.record)}, {"id", text(verdict.record_id)}};
}

json::object policy_json(const DomainVerdict& verdict) {
  json::object out{{"fetch_success", or_null(verdict.fetch_success)},
                   {"http_status", or_null(verdict.http_status)},
                   {"valid", or_null(verdict.policy_valid)},
                   {"mode", nullptr},
                   {"max_age", nullptr},
                   {"mx", json::array{}},
                   {"certificate_not_after", seconds_or_null(verdict.policy_not_after)},
                   {"last_change", seconds_or_null(verdict.policy_last_change)},
                   {"enforced_until", seconds_or_null(verdict.enforced_until)}};
  if (verdict.policy) {
    out["mode"] = text(to_string(verdict.policy->mode));
    out["max_age"] = verdict.policy->max_age.count();
    out["mx"] = array_of(verdict.policy->mx, text);
  }
  return out;
}

json::object membership_json(const MxMembership& mx_host) {
  return {{"host", mx_host.host},
          {"preference", mx_host.preference},
          {"covered", or_null(mx_host.covered)},
          {"deliverable", or_null(mx_host.deliverable)},
          {"dane_verified", or_null(mx_host.dane_verified)}};
}

json::value family_json(const Boxed<MxFamilyVerdict>& family) {
  if (!family) return nullptr;
  return json::object{{"reachable", family->reachable},
                      {"unreachable_reason", family->unreachable_reason},
                      {"starttls", or_null(family->starttls)},
                      {"verified", or_null(family->verified)},
                      {"tls_version", family->tls_version},
                      {"cipher", family->cipher},
                      {"tls_observed", seconds_or_null(family->tls_observed)},
                      {"certificate_not_after", seconds_or_null(family->not_after)}};
}

json::value dane_json(const std::optional<DaneVerdict>& dane) {
  if (!dane) return nullptr;
  return json::object{{"state", text(to_string(dane->state))}, {"records", dane->records}};
}

}  // namespace

json::object verdict_json(const DomainVerdict& verdict) {
  return {
      {"domain", verdict.domain},
      {"success", verdict.success.value_or(false)},
      {"state", text(to_string(verdict.state))},
      {"unknown_reason", verdict.unknown_reason},
      {"mode", name_or_null(mode_in_force(verdict))},
      {"deliverable", or_null(verdict.deliverable)},
      {"coverage", or_null(verdict.coverage)},
      {"probed", verdict.probed == UnixTime{} ? json::value(nullptr) : seconds_or_null(verdict.probed)},
      {"results", array_of(verdict.faults, fault_json)},
      {"findings", array_of(verdict.findings, [&](const Finding& finding) { return finding_json(finding, verdict); })},
      {"record", record_json(verdict)},
      {"tlsrpt", json::object{{"status", name_or_null(verdict.tlsrpt)}}},
      {"policy", policy_json(verdict)},
      {"null_mx", verdict.null_mx},
      {"mx", array_of(verdict.mx, membership_json)}};
}

json::object domain_json(const DomainEntry& entry) {
  json::object out = entry.verdict
                         ? verdict_json(*entry.verdict)
                         : json::object{{"domain", entry.name}, {"state", text(to_string(DomainState::pending))}};
  json::object labels;
  for (const auto& [name, value] : entry.labels) labels[name] = value;
  out["labels"] = std::move(labels);
  return out;
}

json::object mx_json(const MxVerdict& verdict) {
  return {{"host", verdict.host},
          {"known", verdict.known},
          {"probed", verdict.probed == UnixTime{} ? json::value(nullptr) : seconds_or_null(verdict.probed)},
          {"ipv4", family_json(verdict.ipv4)},
          {"ipv6", family_json(verdict.ipv6)},
          {"dane", dane_json(verdict.dane)}};
}

json::object fleet_json(const DomainEntry& entry) {
  const DomainVerdict none{};
  const DomainVerdict& verdict = entry.verdict ? *entry.verdict : none;
  return {{"domain", entry.name},
          {"state", text(to_string(verdict.state))},
          {"mode", name_or_null(mode_in_force(verdict))},
          {"coverage", or_null(verdict.coverage)},
          {"deliverable", or_null(verdict.deliverable)},
          {"faults", verdict.faults.size()}};
}

}  // namespace mtasts
