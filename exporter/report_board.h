// What the reports say of every configured domain right now: where the intake and the HTTP threads meet.
// Next: report_intake.h, which keeps it true; exposition.h, which shows it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/report_totals.h"

namespace mtasts {

/// A failure that senders reported, with what is shown of it until `until`.
struct ShownFailure {
  std::string result_type{};
  std::string reporter{};
  std::string mx{};
  UnixTime until{};
};

/// One configured domain; never changed once published.
struct ReportEntry {
  std::string domain{};
  DomainReportTotals totals{};
  std::vector<ShownFailure> failures{};
  std::optional<UnixTime> last_failure{};
  std::optional<UnixTime> last_report{};
};

/// All entries at one moment, sorted by domain. Not `active`: no reports are expected, or the totals are not known yet;
/// then none has series.
struct ReportView {
  bool active{};
  bool expected{};            // there is a way in
  bool outcomes_shown{true};  // false where another exporter shows those of the same database
  OutcomeCounts outcomes{};
  std::vector<std::shared_ptr<const ReportEntry>> domains{};

  /// The entry of that domain, nullptr when there is none.
  [[nodiscard]] const ReportEntry* find(std::string_view domain) const;
};

/// Every function may be called from any thread.
class ReportBoard {
 public:
  /// Makes these the domains that have series, and says whether reports are expected. Where they are not, series begin
  /// with the first report that was ever filed. None begins before the totals are known: a counter that starts at 0 and
  /// jumps to what it was would look like an increase.
  void configure(const std::vector<std::string>& domains, bool expects_reports, const ReportTotals& totals);
  /// Shows the totals of all domains anew.
  void show_all(const ReportTotals& totals);
  /// Shows those of some domains anew, and the outcomes.
  void show(const std::set<std::string>& domains, const ReportTotals& totals);

  ReportView view() const;

 private:
  bool note_outcomes(const ReportTotals& totals);
  void render_all(const ReportTotals& totals);

  mutable std::mutex mutex_{};
  bool expects_reports_{};
  bool active_{};
  OutcomeCounts outcomes_{};
  std::map<std::string, std::shared_ptr<const ReportEntry>, std::less<>> entries_{};  // nullptr while not active
};

}  // namespace mtasts
