// The reports on disk: which were filed, and the totals that the metrics show. One transaction holds both, so that what
// is filed is counted once, by however many exporters. Next: report_intake.h, which files; report_store_database.h for
// the disk; docs/reports.md for the rules that an operator sees.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/report_arrival.h"
#include "exporter/report_tally.h"
#include "exporter/report_totals.h"
#include "exporter/store.h"

namespace mtasts {

/// One policy domain of one report, judged by the intake: what the store files. Texts of the report are bounded.
struct FiledReport {
  std::string domain{};
  std::string submitter{};  // the DKIM domain that vouches; where nobody is named "@token/" or "@", the channel and
                            // "/", and the organization, which is all that tells such senders apart
  bool authenticated{};
  bool counts{};  // authenticated, or accepted without
  std::string report_id{};
  std::string organization{};
  std::string contact{};
  UnixTime start{};        // as written, like `end`: they identify the report
  UnixTime end{};          //
  UnixTime counted_end{};  // `end`, or the time of arrival when that is earlier
  UnixTime received{};
  std::string digest{};  // digest_of(unit)
  ReportContents contents{};
};

/// A filed report with the same id, domain and range as a new one.
struct KnownReport {
  long long row{};
  std::string submitter{};
  bool authenticated{};
  bool counts{};
  std::string digest{};
};

/// What to do with a new report beside those known. add: file it; count: the known row counts from now on; vouch: the
/// known row, which counts already, gets a submitter who vouches for it; duplicate, conflict: leave all as it is.
enum class Filing { add, count, vouch, duplicate, conflict };
struct FilingDecision {
  Filing filing{Filing::add};
  long long row{};  // the known row concerned, for count and vouch
};

/// Decides. Two reports are the same when submitter, id, domain and range are; then other content is a conflict. Who
/// comes without a DKIM domain has no name, so that the same content under a named submitter, or from the same
/// organization, is the same report: it was sent by two ways, or filed by hand. A named submitter takes an unnamed row
/// of the same content over. What an authenticated report says stands: an unauthenticated one with the same key and
/// other content is a conflict, and so is one beyond the 64th under a key.
FilingDecision decide_filing(const FiledReport& report, const std::vector<KnownReport>& known);

/// What is kept of filed reports; totals stay. Without its row a report that comes again counts again.
struct ReportRetention {
  std::chrono::days age{400};                                           // since it was received
  std::uint64_t database_bytes{std::uint64_t{1} * 1024 * 1024 * 1024};  // the oldest go first, uncounted before counted
};

struct ReportDatabaseOptions;

/// The database with its totals, used by one thread at a time. What a function returned from is on disk, whatever
/// happens to the power. Every function may throw StoreError.
class ReportStore {
 public:
  /// Opens the database with a connection of its own; other processes may use it meanwhile. Input: `where` is what
  /// report_database_of() says: storage.path, or storage.url.
  static ReportStore open(const std::string& where);

  /// The same for who only reads: the database must be there, of the current schema, and is not changed.
  static ReportStore open_existing(const std::string& where);

  /// The same for who has other things to do while a PostgreSQL is away: it is connected to when it is first needed,
  /// and again whenever it was lost; until then the totals are not known. No use of it takes longer than 30 seconds,
  /// and with attach_existing(), for pages, 5.
  static ReportStore attach(const std::string& where);
  static ReportStore attach_existing(const std::string& where);

  ReportStore(ReportStore&&) noexcept;
  ReportStore& operator=(ReportStore&&) noexcept;
  ~ReportStore();

  /// Files all of it and counts the outcomes, those of `others` too, or, with StoreError, nothing. Says what became of
  /// each report, in their order.
  std::vector<ReportOutcome> file(const std::vector<FiledReport>& reports, const OutcomeCounts& others = {});

  /// The totals after the last refresh(), those of the domains of a later file() after that.
  const ReportTotals& totals() const;

  /// Reads the totals again when another connection has changed them; says whether it had.
  bool refresh();

  /// Takes away some of what is over the retention; says whether there may be more. When there is not, ages
  /// failures, and lowers times that a clock which was ahead left in the future. The age of a report
  /// is measured from the newest that counts where the clock is ahead of it: a wrong clock must not empty the database.
  bool expire(UnixTime now, const ReportRetention& retention);

  /// Calls `use` for the filed reports of a domain ("" for all), newest first, at most `most`, without the first
  /// `skipped`.
  void for_each(std::string_view domain, std::size_t most, const std::function<void(const FiledReport&)>& use,
                std::size_t skipped = 0);
  /// The same of those that count: what strangers send cannot push them out.
  void for_each_counted(std::string_view domain, std::size_t most, const std::function<void(const FiledReport&)>& use);
  /// How many filed reports there are of a domain ("" for all).
  std::size_t number_of(std::string_view domain);
  /// Every domain of a filed report, sorted.
  std::vector<std::string> domains();

  struct State;

 private:
  void select_reports(const char* condition, std::string_view domain, std::size_t most,
                      const std::function<void(const FiledReport&)>& use, std::size_t skipped);
  explicit ReportStore(std::unique_ptr<State> state);
  static ReportStore attach(const std::string& where, const ReportDatabaseOptions& options, bool later);
  std::unique_ptr<State> state_;
};

}  // namespace mtasts
