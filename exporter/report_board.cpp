// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_board.h"

#include <algorithm>
#include <utility>

namespace mtasts {
namespace {

std::shared_ptr<const ReportEntry> entry_of(const std::string& domain, const ReportTotals& all) {
  const auto found = all.domains.find(domain);
  const DomainReportTotals none;
  const DomainReportTotals& totals = found == all.domains.end() ? none : found->second;
  auto entry = std::make_shared<ReportEntry>();
  entry->domain = domain;
  entry->totals = totals;
  entry->last_failure = last_failure(totals);
  entry->last_report = last_report(totals);
  for (const auto& [key, end] : totals.failures) {
    const auto& [result_type, reporter, mx] = key;
    entry->failures.push_back({result_type, reporter, mx, end + kReportedFailureShown});
  }
  return entry;
}

}  // namespace

const ReportEntry* ReportView::find(std::string_view domain) const {
  const auto name = [](const auto& entry) -> std::string_view { return entry->domain; };
  const auto found = std::ranges::lower_bound(domains, domain, {}, name);
  return found != domains.end() && (*found)->domain == domain ? found->get() : nullptr;
}

void ReportBoard::configure(const std::vector<std::string>& domains, bool expects_reports, const ReportTotals& totals) {
  const std::lock_guard lock{mutex_};
  expects_reports_ = expects_reports;
  entries_.clear();
  for (const std::string& domain : domains) entries_.emplace(domain, nullptr);
  note_outcomes(totals);
  if (active_) render_all(totals);
}

void ReportBoard::show_all(const ReportTotals& totals) {
  const std::lock_guard lock{mutex_};
  note_outcomes(totals);
  if (active_) render_all(totals);
}

void ReportBoard::show(const std::set<std::string>& domains, const ReportTotals& totals) {
  const std::lock_guard lock{mutex_};
  const bool was_active = note_outcomes(totals);
  if (active_ && !was_active) return render_all(totals);
  if (!active_) return;
  for (const std::string& domain : domains) {
    const auto entry = entries_.find(domain);
    if (entry != entries_.end()) entry->second = entry_of(domain, totals);
  }
}

ReportView ReportBoard::view() const {
  const std::lock_guard lock{mutex_};
  ReportView view{.active = active_, .expected = expects_reports_, .outcomes = outcomes_};
  if (!active_) return view;
  view.domains.reserve(entries_.size());
  for (const auto& [domain, entry] : entries_) view.domains.push_back(entry);
  return view;
}

/// Returns whether series were shown before.
bool ReportBoard::note_outcomes(const ReportTotals& totals) {
  outcomes_ = totals.outcomes;
  const bool any = std::ranges::any_of(outcomes_, [](std::uint64_t reports) { return reports > 0; });
  return std::exchange(active_, totals.are_known() && (expects_reports_ || any));
}

void ReportBoard::render_all(const ReportTotals& totals) {
  for (auto& [domain, entry] : entries_) entry = entry_of(domain, totals);
}

}  // namespace mtasts
