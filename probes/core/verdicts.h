// What follows from the observations: result types as IANA spells them, faults, findings, one verdict per domain and
// host. Next: classify.h, which makes them; exporter/metrics.h, which shows them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/boxed.h"
#include "probes/core/observations.h"
#include "probes/core/optional_time.h"
#include "probes/core/sts_policy.h"
#include "probes/core/sts_record.h"

namespace mtasts {

/// The registry's words with `_` for `-` (RFC 8460 section 6.6), in the registry's order.
enum class ResultType : std::uint8_t {
  starttls_not_supported,
  certificate_host_mismatch,
  certificate_expired,
  certificate_not_trusted,
  validation_failure,
  tlsa_invalid,
  dnssec_invalid,
  dane_required,
  sts_policy_fetch_error,
  sts_policy_invalid,
  sts_webpki_invalid,
};
constexpr std::size_t kResultTypeCount = 11;

/// "certificate-expired" and so on.
std::string_view to_string(ResultType type);

/// Severity of a finding or fault, as the label `severity` spells it.
enum class Severity : std::uint8_t { info, warning, high, critical };
std::string_view to_string(Severity severity);

/// A fault that a sender reports. `reason` is a code of the catalogue; `host` is the MX or policy host at fault.
struct Fault {
  ResultType type{ResultType::validation_failure};
  std::string host{};
  std::string reason{};
  std::string message{};  // one sentence for a person

  bool operator==(const Fault&) const = default;
};

/// Reason of the fault that no `mx` pattern of the policy matches a host (RFC 8461 section 4.1).
constexpr std::string_view kNotCoveredReason = "mx-mismatch";

/// Is it about the policy: its host, its certificate, its text?
bool is_policy_fault(const Fault& fault);

/// Something to put right that no sender reports. `code` is a code of the catalogue, which holds severity and remedy.
struct Finding {
  std::string code{};
  std::string host{};
  std::string message{};
  std::string reason{};  // a code that says why, "" where the code says it all

  bool operator==(const Finding&) const = default;
};

/// One address family of an MX host. TLS values keep their last value while the host is unreachable.
struct MxFamilyVerdict {
  bool reachable{};
  std::string unreachable_reason{};  // "" while reachable
  std::optional<bool> starttls{};
  std::optional<bool> verified{};
  std::string tls_version{};
  std::string cipher{};
  OptionalTime tls_observed{};
  OptionalTime not_after{};

  bool operator==(const MxFamilyVerdict&) const = default;
};

/// Whether DANE applies to an MX host (RFC 7672 section 2.2). unknown: our resolver does not say, or the lookup failed;
/// bogus: addresses or TLSA records fail validation; unusable: none of the records is fit for SMTP.
enum class DaneState : std::uint8_t { unknown, bogus, insecure_address, no_records, unusable, usable };

struct DaneVerdict {
  DaneState state{DaneState::unknown};
  std::size_t records{};                // of a secure answer
  std::size_t record_set{};             // a hash of them
  bool witnessed{};                     // some address showed a certificate to the last probe
  std::optional<bool> authenticated{};  // by a record, names aside, at every address that showed a certificate
  std::optional<bool> delivery{};       // some address would take mail, authenticated
  // Names in certificates that a DANE-TA(2) record vouches for and that are not for the TLSA base domain: they must be
  // for the next-hop domain. One list per address.
  std::vector<std::vector<std::string>> names_needed{};

  bool operator==(const DaneVerdict&) const = default;
};

/// One MX host, whichever domains use it. A family without addresses has no verdict.
struct MxVerdict {
  std::string host{};
  Boxed<MxFamilyVerdict> ipv4{};
  Boxed<MxFamilyVerdict> ipv6{};
  std::optional<bool> lookup_success{};       // false: SERVFAIL or timeout
  std::optional<bool> tlsa_lookup_success{};  // the same of its TLSA records; nullopt: not asked for
  std::optional<DaneVerdict> dane{};          // nullopt: never looked at
  bool known{};                               // false: nothing observed yet, or our own trouble spoiled the last probe
  std::string unknown_reason{};               // why it is not known, in words; "" while it is
  std::optional<bool> secure_delivery{};      // some address is reachable, speaks STARTTLS and verifies
  std::vector<Fault> faults{};                // the same for every domain that uses the host
  std::vector<Finding> findings{};
  UnixTime probed{};
  Milliseconds duration{};
};

enum class DomainState : std::uint8_t { pending, ok, failing, unknown };
std::string_view to_string(DomainState state);

/// Values of the label `query`, in exposition order.
enum class DnsQuery { mta_sts, tlsrpt, mx, policy_host, mx_host, tlsa };
constexpr std::size_t kDnsQueryCount = 6;
std::string_view to_string(DnsQuery query);

/// A policy that a sender which has fetched it applies now.
struct PolicyInForce {
  StsPolicy policy{};
  std::string id{};
  UnixTime until{};  // end of max_age since it was last seen live
  bool live{};       // seen live by the last probe, not merely cached
};

/// One of a domain's MX hosts.
struct MxMembership {
  std::string host{};
  std::uint16_t preference{};
  std::optional<bool> covered{};        // nullopt without a policy or in mode none
  std::optional<bool> deliverable{};    // nullopt until the host was observed
  std::optional<bool> dane_verified{};  // nullopt where DANE does not apply, or nobody saw a certificate
};

/// What is known of one domain. "Not seen" is nullopt, never 0.
struct DomainVerdict {
  std::string domain{};
  DomainState state{DomainState::pending};
  std::optional<bool> success{};           // nullopt while it hangs on an MX host never observed
  std::optional<StsMode> expected_mode{};  // by configuration
  bool null_mx{};
  DnsSecurity mx_security{DnsSecurity::unchecked};  // of the MX records; what was told last, while nobody does
  UnixTime probed{};                                // when the last probe that reached a verdict ended
  Milliseconds dns_duration{};
  Milliseconds policy_duration{};
  Milliseconds mx_duration{};
  Milliseconds total_duration{};
  std::array<std::optional<bool>, kDnsQueryCount> dns_success{};  // by DnsQuery
  std::optional<RecordStatus> record{};
  std::optional<RecordStatus> tlsrpt{};
  std::string record_id{};
  std::optional<int> http_status{};
  std::optional<bool> fetch_success{};
  std::optional<bool> policy_valid{};
  std::optional<bool> deliverable{};
  std::optional<StsPolicy> policy{};  // fetched last; nullopt when it is not valid
  std::optional<PolicyInForce> in_force{};
  OptionalTime policy_not_after{};
  OptionalTime policy_last_change{};
  OptionalTime enforced_until{};
  OptionalTime mx_set_last_change{};
  OptionalTime watched_since{};           // of the first verdict
  OptionalTime last_fault{};              // of the last verdict that had a fault
  std::optional<std::size_t> mx_hosts{};  // found in DNS, probed or not
  std::vector<MxMembership> mx{};
  std::optional<double> coverage{};
  std::vector<Fault> faults{};  // the domain's and its MX hosts'
  std::vector<Finding> findings{};
  std::string unknown_reason{};  // why the state is unknown, "" otherwise
};

}  // namespace mtasts
