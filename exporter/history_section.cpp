// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "exporter/domain_sections.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

constexpr std::size_t kMostEvents = 100;
constexpr std::chrono::days kReportsShown{30};

struct Event {
  UnixTime at{};
  std::string what{};
  std::string detail{};
  std::optional<UnixTime> until{};
  bool open{};
};

std::string policy_text(const PolicyRow& row) {
  std::string text = "mode " + std::string(to_string(row.policy.mode)) + ", max_age " + span_text(row.policy.max_age);
  for (const std::string& pattern : row.policy.mx) text += ", mx " + pattern;
  return text;
}

Event event_of(const PolicyRow& row) {
  return {.at = row.first_seen,
          .what = "Policy with id " + escape_unprintable(row.id) + " first seen",
          .detail = policy_text(row),
          .until = row.last_seen};
}

Event event_of(const FaultEpisode& episode) {
  const std::string host = episode.host.empty() ? "" : " at " + escape_unprintable(episode.host);
  return {.at = episode.began,
          .what = "Fault " + std::string(to_string(episode.type)) + host + " first seen",
          .detail = escape_unprintable(episode.reason),
          .until = episode.last_seen,
          .open = episode.open};
}

std::string_view change_text(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::policy:
      return "Policy changed";
    case ChangeKind::policy_id:
      return "Record id changed";
    case ChangeKind::mx_set:
      return "MX hosts changed";
  }
  return "";
}

Event event_of(const DomainChange& change) {
  return {.at = change.at,
          .what = std::string(change_text(change.kind)),
          .detail = escape_unprintable(change.before) + " → " + escape_unprintable(change.after)};
}

/// Newest first.
std::vector<Event> events_of(const DomainHistory& history) {
  std::vector<Event> events;
  for (const PolicyRow& row : history.policies) events.push_back(event_of(row));
  for (const FaultEpisode& episode : history.episodes) events.push_back(event_of(episode));
  for (const DomainChange& change : history.changes) events.push_back(event_of(change));
  std::ranges::stable_sort(events, std::ranges::greater{}, &Event::at);
  if (events.size() > kMostEvents) events.resize(kMostEvents);
  return events;
}

View event_view(const Event& event, UnixTime now) {
  View view;
  view.text("what", event.what).text("detail", event.detail).flag("open", event.open);
  set_time(view, "at", event.at, now);
  set_time(view, "until", event.until, now);
  return view;
}

/// What probes and reports saw of one result type.
struct Sightings {
  std::optional<UnixTime> by_probe{};
  bool now{};
  std::optional<UnixTime> by_report{};
  std::uint64_t sessions{};
};
using SightingsByType = std::map<std::string, Sightings, std::less<>>;

void take_later(std::optional<UnixTime>& latest, UnixTime time) {
  if (!latest || time > *latest) latest = time;
}

void add_probes(SightingsByType& types, const DomainPageInput& input) {
  for (const FaultEpisode& episode : input.history.episodes)
    take_later(types[std::string(to_string(episode.type))].by_probe,
               last_seen_of(episode, input.history.memory ? input.history.memory->last_fault : std::nullopt));
  for (const Fault& fault : input.result.verdict.faults) {
    Sightings& seen = types[std::string(to_string(fault.type))];
    seen.now = true;
    take_later(seen.by_probe, input.result.verdict.probed);
  }
}

bool is_recent(const FiledReport& report, UnixTime now) { return report.counted_end > now - kReportsShown; }

void add_reports(SightingsByType& types, const DomainHistory& history, UnixTime now) {
  for (const FiledReport& report : history.reports) {
    if (!report.counts) continue;
    for (const FailedSessions& failed : report.contents.tally.failed) {
      Sightings& seen = types[failed.result_type];
      if (is_recent(report, now)) seen.sessions = add_bounded(seen.sessions, failed.sessions);
      take_later(seen.by_report, report.counted_end);
    }
  }
}

std::vector<View> sighting_views(const DomainPageInput& input, UnixTime now) {
  SightingsByType types;
  add_probes(types, input);
  add_reports(types, input.history, now);
  std::vector<View> views;
  for (const auto& [type, seen] : types) {
    View view;
    view.text("type", type).flag("now", seen.now);
    view.text("sessions", seen.sessions > 0 ? counted(seen.sessions, "session") : "");
    set_time(view, "by_probe", seen.by_probe, now);
    set_time(view, "by_report", seen.by_report, now);
    views.push_back(view);
  }
  return views;
}

std::string totals_text(const DomainHistory& history, UnixTime now) {
  std::uint64_t reports = 0;
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  for (const FiledReport& report : history.reports) {
    if (!report.counts || !is_recent(report, now)) continue;
    ++reports;
    for (const PolicySessions& sessions : report.contents.tally.sessions) {
      successful = add_bounded(successful, sessions.successful);
      failed = add_bounded(failed, sessions.failed);
    }
  }
  if (reports == 0) return "";
  return counted(reports, "report") + " of the last 30 days that count: " + counted(successful, "session") +
         " succeeded, " + grouped(failed) + " failed.";
}

}  // namespace

void set_history(View& page, const DomainPageInput& input, const PageContext& context) {
  std::vector<View> events;
  for (const Event& event : events_of(input.history)) events.push_back(event_view(event, context.now));
  page.flag("has_events", !events.empty());
  page.list("events", std::move(events));
  std::vector<View> sightings = sighting_views(input, context.now);
  page.flag("has_sightings", !sightings.empty());
  page.list("sightings", std::move(sightings));
  page.text("report_totals", totals_text(input.history, context.now));
  page.text("reports_href", context.prefix + "/reports?domain=" + url_encoded(input.name));
}

}  // namespace mtasts
