// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "exporter/check_providers.h"
#include "exporter/check_report.h"
#include "exporter/dane_words.h"
#include "exporter/explanation.h"
#include "exporter/fault_history_report.h"
#include "exporter/utf8.h"
#include "probes/core/classify_report_target.h"
#include "probes/core/octets.h"
#include "probes/core/tlsrpt_record.h"

namespace mtasts {
namespace {

namespace json = boost::json;

json::string text(std::string_view from_outside) { return json::string(escape_unprintable(from_outside)); }

template <class T>
json::value or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value{};
}

template <class Enum>
json::value word_or_null(const std::optional<Enum>& value) {
  return value ? json::value(to_string(*value)) : json::value{};
}

template <class Items, class Convert>
json::array array_of(const Items& items, Convert convert) {
  json::array array;
  for (const auto& item : items) array.push_back(convert(item));
  return array;
}

json::array texts(const std::vector<std::string>& all) { return array_of(all, text); }

json::value expiry_json(const std::optional<UnixTime>& not_after, UnixTime now) {
  if (!not_after) return nullptr;
  return json::object{{"not_after", not_after->time_since_epoch().count()}, {"days_left", days_left(*not_after, now)}};
}

// --- What was seen, address by address ---

json::value failure_json(const std::optional<NetFailure>& failure) {
  return failure ? json::value(text(failure->text)) : json::value{};
}

json::object certificate_json(const Certificate& certificate) {
  return {{"subject", text(certificate.subject)},
          {"issuer", text(certificate.issuer)},
          {"serial", certificate.serial},
          {"sha256", certificate.sha256},
          {"not_before", certificate.not_before.time_since_epoch().count()},
          {"not_after", certificate.not_after.time_since_epoch().count()},
          {"dns_names", texts(certificate.dns_names)},
          {"key", certificate.key_type + " " + std::to_string(certificate.key_bits)},
          {"signature", certificate.signature}};
}

json::value tls_json(const std::optional<TlsObservation>& tls) {
  if (!tls) return nullptr;
  return json::object{{"version", tls->version},
                      {"cipher", tls->cipher},
                      {"problems", array_of(tls->problems, [](const auto& problem) { return text(problem.text); })},
                      {"chain", array_of(tls->chain, certificate_json)}};
}

/// Text as it is, where JSON can hold it.
json::string whole_text(std::string_view from_outside) {
  for (std::string_view left = from_outside; !left.empty();) {
    const std::size_t length = utf8_length(left);
    if (length == 0) return text(from_outside);
    left.remove_prefix(length);
  }
  return json::string(from_outside);
}

json::object attempt_json(const PolicyFetchAttempt& attempt) {
  return {{"address", to_string(attempt.address)},
          {"http_status", attempt.http_status},
          {"content_type", text(attempt.content_type)},
          {"location", text(attempt.location)},
          {"body", whole_text(attempt.body)},
          {"failure", failure_json(attempt.failure)},
          {"tls", tls_json(attempt.tls)}};
}

json::object session_json(const SmtpObservation& session) {
  return {{"address", to_string(session.address)},
          {"transcript", texts(session.transcript)},
          {"failure", failure_json(session.failure)},
          {"tls", tls_json(session.tls)}};
}

json::array sessions_json(const CheckResult& result, const std::string& host) {
  for (const MxHostObservation& seen : result.host_observations)
    if (seen.host == host) return array_of(seen.sessions, session_json);
  return {};
}

// --- What follows from it ---

json::object record_json(const CheckResult& result) {
  const std::string& id = result.verdict.record_id;
  return {{"status", word_or_null(result.verdict.record)},
          {"id", id.empty() ? json::value{} : json::value(text(id))},
          {"records", texts(result.seen.sts.records)}};
}

/// takes_reports is null where that is not known or was not looked at.
json::object place_json(const ReportPlace& place) {
  return {{"uri", text(place.uri)},
          {"looked_at", place.target.has_value()},
          {"takes_reports", or_null(place.verdict.takes_reports)},
          {"message", text(place.verdict.message)}};
}

json::object tlsrpt_json(const CheckResult& result) {
  return {{"status", word_or_null(result.verdict.tlsrpt)},
          {"rua", texts(parse_tlsrpt_records(result.seen.tlsrpt.records).rua)},
          {"targets", array_of(report_places(result.seen), place_json)},
          {"records", texts(result.seen.tlsrpt.records)}};
}

json::value in_force_json(const std::optional<PolicyInForce>& in_force) {
  if (!in_force) return nullptr;
  return json::object{{"mode", to_string(in_force->policy.mode)},
                      {"id", text(in_force->id)},
                      {"until", in_force->until.time_since_epoch().count()},
                      {"live", in_force->live}};
}

json::object policy_json(const CheckResult& result, UnixTime now) {
  const DomainVerdict& verdict = result.verdict;
  json::object object{{"fetched", or_null(verdict.fetch_success)},
                      {"http_status", or_null(verdict.http_status)},
                      {"valid", or_null(verdict.policy_valid)},
                      {"mode", nullptr},
                      {"max_age", nullptr},
                      {"mx", json::array{}},
                      {"in_force", in_force_json(verdict.in_force)},
                      {"certificate", expiry_json(verdict.policy_not_after, now)},
                      {"addresses", json::array{}}};
  if (verdict.policy) {
    object["mode"] = to_string(verdict.policy->mode);
    object["max_age"] = verdict.policy->max_age.count();
    object["mx"] = texts(verdict.policy->mx);
  }
  if (result.seen.policy) object["addresses"] = array_of(result.seen.policy->attempts, attempt_json);
  return object;
}

json::value family_json(const Boxed<MxFamilyVerdict>& family, UnixTime now) {
  if (!family) return nullptr;
  return json::object{{"reachable", family->reachable},
                      {"unreachable_reason", text(family->unreachable_reason)},
                      {"starttls", or_null(family->starttls)},
                      {"verified", or_null(family->verified)},
                      {"tls_version", text(family->tls_version)},
                      {"cipher", text(family->cipher)},
                      {"certificate", expiry_json(family->not_after, now)}};
}

json::array tlsa_json(const CheckResult& result, const std::string& host) {
  for (const MxHostObservation& seen : result.host_observations) {
    if (seen.host != host || !seen.tlsa) continue;
    return array_of(seen.tlsa->records, [](const TlsaRecord& record) { return text(to_string(record)); });
  }
  return {};
}

json::value dane_json(const CheckResult& result, const MxMembership& mx, std::uint16_t smtp_port) {
  const MxVerdict* host = find_host(result, mx.host);
  if (host == nullptr || !host->dane) return nullptr;
  return json::object{{"state", to_string(host->dane->state)},
                      {"verified", or_null(mx.dane_verified)},
                      {"records", tlsa_json(result, mx.host)},
                      {"publish", texts(tlsa_lines(result, mx, smtp_port))}};
}

json::object mx_json(const CheckResult& result, const MxMembership& mx, const CheckReportOptions& options) {
  const UnixTime now = options.now;
  const MxVerdict* host = find_host(result, mx.host);
  return {{"host", text(mx.host)},
          {"preference", mx.preference},
          {"covered", or_null(mx.covered)},
          {"deliverable", or_null(mx.deliverable)},
          {"ipv4", host != nullptr ? family_json(host->ipv4, now) : json::value{}},
          {"ipv6", host != nullptr ? family_json(host->ipv6, now) : json::value{}},
          {"dane", dane_json(result, mx, options.places.smtp_port)},
          {"addresses", sessions_json(result, mx.host)}};
}

json::object provider_json(const Provider* provider) {
  return {{"role", to_string(provider->role)}, {"code", provider->code}, {"name", provider->name}};
}

/// The key is there only where there is advice.
json::object with_advice(json::object object, const std::optional<ProviderAdvice>& advice) {
  if (advice) object["advice"] = {{"provider", advice->provider->code}, {"text", text(advice->text)}};
  return object;
}

json::object fault_json(const Fault& fault, const CheckResult& result, const CheckReportOptions& options) {
  const Explanation words = explain(fault, options.find);
  return {{"result_type", to_string(fault.type)},
          {"severity", to_string(severity_of(fault, result.verdict, options.find))},
          {"host", text(fault.host)},
          {"reason", text(fault.reason)},
          {"message", text(fault.message)},
          {"meaning", words.meaning},
          {"cause", words.cause},
          {"remedy", words.remedy},
          {"command", text(CheckCommands(result, options.places, options.find).of(fault))},
          {"runbook", words.runbook}};
}

json::object finding_json(const Finding& finding, const CheckResult& result, const CheckReportOptions& options) {
  const Explanation words = explain(finding, options.find);
  return {{"code", text(finding.code)},
          {"severity", to_string(severity_of(finding, result.verdict, options.find))},
          {"host", text(finding.host)},
          {"reason", text(finding.reason)},
          {"message", text(finding.message)},
          {"meaning", words.meaning},
          {"cause", words.cause},
          {"remedy", words.remedy},
          {"command", text(CheckCommands(result, options.places, options.find).of(finding))},
          {"runbook", words.runbook}};
}

json::value history_json(const CheckResult& result) {
  return result.history ? json::value(render_fault_history_json(*result.history)) : json::value{};
}

json::object result_json(const CheckResult& result, const CheckReportOptions& options) {
  const DomainVerdict& verdict = result.verdict;
  const CheckProviders providers{result};
  const auto fault = [&](const Fault& each) {
    return with_advice(fault_json(each, result, options), providers.advice(each));
  };
  const auto finding = [&](const Finding& each) {
    return with_advice(finding_json(each, result, options), providers.advice(each));
  };
  return {{"domain", text(verdict.domain)},
          {"status", to_string(check_status(result, options.find))},
          {"success", verdict.success.value_or(false)},
          {"state", to_string(verdict.state)},
          {"unknown_reason", text(verdict.unknown_reason)},
          {"mode", word_or_null(mode_in_force(verdict))},
          {"deliverable", or_null(verdict.deliverable)},
          {"null_mx", verdict.null_mx},
          {"seconds", result.seconds},
          {"results", array_of(verdict.faults, fault)},
          {"findings", array_of(verdict.findings, finding)},
          {"providers", array_of(providers.all(), provider_json)},
          {"record", record_json(result)},
          {"tlsrpt", tlsrpt_json(result)},
          {"policy", policy_json(result, options.now)},
          {"mx", array_of(verdict.mx, [&](const MxMembership& mx) { return mx_json(result, mx, options); })},
          {"history", history_json(result)}};
}

}  // namespace

std::string render_check_json(std::span<const CheckResult> results, const CheckReportOptions& options) {
  return json::serialize(array_of(results, [&](const CheckResult& result) { return result_json(result, options); })) +
         "\n";
}

}  // namespace mtasts
