// Where a TLS-RPT record sends reports, as far as it can be looked at: mail domains and HTTPS hosts.
// Next: tlsrpt_record.h, which finds the URIs; classify_report_target.h, which judges what answers there.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace mtasts {

/// Whoever writes the record chooses what is looked at, so only its first few targets are.
constexpr std::size_t kMostReportTargets = 4;

enum class ReportTargetKind { mailbox, https };

/// One mailbox's domain or one HTTPS host. All mailboxes of a domain are the same target.
struct ReportTarget {
  ReportTargetKind kind{ReportTargetKind::mailbox};
  std::string host{};  // as parse_domain_name has it

  bool operator==(const ReportTarget&) const = default;
  bool operator<(const ReportTarget& other) const { return std::tie(kind, host) < std::tie(other.kind, other.host); }
};

/// Reads one URI of a `rua`. Errors: nullopt where there is nothing to look at: another scheme, an address literal, a
/// host that is no domain name, an HTTPS port other than 443. Source: RFC 8460 section 3, RFC 6068 section 2, RFC 3986
/// section 3.2.
std::optional<ReportTarget> parse_report_target(std::string_view uri);

/// The targets that are looked at: each once, in the order of the record, kMostReportTargets at most.
std::vector<ReportTarget> report_targets_of(std::span<const std::string> rua);

}  // namespace mtasts
