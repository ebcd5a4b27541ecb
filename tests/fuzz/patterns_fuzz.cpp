// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>

#include "probes/core/domain_name.h"
#include "probes/core/host_labels.h"
#include "probes/core/mx_patterns.h"
#include "probes/core/public_suffix.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

namespace {

constexpr std::size_t kMostNames = 40;
constexpr std::size_t kMostMessage = 2000;
constexpr const char* kPolicyHost = "mta-sts.example.org";

bool is_pattern(const std::string& text) {
  return mx_pattern_matches(text, text.starts_with("*.") ? "a" + text.substr(1) : text);
}

/// As a policy holds them: of the grammar, in lower case.
std::vector<std::string> patterns_of(std::string_view lines) {
  std::vector<std::string> patterns;
  for (const std::string& line : fuzz::records_of(lines))
    if (is_pattern(line) && patterns.size() < kMostNames) patterns.push_back(to_lower(line));
  return patterns;
}

/// As DNS brings them: printable, no longer than a name can be.
std::vector<std::string> hosts_of(std::string_view lines) {
  std::vector<std::string> hosts;
  for (const std::string& line : fuzz::records_of(lines)) {
    const bool is_name = line.size() <= kMaxNameOctets && all_of(line, [](char c) { return c > ' ' && c < 0x7f; });
    if (is_name && hosts.size() < kMostNames) hosts.push_back(line);
  }
  return hosts;
}

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

/// The rule in other words: as many labels, and the same ones, but for the first below an asterisk.
bool matches_in_other_words(const std::string& pattern, const std::string& host) {
  const std::string name = normalize_host(host);
  if (!pattern.starts_with("*.")) return name == pattern;
  const bool as_many = std::count(name.begin(), name.end(), '.') == std::count(pattern.begin(), pattern.end(), '.');
  return as_many && !name.starts_with('.') && name.ends_with(pattern.substr(1));
}

void expect_match(const std::string& pattern, const std::string& host) {
  const bool matches = mx_pattern_matches(pattern, host);
  expect(mx_pattern_matches(upper(pattern), upper(host)) == matches);
  if (!host.ends_with('.')) expect(mx_pattern_matches(pattern, host + ".") == matches);
  if (are_host_labels(normalize_host(host), Underscore::allowed))
    expect(matches_in_other_words(pattern, host) == matches);
  else
    expect(!matches);
}

void expect_mistakes(const StsPolicy& policy, const std::vector<std::string>& hosts) {
  const std::vector<Finding> mistakes = find_pattern_mistakes(policy, hosts, kPolicyHost);
  expect(mistakes.size() <= policy.mx.size());
  for (const Finding& mistake : mistakes) {
    expect(find_code(CodeKind::finding, mistake.code) != nullptr && mistake.host == kPolicyHost);
    fuzz::expect_one_line(mistake.message, kMostMessage);
  }
}

/// A host that any pattern of ours could permit is permitted by those that are proposed.
void expect_proposal(const std::vector<std::string>& hosts) {
  const StsPolicy proposed{.mode = StsMode::enforce, .mx = propose_patterns(hosts)};
  expect(std::is_sorted(proposed.mx.begin(), proposed.mx.end()));
  expect(std::adjacent_find(proposed.mx.begin(), proposed.mx.end()) == proposed.mx.end());
  for (const std::string& pattern : proposed.mx) {
    expect(is_pattern(pattern) && to_lower(pattern) == pattern);
    expect(!pattern.starts_with("*.") || !is_public_suffix(pattern.substr(2)));
  }
  for (const std::string& host : hosts) {
    const bool possible = mx_pattern_matches(normalize_host(host), host) || wildcard_over(host);
    expect(policy_permits(proposed, host) || !possible);
  }
}

}  // namespace

/// The input is patterns, one a line, an empty line, and hosts.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(text.find("\n\n"), text.size());
  const std::vector<std::string> hosts = hosts_of(text.substr(std::min(end + 2, text.size())));
  const StsPolicy policy{.mode = StsMode::enforce, .mx = patterns_of(text.substr(0, end))};
  for (const std::string& pattern : policy.mx)
    for (const std::string& host : hosts) expect_match(pattern, host);
  expect_mistakes(policy, hosts);
  expect_proposal(hosts);
  return 0;
}
