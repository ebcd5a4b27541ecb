// What a check found of one domain, how bad that is, and the exit status that says so.
// Next: check_report.h, which explains it; check_command.cpp, which runs it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "exporter/fault_history.h"
#include "probes/core/catalogue.h"
#include "probes/core/observations.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// One domain, probed and judged. `hosts` and `host_observations` are those of the domain's MX hosts, in any order.
struct CheckResult {
  DomainVerdict verdict{};
  std::vector<MxVerdict> hosts{};
  DomainObservation seen{};
  std::vector<MxHostObservation> host_observations{};
  double seconds{};
  std::optional<FaultHistory> history{};  // where it was asked for
};

/// Looks a code up in the catalogue.
using FindCode = std::function<const CatalogueEntry*(CodeKind, std::string_view)>;

/// Nagios plugin states.
enum class CheckStatus { ok = 0, warning = 1, critical = 2, unknown = 3 };
/// "OK", "WARNING", "CRITICAL", "UNKNOWN".
std::string_view to_string(CheckStatus status);

/// The mode that a sender applies now; nullopt where no policy is in force.
std::optional<StsMode> mode_in_force(const DomainVerdict& verdict);

/// Is there anything of MTA-STS at this domain, or should there be?
bool has_mta_sts(const DomainVerdict& verdict);

/// Does DANE fail at an MX host, so that senders with DANE pass it over, whatever the policy says?
bool fails_dane(const DomainVerdict& verdict);

/// Is there no MX host that a sender would deliver to, under an enforced policy or by DANE?
bool refuses_mail(const DomainVerdict& verdict);

/// No MX host takes mail from here, and TLS has nothing to do with it: none answers, or none wants to talk to us.
bool takes_no_mail(const DomainVerdict& verdict);

bool has_fault(const DomainVerdict& verdict, ResultType type);

/// DNS says that there is no such domain.
bool is_nonexistent(const CheckResult& result);

/// critical for every fault while an enforce policy is in force and no MX is deliverable; warning where no sender asks
/// for TLS; else the catalogue's severity for the fault's type, high at most.
Severity severity_of(const Fault& fault, const DomainVerdict& verdict, const FindCode& find);
Severity severity_of(const Finding& finding, const FindCode& find);
/// Worse than the catalogue's where it says why no MX host takes mail.
Severity severity_of(const Finding& finding, const DomainVerdict& verdict, const FindCode& find);

/// What the catalogue knows best of a fault: the reason, the rule broken, or at least the result type; nullptr when it
/// knows nothing.
const CatalogueEntry* entry_of(const Fault& fault, const FindCode& find);

/// critical: an enforce policy is in force and no MX is deliverable, or record, policy or policy certificate of a
/// domain that has MTA-STS is broken; a record that is only missing, where it is expected or a policy is still in
/// force. unknown: our side failed, or DNS could not say. warning: another fault, or a
/// finding above `info`. An `info` finding alone is ok.
CheckStatus check_status(const CheckResult& result, const FindCode& find = find_code);

/// The worst of all, in Nagios' order: critical over unknown over warning over ok; unknown for no result at all.
int check_exit_status(std::span<const CheckResult> results, const FindCode& find = find_code);

}  // namespace mtasts
