// SPDX-License-Identifier: Apache-2.0
#include "exporter/stored_json.h"

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11.hpp>
#include <boost/pfr.hpp>
#include <type_traits>

namespace mtasts {

// Boost.Describe looks these up beside the types. Enumerators are stored by name, so their order may change.
BOOST_DESCRIBE_ENUM(ResultType, starttls_not_supported, certificate_host_mismatch, certificate_expired,
                    certificate_not_trusted, validation_failure, tlsa_invalid, dnssec_invalid, dane_required,
                    sts_policy_fetch_error, sts_policy_invalid, sts_webpki_invalid)
BOOST_DESCRIBE_ENUM(DomainState, pending, ok, failing, unknown)
BOOST_DESCRIBE_ENUM(RecordStatus, none, valid, invalid, multiple)
BOOST_DESCRIBE_ENUM(StsMode, enforce, testing, none)
BOOST_DESCRIBE_STRUCT(StsPolicy, (), (mode, max_age, mx))
BOOST_DESCRIBE_STRUCT(Fault, (), (type, host, reason, message))
BOOST_DESCRIBE_STRUCT(Finding, (), (code, host, message))
BOOST_DESCRIBE_STRUCT(MxFamilyVerdict, (),
                      (reachable, unreachable_reason, starttls, verified, tls_version, cipher, tls_observed, not_after))
BOOST_DESCRIBE_STRUCT(MxVerdict, (),
                      (host, ipv4, ipv6, lookup_success, known, unknown_reason, secure_delivery, faults, findings,
                       probed, duration))
BOOST_DESCRIBE_STRUCT(PolicyInForce, (), (policy, id, until, live))
BOOST_DESCRIBE_STRUCT(MxMembership, (), (host, preference, covered, deliverable))
BOOST_DESCRIBE_STRUCT(DomainVerdict, (),
                      (domain, state, success, probed, dns_duration, policy_duration, mx_duration, total_duration,
                       dns_success, record, record_id, tlsrpt, fetch_success, http_status, policy_valid, policy,
                       in_force, expected_mode, policy_not_after, policy_last_change, enforced_until,
                       mx_set_last_change, null_mx, mx_hosts, mx, coverage, deliverable, faults, findings,
                       unknown_reason))
BOOST_DESCRIBE_STRUCT(StandingFault, (), (type, host, reason, since))
BOOST_DESCRIBE_STRUCT(DomainMemory, (),
                      (policy, policy_id, policy_seen, body_sha256, policy_last_change, testing_since, enforced_until,
                       mx_set_known, mx_set, mx_set_last_change, body_changed_alone, id_changed_alone, watched_since,
                       last_fault, standing))
BOOST_DESCRIBE_STRUCT(PolicySessions, (), (policy_type, successful, failed))
BOOST_DESCRIBE_STRUCT(FailedSessions, (), (result_type, sessions))
BOOST_DESCRIBE_STRUCT(ReportedFailure, (), (result_type, mx))
BOOST_DESCRIBE_STRUCT(ReportTally, (), (sessions, failed, failures))
BOOST_DESCRIBE_STRUCT(ReportFailure, (),
                      (result_type, sending_mta_ip, receiving_mx_hostname, receiving_mx_helo, receiving_ip,
                       failed_sessions, additional_information, failure_reason_code))
BOOST_DESCRIBE_STRUCT(ReportPolicy, (), (type, domain, policy_strings, mx_hosts, successful, failed, failures))
BOOST_DESCRIBE_STRUCT(ReportContents, (), (tally, policies))

namespace {

namespace json = boost::json;
namespace describe = boost::describe;

template <class T>
using Members = describe::describe_members<T, describe::mod_public>;

template <class T, template <class...> class Template>
constexpr bool is_a = false;
template <template <class...> class Template, class... Args>
constexpr bool is_a<Template<Args...>, Template> = true;
template <class T>
constexpr bool is_array = false;
template <class T, std::size_t N>
constexpr bool is_array<std::array<T, N>> = true;
template <class T>
constexpr bool is_time = false;
template <class Clock, class Duration>
constexpr bool is_time<std::chrono::time_point<Clock, Duration>> = true;

template <class T>
json::value to_json(const T& value);

template <class T>
json::object members_to_json(const T& value) {
  static_assert(boost::mp11::mp_size<Members<T>>::value == boost::pfr::tuple_size_v<T>,
                "a member was added: name it in the BOOST_DESCRIBE_STRUCT above");
  json::object object;
  boost::mp11::mp_for_each<Members<T>>([&](auto member) { object[member.name] = to_json(value.*member.pointer); });
  return object;
}

template <class T>
json::value to_json(const T& value) {
  if constexpr (is_a<T, std::optional>) {
    return value ? to_json(*value) : json::value{};
  } else if constexpr (is_a<T, std::vector> || is_array<T>) {
    json::array array;
    for (const auto& element : value) array.push_back(to_json(element));
    return array;
  } else if constexpr (is_a<T, std::chrono::duration>) {
    return value.count();
  } else if constexpr (is_time<T>) {
    return value.time_since_epoch().count();
  } else if constexpr (std::is_enum_v<T>) {
    return json::value(describe::enum_to_string(value, ""));
  } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
    return json::value(value);
  } else {
    return members_to_json(value);
  }
}

[[noreturn]] void wrong(const char* expected) { throw StoredJsonError(std::string("is not ") + expected); }

template <class T>
T integer_from(const json::value& from) {
  boost::system::error_code error;
  const T value = from.to_number<T>(error);
  if (error) wrong("an integer of the right size");
  return value;
}

template <class T>
void from_json(const json::value& from, T& value);

template <class T>
void elements_from(const json::value& from, T& value) {
  if (!from.is_array()) wrong("an array");
  if constexpr (is_array<T>) {
    if (from.get_array().size() != value.size()) wrong("an array of the right size");
  } else {
    value.resize(from.get_array().size());
  }
  std::size_t place = 0;
  for (const json::value& element : from.get_array()) from_json(element, value[place++]);
}

template <class T>
void members_from(const json::value& from, T& value) {
  if (!from.is_object()) wrong("an object");
  boost::mp11::mp_for_each<Members<T>>([&](auto member) {
    const json::value* found = from.get_object().if_contains(member.name);
    if (found == nullptr) return;
    try {
      from_json(*found, value.*member.pointer);
    } catch (const StoredJsonError& error) {
      throw StoredJsonError(std::string(member.name) + " " + error.what());
    }
  });
}

template <class T>
void from_json(const json::value& from, T& value) {
  if constexpr (is_a<T, std::optional>) {
    if (from.is_null()) {
      value.reset();
    } else {
      from_json(from, value.emplace());
    }
  } else if constexpr (is_a<T, std::vector> || is_array<T>) {
    elements_from(from, value);
  } else if constexpr (is_a<T, std::chrono::duration>) {
    value = T{integer_from<typename T::rep>(from)};
  } else if constexpr (is_time<T>) {
    value = T{typename T::duration{integer_from<typename T::rep>(from)}};
  } else if constexpr (std::is_enum_v<T>) {
    if (!from.is_string() || !describe::enum_from_string(from.get_string().c_str(), value)) wrong("a known word");
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!from.is_bool()) wrong("true or false");
    value = from.get_bool();
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!from.is_number()) wrong("a number");
    value = from.to_number<T>();
  } else if constexpr (std::is_arithmetic_v<T>) {
    value = integer_from<T>(from);
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!from.is_string()) wrong("a string");
    value.assign(from.get_string().data(), from.get_string().size());
  } else {
    members_from(from, value);
  }
}

