// SPDX-License-Identifier: Apache-2.0
#include "probes/core/report_target.h"

#include <algorithm>
#include <charconv>

#include "probes/core/domain_name.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

constexpr std::string_view kHttpsPort = "443";

/// What stands for percent-encoded octets (RFC 3986 section 2.1). Input: as parse_tlsrpt_records has checked it; a sign
/// without two digits behind it stays.
std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool encoded =
        text[at] == '%' && at + 2 < text.size() && is_hex_digit(text[at + 1]) && is_hex_digit(text[at + 2]);
    unsigned char octet = static_cast<unsigned char>(text[at]);
    if (encoded) std::from_chars(&text[at + 1], &text[at + 1] + 2, octet, 16);
    if (encoded) at += 2;
    decoded += static_cast<char>(octet);
  }
  return decoded;
}

std::optional<ReportTarget> target_at(ReportTargetKind kind, std::string_view host) {
  auto name = parse_domain_name(percent_decoded(host));
  if (!name) return std::nullopt;
  return ReportTarget{.kind = kind, .host = std::move(*name)};
}

/// mailto:LOCAL@DOMAIN?HEADERS, of several mailboxes the last.
std::optional<ReportTarget> mailbox_target(std::string_view rest) {
  const std::string_view path = rest.substr(0, rest.find_first_of("?#"));
  const std::size_t at = path.rfind('@');
  if (at == path.npos) return std::nullopt;
  return target_at(ReportTargetKind::mailbox, path.substr(at + 1));
}

/// https://USER@HOST:PORT/PATH
std::optional<ReportTarget> https_target(std::string_view rest) {
  if (!rest.starts_with("//")) return std::nullopt;
  std::string_view authority = rest.substr(2, rest.find_first_of("/?#", 2) - 2);
  if (const std::size_t user = authority.rfind('@'); user != authority.npos) authority.remove_prefix(user + 1);
  const std::size_t colon = authority.find(':');
  const std::string_view port = colon == authority.npos ? "" : authority.substr(colon + 1);
  if (!port.empty() && port != kHttpsPort) return std::nullopt;
  return target_at(ReportTargetKind::https, authority.substr(0, colon));
}

}  // namespace

std::optional<ReportTarget> parse_report_target(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  if (colon == uri.npos) return std::nullopt;
  const std::string scheme = to_lower(uri.substr(0, colon));
  const std::string_view rest = uri.substr(colon + 1);
  if (scheme == "mailto") return mailbox_target(rest);
  return scheme == "https" ? https_target(rest) : std::nullopt;
}

std::vector<ReportTarget> report_targets_of(std::span<const std::string> rua) {
  std::vector<ReportTarget> targets;
  for (const std::string& uri : rua) {
    if (targets.size() == kMostReportTargets) break;
    auto target = parse_report_target(uri);
    if (target && std::find(targets.begin(), targets.end(), *target) == targets.end()) targets.push_back(*target);
  }
  return targets;
}

}  // namespace mtasts
