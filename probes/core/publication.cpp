// SPDX-License-Identifier: Apache-2.0
#include "probes/core/publication.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "probes/core/domain_name.h"
#include "probes/core/mx_patterns.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

constexpr std::size_t kMaxFileOctets = 64 * 1024;  // what senders read at least: RFC 8461 section 3.3

bool permits_all(const StsPolicy& policy, const std::vector<std::string>& hosts) {
  return std::ranges::all_of(hosts, [&](const std::string& host) { return policy_permits(policy, host); });
}

/// Present patterns that fit, else new ones.
std::vector<std::string> choose_patterns(const ProposalNeeds& needs) {
  const bool fits = needs.present && !needs.present->mx.empty() && permits_all(*needs.present, needs.mx_hosts) &&
                    find_pattern_mistakes(*needs.present, needs.mx_hosts, "").empty();
  return fits ? needs.present->mx : propose_patterns(needs.mx_hosts);
}

/// Why the policy must not be proposed, "" when it may.
std::string fault_of(const StsPolicy& policy, const std::string& file, const std::vector<std::string>& hosts) {
  for (const std::string& host : hosts) {
    if (!parse_domain_name(host)) return "the MX record names " + in_quotes(host) + ", which is no host name";
    if (!policy_permits(policy, host)) return "no pattern could be found that permits " + in_quotes(host);
  }
  if (file.size() > kMaxFileOctets) return "a file for so many MX hosts is larger than senders read";
  const PolicyLint lint = parse_sts_policy(file);
  return lint.policy == policy ? "" : "the names of the MX hosts do not fit into a valid policy file";
}

std::vector<std::string> dropped_patterns(const ProposalNeeds& needs, const StsPolicy& policy) {
  std::vector<std::string> dropped;
  if (!needs.present || policy.mode == StsMode::none) return dropped;
  for (const std::string& pattern : needs.present->mx)
    if (std::ranges::find(policy.mx, pattern) == policy.mx.end()) dropped.push_back(pattern);
  return dropped;
}

Publication publication_of(const ProposalNeeds& needs, const StsPolicy& policy, UnixTime now) {
  Publication made{.policy = policy, .file = render_policy_file(policy), .id = new_policy_id(now, needs.taken_ids)};
  made.txt = "v=STSv1; id=" + made.id + ";";
  made.record =
      "_mta-sts." + needs.domain + ". " + std::to_string(kProposedTtl.count()) + " IN TXT \"" + made.txt + "\"";
  made.dropped = dropped_patterns(needs, policy);
  return made;
}

}  // namespace

Proposal propose_publication(const ProposalNeeds& needs, StsMode mode, std::chrono::seconds max_age, UnixTime now) {
  StsPolicy policy{.mode = mode, .max_age = max_age};
  if (mode == StsMode::none) return {.publication = publication_of(needs, policy, now)};
  policy.mx = needs.mx_hosts.empty() ? std::vector<std::string>{} : choose_patterns(needs);
  std::string fault = needs.mx_hosts.empty()
                          ? std::string("no MX host of the domain is known that a policy could permit")
                          : fault_of(policy, render_policy_file(policy), needs.mx_hosts);
  if (!fault.empty() && needs.emergency && mode == StsMode::testing && needs.present && !needs.present->mx.empty()) {
    policy.mx = needs.present->mx;  // the way back must not fail, and in mode testing no pattern does harm
    fault.clear();
  }
  if (!fault.empty()) return {.refusal = fault};
  return {.publication = publication_of(needs, policy, now)};
}

std::string render_policy_file(const StsPolicy& policy) {
  std::string file = "version: STSv1\r\nmode: " + std::string(to_string(policy.mode)) + "\r\n";
  for (const std::string& pattern : policy.mx) file += "mx: " + pattern + "\r\n";
  return file + "max_age: " + std::to_string(policy.max_age.count()) + "\r\n";
}

std::string new_policy_id(UnixTime now, std::span<const std::string> taken) {
  const std::set<std::string> known(taken.begin(), taken.end());
  for (UnixTime time = now;; time += std::chrono::seconds{1}) {  // ends: each turn uses one of the known up
    const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(time)};
    const std::chrono::hh_mm_ss clock{time - std::chrono::floor<std::chrono::days>(time)};
    std::array<char, 64> id{};
    std::snprintf(id.data(), id.size(), "%04d%02u%02u%02d%02d%02d", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    if (!known.contains(id.data())) return id.data();
  }
}

}  // namespace mtasts
