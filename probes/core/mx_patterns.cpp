// SPDX-License-Identifier: Apache-2.0
#include "probes/core/mx_patterns.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "probes/core/domain_name.h"
#include "probes/core/public_suffix.h"

namespace mtasts {
namespace {

constexpr std::string_view kWildcard = "*.";
constexpr std::size_t kHostsWorthAWildcard = 3;
// As many findings about one policy as a person reads; a policy may have thousands of patterns.
constexpr std::size_t kMostMistakes = 20;

/// What a wildcard stands above: "example.com" of "*.example.com"; the whole of another pattern.
std::string_view base_of(std::string_view pattern) {
  return pattern.starts_with(kWildcard) ? pattern.substr(kWildcard.size()) : pattern;
}

bool is_below(std::string_view host, std::string_view domain) {
  return host.size() > domain.size() + 1 && host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.';
}

std::string_view parent_of(std::string_view host) {
  const std::size_t dot = host.find('.');
  return dot == std::string_view::npos ? std::string_view{} : host.substr(dot + 1);
}

/// The hosts of a domain, in lower case, and whether the policy permits each.
class Hosts {
 public:
  Hosts(const StsPolicy& policy, std::span<const std::string> names) {
    for (const std::string& name : names) {
      all_.push_back(to_lower(name));
      if (!policy_permits(policy, name)) uncovered_.push_back(all_.back());
    }
  }

  bool any_matches(std::string_view pattern) const {
    return std::ranges::any_of(all_, [&](const std::string& host) { return mx_pattern_matches(pattern, host); });
  }

  /// Else the lines that are missing are the matter, and a policy needs one.
  bool some_permitted() const { return uncovered_.size() < all_.size(); }

  /// The first host below `domain` that no pattern permits.
  std::optional<std::string_view> uncovered_below(std::string_view domain) const {
    const auto found =
        std::ranges::find_if(uncovered_, [&](const std::string& host) { return is_below(host, domain); });
    return found == uncovered_.end() ? std::nullopt : std::optional<std::string_view>{*found};
  }

 private:
  std::vector<std::string> all_{};
  std::vector<std::string> uncovered_{};
};

std::string quoted(std::string_view pattern) { return "mx: " + std::string{pattern}; }

/// The mistake of one pattern, without its host.
std::optional<Finding> mistake_of(std::string_view pattern, const Hosts& hosts) {
  const std::string_view base = base_of(pattern);
  const bool wildcard = base.size() != pattern.size();
  if (wildcard && is_public_suffix(std::string{base}))
    return Finding{"pattern-wide", "",
                   quoted(pattern) + " permits every name right below " + std::string{base} + ", a public suffix"};
  const auto missed = hosts.uncovered_below(base);
  if (missed && wildcard)
    return Finding{
        "pattern-label-count", "",
        quoted(pattern) + " does not match " + std::string{*missed} + ": the asterisk stands for exactly one label"};
  if (missed)
    return Finding{"pattern-without-wildcard", "",
                   quoted(pattern) + " does not match " + std::string{*missed} + ", which " + std::string{kWildcard} +
                       std::string{parent_of(*missed)} + " would"};
  if (hosts.some_permitted() && !hosts.any_matches(pattern))
    return Finding{"pattern-matches-no-mx", "", quoted(pattern) + " matches none of the domain's MX hosts"};
  return std::nullopt;
}

bool is_permitted_by_some_pattern(const std::string& host) {
  return mx_pattern_matches(host, host) || wildcard_over(host).has_value();
}

/// Patterns for hosts that have their parent in common: the wildcard where it is worth it, or where a host cannot be
/// named because patterns have no underscore.
std::vector<std::string> patterns_below(const std::set<std::string>& hosts) {
  const auto nameable = [](const std::string& host) { return mx_pattern_matches(host, host); };
  const bool worth_it = hosts.size() >= kHostsWorthAWildcard || !std::ranges::all_of(hosts, nameable);
  const auto wildcard = worth_it ? wildcard_over(*hosts.begin()) : std::nullopt;
  if (wildcard) return {*wildcard};
  std::vector<std::string> names;
  std::ranges::copy_if(hosts, std::back_inserter(names), nameable);
  return names;
}

}  // namespace

std::vector<Finding> find_pattern_mistakes(const StsPolicy& policy, std::span<const std::string> mx_hosts,
                                           const std::string& policy_host) {
  std::vector<Finding> found;
  if (mx_hosts.empty()) return found;
  const Hosts hosts{policy, mx_hosts};
  for (const std::string& pattern : policy.mx) {
    std::optional<Finding> mistake = mistake_of(pattern, hosts);
    if (!mistake) continue;
    if (found.size() == kMostMistakes) break;
    mistake->host = policy_host;
    found.push_back(std::move(*mistake));
  }
  return found;
}

std::vector<std::string> propose_patterns(std::span<const std::string> mx_hosts) {
  std::map<std::string, std::set<std::string>> by_parent;
  for (const std::string& name : mx_hosts) {
    const std::string host = normalize_host(name);
    const std::string parent{parent_of(host)};
    if (is_permitted_by_some_pattern(host)) by_parent[parent].insert(host);
  }
  std::vector<std::string> patterns;
  for (const auto& entry : by_parent) {
    std::ranges::move(patterns_below(entry.second), std::back_inserter(patterns));
  }
  std::ranges::sort(patterns);
  return patterns;
}

std::optional<std::string> wildcard_over(std::string_view host) {
  const std::string name = normalize_host(host);
  const std::string parent{parent_of(name)};
  std::string pattern = std::string{kWildcard} + parent;
  if (!parse_domain_name(name) || is_public_suffix(parent) || !mx_pattern_matches(pattern, name)) return std::nullopt;
  return pattern;
}

}  // namespace mtasts
