// SPDX-License-Identifier: Apache-2.0
#include "exporter/fault_history.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "exporter/report_tally.h"
#include "probes/core/domain_name.h"

namespace mtasts {
namespace {

// Reports name what hosts they like.
constexpr std::size_t kMostFaults = 100;

using Faults = std::map<std::pair<std::string, std::string>, PastFault>;

/// The place of a fault, made when it is new; nullptr when there are too many.
PastFault* place_of(Faults& faults, const std::string& result_type, const std::string& host) {
  const auto found = faults.find({result_type, host});
  if (found != faults.end()) return &found->second;
  if (faults.size() == kMostFaults) return nullptr;
  return &faults.emplace(std::pair{result_type, host}, PastFault{.result_type = result_type, .host = host})
              .first->second;
}

/// Whatever else a report says is "other".
std::string known_type(const std::string& word) {
  const auto known = reported_result_types();
  const bool is_known = std::find(known.begin(), known.end(), word) != known.end();
  return is_known ? word : std::string(kOther);
}

/// Reports name no host where the policy's own is at fault.
std::string host_of(const ReportFailure& failure, const std::string& type, const std::string& domain) {
  if (type.starts_with("sts-")) return "mta-sts." + domain;
  const auto host = parse_domain_name(failure.receiving_mx_hostname);
  return host ? *host : "";
}

void add_verdict(Faults& faults, const DomainVerdict& verdict, UnixTime now) {
  for (const Fault& fault : verdict.faults) {
    PastFault* place = place_of(faults, std::string(to_string(fault.type)), fault.host);
    if (place == nullptr) continue;
    place->reason = fault.reason;
    place->now = true;
    place->by_probe = now;
  }
}

void add_episode(Faults& faults, const FaultEpisode& episode, const DomainRecord& record, UnixTime since) {
  const UnixTime last_seen = last_seen_of(episode, record.last_fault);
  if (last_seen < since && !episode.open) return;
  PastFault* place = place_of(faults, std::string(to_string(episode.type)), episode.host);
  if (place == nullptr || place->by_probe >= last_seen) return;
  place->by_probe = last_seen;
  place->reason = episode.reason;
}

void add_report(Faults& faults, const FiledReport& report) {
  for (const ReportPolicy& policy : report.contents.policies) {
    for (const ReportFailure& failure : policy.failures) {
      const std::string type = known_type(failure.result_type);
      PastFault* place = place_of(faults, type, host_of(failure, type, report.domain));
      if (place == nullptr) continue;
      place->by_report = std::max(place->by_report.value_or(report.counted_end), report.counted_end);
      place->sessions = add_bounded(place->sessions, failure.failed_sessions);
    }
  }
}

std::optional<UnixTime> last_seen(const PastFault& fault) { return std::max(fault.by_probe, fault.by_report); }

std::vector<PastFault> in_order(Faults faults) {
  std::vector<PastFault> list;
  for (auto& [key, fault] : faults) list.push_back(std::move(fault));
  std::stable_sort(list.begin(), list.end(), [](const PastFault& a, const PastFault& b) {
    return std::tuple(a.now, last_seen(a)) > std::tuple(b.now, last_seen(b));
  });
  return list;
}

}  // namespace

FaultHistory fault_history(const DomainVerdict& verdict, const DomainRecord& record, UnixTime since, UnixTime now) {
  FaultHistory history{.since = since, .watched_since = record.watched_since};
  Faults faults;
  add_verdict(faults, verdict, now);
  for (const FaultEpisode& episode : record.episodes) add_episode(faults, episode, record, since);
  for (const FiledReport& report : record.reports) {
    if (!report.counts || report.counted_end < since) continue;
    ++history.reports;
    history.last_report = std::max(history.last_report.value_or(report.counted_end), report.counted_end);
    add_report(faults, report);
  }
  history.faults = in_order(std::move(faults));
  return history;
}

}  // namespace mtasts