template <class T>
std::string render(const T& value) {
  json::object row;
  row["version"] = kStoredJsonVersion;
  row["value"] = members_to_json(value);
  return json::serialize(row);
}

template <class T>
T parse(std::string_view text) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;  // texts of peers are kept as they came
  boost::system::error_code error;
  const json::value row = json::parse(json::string_view{text.data(), text.size()}, error, {}, options);
  if (error) throw StoredJsonError("not JSON: " + error.message());
  const json::object* members = row.if_object();
  const json::value* version = members ? members->if_contains("version") : nullptr;
  const json::value* stored = members ? members->if_contains("value") : nullptr;
  if (version == nullptr || stored == nullptr || *version != json::value(kStoredJsonVersion))
    throw StoredJsonError("not version " + std::to_string(kStoredJsonVersion) + " of the row format");
  T value;
  members_from(*stored, value);
  return value;
}

}  // namespace

std::string render_json(const DomainVerdict& verdict) { return render(verdict); }
std::string render_json(const MxVerdict& verdict) { return render(verdict); }
std::string render_json(const DomainMemory& memory) { return render(memory); }
std::string render_json(const ReportContents& contents) { return render(contents); }

DomainVerdict parse_domain_verdict_json(std::string_view text) { return parse<DomainVerdict>(text); }
MxVerdict parse_mx_verdict_json(std::string_view text) { return parse<MxVerdict>(text); }
DomainMemory parse_domain_memory_json(std::string_view text) { return parse<DomainMemory>(text); }
ReportContents parse_report_contents_json(std::string_view text) { return parse<ReportContents>(text); }

}  // namespace mtasts
