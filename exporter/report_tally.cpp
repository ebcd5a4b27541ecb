// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_tally.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "probes/core/domain_name.h"
#include "probes/net/sha256.h"

namespace mtasts {
namespace {

// named of one result type; more than any domain has MX hosts probed
constexpr std::size_t kMostFailureHosts = 64;
constexpr std::size_t kMostPolicies = 20;
constexpr std::size_t kMostFailures = 100;
constexpr std::size_t kMostExcerptBytes = std::size_t{32} * 1024;  // of all texts of a unit
// Of one policy type or result type of one unit. Far above what any domain receives in a day, and so low that no report
// takes a sum to where it, or Prometheus' floating point, sees no increase any more.
constexpr std::uint64_t kMostSessions = 10'000'000'000;

/// A domain that reporters sign with, and whose reports go under which name.
struct Reporter {
  std::string_view domain{};
  std::string_view name{};
};

/// The closed list. Subdomains belong to their parent.
constexpr auto kReporters = std::to_array<Reporter>({
    {"google.com", "google.com"},
    {"googlemail.com", "google.com"},
    {"gmail.com", "google.com"},
    {"microsoft.com", "microsoft.com"},
    {"outlook.com", "microsoft.com"},
    {"hotmail.com", "microsoft.com"},
    {"office365.com", "microsoft.com"},
    {"yahoo.com", "yahoo.com"},
    {"yahooinc.com", "yahoo.com"},
    {"aol.com", "yahoo.com"},
    {"comcast.net", "comcast.net"},
    {"comcast.com", "comcast.net"},
    {"mail.ru", "mail.ru"},
    {"gmx.net", "gmx.net"},
    {"gmx.com", "gmx.net"},
    {"web.de", "gmx.net"},
    {"1und1.de", "gmx.net"},
    {"mail.com", "gmx.net"},
    {"icloud.com", "icloud.com"},
    {"apple.com", "icloud.com"},
    {"fastmail.com", "fastmail.com"},
    {"protonmail.ch", "proton.me"},
    {"proton.me", "proton.me"},
    {"mimecast.com", "mimecast.com"},
    {"mimecast.org", "mimecast.com"},
    {"socketlabs.com", "socketlabs.com"},
});

bool is_within(std::string_view name, std::string_view domain) {
  if (!name.ends_with(domain)) return false;
  return name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.';
}

template <class Words>
std::string word_among(const Words& words, std::string_view written) {
  const std::string lower = to_lower(written);
  return std::string{std::ranges::find(words, lower) == words.end() ? kOther : std::string_view{lower}};
}

/// A host name to show, "" for anything else: it comes from the report's author.
std::string host_of(const ReportFailure& failure) {
  const auto host = parse_domain_name(failure.receiving_mx_hostname);
  return host ? *host : std::string{};
}

/// A summary that says "none failed" outweighs a detail that counts none.
bool happened(const ReportFailure& failure, const ReportPolicy& policy) {
  return failure.failed_sessions > 0 || policy.failed > 0;
}

void append_field(std::string& out, std::string_view text) {
  out.append(std::to_string(text.size())).append(":").append(text);
}

void append_field(std::string& out, std::uint64_t number) {
  append_field(out, std::string_view{std::to_string(number)});
}

void append_field(std::string& out, const std::vector<std::string>& texts) {
  append_field(out, texts.size());
  for (const std::string& text : texts) append_field(out, std::string_view{text});
}

void append_field(std::string& out, const ReportFailure& failure) {
  for (const std::string* text :
       {&failure.result_type, &failure.sending_mta_ip, &failure.receiving_mx_hostname, &failure.receiving_mx_helo,
        &failure.receiving_ip, &failure.additional_information, &failure.failure_reason_code})
    append_field(out, std::string_view{*text});
  append_field(out, failure.failed_sessions);
}

/// Copies of texts, as far as there is room for them.
class Excerpt {
 public:
  ReportPolicy of(const ReportPolicy& policy) {
    ReportPolicy kept{.type = text(policy.type),
                      .domain = policy.domain,
                      .policy_strings = texts(policy.policy_strings),
                      .mx_hosts = texts(policy.mx_hosts),
                      .successful = policy.successful,
                      .failed = policy.failed};
    for (const ReportFailure& failure : policy.failures) {
      if (failures_left_ == 0 || octets_left_ == 0) break;
      --failures_left_;
      kept.failures.push_back(of(failure));
    }
    return kept;
  }

 private:
  ReportFailure of(const ReportFailure& failure) {
    return {.result_type = text(failure.result_type),
            .sending_mta_ip = text(failure.sending_mta_ip),
            .receiving_mx_hostname = text(failure.receiving_mx_hostname),
            .receiving_mx_helo = text(failure.receiving_mx_helo),
            .receiving_ip = text(failure.receiving_ip),
            .failed_sessions = failure.failed_sessions,
            .additional_information = text(failure.additional_information),
            .failure_reason_code = text(failure.failure_reason_code)};
  }

