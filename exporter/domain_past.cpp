// SPDX-License-Identifier: Apache-2.0
#include "exporter/domain_past.h"

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "exporter/report_intake.h"
#include "exporter/report_store.h"
#include "exporter/state_reader.h"

namespace mtasts {
namespace {

ReportEvidence reports_of(const ReportTotals& totals, const std::string& domain, bool expected) {
  ReportEvidence evidence{.expected = expected};
  const auto found = totals.domains.find(domain);
  if (found == totals.domains.end()) return evidence;
  evidence.last_report = last_report(found->second);
  evidence.last_failure = last_failure(found->second);
  evidence.expected = expected || evidence.last_report.has_value();
  return evidence;
}

KnownBefore known_before(StateReader& state, const DomainRow& row) {
  KnownBefore known{.memory = row.memory, .verdict = row.verdict};
  for (const MxMembership& member : row.verdict.mx) {
    if (auto host = state.mx_host(member.host)) known.mx.push_back(std::move(host->verdict));
  }
  return known;
}

DomainPast past_of(StateReader& state, const ReportTotals& reports, const std::string& domain, bool expected) {
  DomainPast past{.remembered = true, .reports = reports_of(reports, domain, expected)};
  if (const auto row = state.domain(domain)) past.known = known_before(state, *row);
  for (const PolicyRow& row : state.policies(domain))
    past.served.push_back({row.id, row.policy, row.first_seen, row.last_seen});
  return past;
}

// Of one domain: a month and more of the largest senders' reports.
constexpr std::size_t kMostReports = 1000;

DomainRecord record_of(StateReader& state, ReportStore& reports, const std::string& domain) {
  DomainRecord record{.episodes = state.episodes(domain)};
  if (const auto row = state.domain(domain)) {
    record.watched_since = row->memory.watched_since;
    record.last_fault = row->memory.last_fault;
  }
  reports.for_each_counted(domain, kMostReports, [&](const FiledReport& report) { record.reports.push_back(report); });
  return record;
}

}  // namespace

std::vector<DomainRecord> read_records(const Config& config, const std::vector<std::string>& names) {
  StateReader state = StateReader::open(config.storage.path);
  ReportStore reports = ReportStore::open_existing(report_database_of(config.storage));
  std::vector<DomainRecord> records;
  for (const std::string& name : names) records.push_back(record_of(state, reports, name));
  return records;
}

std::vector<DomainPast> read_past(const Config& config, const std::vector<std::string>& names, std::ostream& err) {
  const bool expected = expects_reports(config.tlsrpt);
  std::vector<DomainPast> none(names.size(), DomainPast{.reports = {.expected = expected}});
  std::error_code ignored;
  if (!std::filesystem::exists(config.storage.path, ignored)) return none;
  try {
    StateReader state = StateReader::open(config.storage.path);
    const ReportStore reports = ReportStore::open_existing(report_database_of(config.storage));
    std::vector<DomainPast> all;
    for (const std::string& name : names) all.push_back(past_of(state, reports.totals(), name, expected));
    return all;
  } catch (const StoreError& error) {
    err << "mtasts_exporter: the past of the domain is not known: " << error.what() << '\n';
    return none;
  }
}

}  // namespace mtasts
