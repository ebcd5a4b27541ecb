// SPDX-License-Identifier: Apache-2.0
#include "exporter/stored_json.h"

#include "exporter/described_json.h"
#include "exporter/described_packed.h"

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
BOOST_DESCRIBE_STRUCT(Finding, (), (code, host, message, reason))
BOOST_DESCRIBE_STRUCT(MxFamilyVerdict, (),
                      (reachable, unreachable_reason, starttls, verified, tls_version, cipher, tls_observed, not_after))
BOOST_DESCRIBE_ENUM(DaneState, unknown, bogus, insecure_address, no_records, unusable, usable)
BOOST_DESCRIBE_STRUCT(DaneVerdict, (), (state, records, record_set, witnessed, authenticated, delivery, names_needed))
BOOST_DESCRIBE_STRUCT(MxVerdict, (),
                      (host, ipv4, ipv6, lookup_success, tlsa_lookup_success, dane, known, unknown_reason,
                       secure_delivery, faults, findings, probed, duration))
BOOST_DESCRIBE_STRUCT(PolicyInForce, (), (policy, id, until, live))
BOOST_DESCRIBE_STRUCT(MxMembership, (), (host, preference, covered, deliverable, dane_verified))
BOOST_DESCRIBE_STRUCT(DomainVerdict, (),
                      (domain, state, success, probed, dns_duration, policy_duration, mx_duration, total_duration,
                       dns_success, record, record_id, tlsrpt, fetch_success, http_status, policy_valid, policy,
                       in_force, expected_mode, policy_not_after, policy_last_change, enforced_until,
                       mx_set_last_change, watched_since, last_fault, null_mx, mx_hosts, mx_security, mx, coverage,
                       deliverable, faults, findings, unknown_reason))
BOOST_DESCRIBE_STRUCT(StandingFault, (), (type, host, reason, since, last_seen))
BOOST_DESCRIBE_STRUCT(DomainMemory, (),
                      (policy, policy_id, policy_seen, body_sha256, policy_last_change, testing_since, enforced_until,
                       mx_set_known, mx_set, mx_set_last_change, id_policy, policy_changed_alone, id_changed_alone,
                       watched_since, last_watched, last_fault, last_ended, standing))
BOOST_DESCRIBE_STRUCT(PolicySessions, (), (policy_type, successful, failed))
BOOST_DESCRIBE_STRUCT(FailedSessions, (), (result_type, sessions))
BOOST_DESCRIBE_STRUCT(ReportedFailure, (), (result_type, mx))
BOOST_DESCRIBE_STRUCT(ReportTally, (), (sessions, failed, failures))
BOOST_DESCRIBE_STRUCT(ReportFailure, (),
                      (result_type, sending_mta_ip, receiving_mx_hostname, receiving_mx_helo, receiving_ip,
                       failed_sessions, additional_information, failure_reason_code))
BOOST_DESCRIBE_STRUCT(ReportPolicy, (), (type, domain, policy_strings, mx_hosts, successful, failed, failures))
BOOST_DESCRIBE_STRUCT(ReportContents, (), (tally, policies))

std::string render_json(const DomainVerdict& verdict) { return described::render(verdict); }
std::string render_json(const MxVerdict& verdict) { return described::render(verdict); }
std::string render_json(const DomainMemory& memory) { return described::render(memory); }
std::string render_json(const ReportContents& contents) { return described::render(contents); }

DomainVerdict parse_domain_verdict_json(std::string_view text) { return described::parse<DomainVerdict>(text); }
MxVerdict parse_mx_verdict_json(std::string_view text) { return described::parse<MxVerdict>(text); }
DomainMemory parse_domain_memory_json(std::string_view text) { return described::parse<DomainMemory>(text); }
ReportContents parse_report_contents_json(std::string_view text) { return described::parse<ReportContents>(text); }

std::string pack(const DomainMemory& memory) { return described::pack(memory); }
DomainMemory unpack_domain_memory(std::string_view packed) { return described::unpack<DomainMemory>(packed); }

}  // namespace mtasts