  std::string text(const std::string& whole) {
    std::string kept = shortened(whole, std::min(octets_left_, kMostTextBytes));
    octets_left_ -= kept.size();
    return kept;
  }

  std::vector<std::string> texts(const std::vector<std::string>& whole) {
    std::vector<std::string> kept;
    for (std::size_t i = 0; i < std::min(whole.size(), kMostPolicies) && octets_left_ > 0; ++i)
      kept.push_back(text(whole[i]));
    return kept;
  }

  std::size_t failures_left_{kMostFailures};
  std::size_t octets_left_{kMostExcerptBytes};
};

std::vector<ReportedFailure> failures_of(const ReportUnit& unit) {
  std::set<ReportedFailure> found;
  std::map<std::string, std::size_t> hosts;
  for (const ReportPolicy& policy : unit.policies) {
    for (const ReportFailure& failure : policy.failures) {
      if (!happened(failure, policy)) continue;
      const std::string type = word_among(reported_result_types(), failure.result_type);
      ReportedFailure named{type, host_of(failure)};
      if (found.contains(named)) continue;
      if (!named.mx.empty() && ++hosts[type] > kMostFailureHosts) named.mx.clear();
      found.insert(std::move(named));
    }
  }
  return {found.begin(), found.end()};
}

}  // namespace

std::array<std::string_view, kReportedResultTypeCount> reported_result_types() {
  std::array<std::string_view, kReportedResultTypeCount> types{};
  for (std::size_t i = 0; i < kResultTypeCount; ++i) types[i] = to_string(static_cast<ResultType>(i));
  types.back() = kOther;
  return types;
}

std::string_view reporter_of(std::string_view dkim_domain) {
  const auto known = std::ranges::find_if(
      kReporters, [&](const Reporter& reporter) { return is_within(dkim_domain, reporter.domain); });
  return known == kReporters.end() ? kOther : known->name;
}

std::vector<std::string_view> known_reporters() {
  std::set<std::string_view> names;
  for (const Reporter& reporter : kReporters) names.insert(reporter.name);
  return {names.begin(), names.end()};
}

std::vector<ReportUnit> units_of(std::vector<ReportPolicy> policies) {
  std::vector<ReportUnit> units;
  std::map<std::string, std::size_t> places;
  for (ReportPolicy& policy : policies) {
    const auto [place, is_new] = places.try_emplace(policy.domain, units.size());
    if (is_new) units.push_back({.domain = policy.domain});
    units[place->second].policies.push_back(std::move(policy));
  }
  return units;
}

ReportTally tally_of(const ReportUnit& unit) {
  std::map<std::string, PolicySessions> sessions;
  std::map<std::string, FailedSessions> failed;
  for (const ReportPolicy& policy : unit.policies) {
    const std::string policy_type = word_among(kReportedPolicyTypes, policy.type);
    PolicySessions& all = sessions.try_emplace(policy_type, PolicySessions{policy_type}).first->second;
    all.successful = std::min(add_bounded(all.successful, policy.successful), kMostSessions);
    all.failed = std::min(add_bounded(all.failed, policy.failed), kMostSessions);
    for (const ReportFailure& failure : policy.failures) {
      if (failure.failed_sessions == 0) continue;
      const std::string type = word_among(reported_result_types(), failure.result_type);
      FailedSessions& of_type = failed.try_emplace(type, FailedSessions{type}).first->second;
      of_type.sessions = std::min(add_bounded(of_type.sessions, failure.failed_sessions), kMostSessions);
    }
  }
  ReportTally tally{.failures = failures_of(unit)};
  for (auto& [type, counts] : sessions) tally.sessions.push_back(std::move(counts));
  for (auto& [type, counts] : failed) tally.failed.push_back(std::move(counts));
  return tally;
}

std::string digest_of(const ReportUnit& unit) {
  std::string fields;
  for (const ReportPolicy& policy : unit.policies) {
    append_field(fields, std::string_view{policy.type});
    append_field(fields, policy.policy_strings);
    append_field(fields, policy.mx_hosts);
    append_field(fields, policy.successful);
    append_field(fields, policy.failed);
    append_field(fields, policy.failures.size());
    for (const ReportFailure& failure : policy.failures) append_field(fields, failure);
  }
  return sha256_hex(fields);
}

std::vector<ReportPolicy> excerpt_of(const ReportUnit& unit) {
  Excerpt excerpt;
  std::vector<ReportPolicy> policies;
  for (std::size_t i = 0; i < std::min(unit.policies.size(), kMostPolicies); ++i)
    policies.push_back(excerpt.of(unit.policies[i]));
  return policies;
}

std::string shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string{text};
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string{text.substr(0, end)};
}

std::uint64_t add_bounded(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  const std::uint64_t bounded = std::min(a, kMost);
  return bounded + std::min(b, kMost - bounded);
}

}  // namespace mtasts
