// SPDX-License-Identifier: Apache-2.0
#include "exporter/fault_history_report.h"

#include <boost/json.hpp>

#include "exporter/paragraph.h"
#include "probes/core/date_text.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

namespace json = boost::json;

std::string ago(UnixTime time, UnixTime now) {
  return time_text(time) + ", " + duration_words(now - std::min(time, now)) + " ago";
}

std::string watched_text(const FaultHistory& history) {
  if (!history.watched_since) return "The daemon has not watched the domain: nothing is known of earlier probes.";
  return "Watched by the daemon since " + time_text(*history.watched_since) + ".";
}

std::string reports_text(const FaultHistory& history) {
  if (!history.last_report) return " No report of a sender counts in that time.";
  return " " + std::to_string(history.reports) + (history.reports == 1 ? " report counts" : " reports count") +
         ", the last up to " + time_text(*history.last_report) + ".";
}

std::string fault_text(const PastFault& fault, UnixTime now) {
  const std::string place = fault.host.empty() ? "" : " at " + escape_unprintable(fault.host);
  std::string text =
      render_paragraph("  -  ", fault.result_type + place + (fault.now ? ": still there" : ": not seen now"));
  if (fault.by_probe && !fault.now)
    text += render_paragraph("     Last probe:  ", ago(*fault.by_probe, now) + " (" + fault.reason + ")");
  if (fault.by_report)
    text += render_paragraph("     Last report: ", "up to " + ago(*fault.by_report, now) + "; " +
                                                       std::to_string(fault.sessions) + " failed sessions in all");
  return text;
}

json::value time_or_null(const std::optional<UnixTime>& time) {
  return time ? json::value(time->time_since_epoch().count()) : json::value{};
}

json::object fault_json(const PastFault& fault) {
  return {{"result_type", fault.result_type},
          {"host", fault.host},
          {"reason", fault.reason},
          {"now", fault.now},
          {"last_probe", time_or_null(fault.by_probe)},
          {"last_report", time_or_null(fault.by_report)},
          {"failed_sessions", fault.sessions}};
}

}  // namespace

std::string render_fault_history_text(const FaultHistory& history, UnixTime now) {
  std::string text = "\n  In the last " + duration_words(now - history.since) + "\n";
  text += render_paragraph("  ", watched_text(history) + reports_text(history));
  if (history.faults.empty()) text += "  No fault was seen.\n";
  for (const PastFault& fault : history.faults) text += fault_text(fault, now);
  return text;
}

json::object render_fault_history_json(const FaultHistory& history) {
  json::array faults;
  for (const PastFault& fault : history.faults) faults.push_back(fault_json(fault));
  return {{"since", history.since.time_since_epoch().count()},
          {"watched_since", time_or_null(history.watched_since)},
          {"reports", history.reports},
          {"last_report", time_or_null(history.last_report)},
          {"faults", std::move(faults)}};
}

}  // namespace mtasts
