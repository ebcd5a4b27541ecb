// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_store.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "exporter/store_database.h"
#include "exporter/stored_json.h"

namespace mtasts {
namespace {

constexpr int kRowsPerRemoval = 1000;
constexpr UnixTime kFirstReports{std::chrono::sys_days{std::chrono::year{2018} / 9 / 1}};  // the month of RFC 8460

bool is_named(std::string_view submitter) { return !submitter.starts_with('@'); }

/// May two different submitters be one? Of those without a name the channel may differ, but not the organization.
bool may_be_one(std::string_view a, std::string_view b) {
  if (is_named(a) != is_named(b)) return true;
  return !is_named(a) && a.substr(a.find('/')) == b.substr(b.find('/'));
}

FilingDecision decide_same(const FiledReport& report, const KnownReport& known) {
  if (known.digest != report.digest) return {Filing::conflict};
  if (report.counts && !known.counts) return {Filing::count, known.row};
  return {Filing::duplicate};
}

FilingDecision take_over(const FiledReport& report, const KnownReport& known) {
  if (report.counts && !known.counts) return {Filing::count, known.row};
  const bool named_now = is_named(report.submitter) && !is_named(known.submitter);
  if (named_now || (report.authenticated && !known.authenticated)) return {Filing::vouch, known.row};
  return {Filing::duplicate};
}

}  // namespace

FilingDecision decide_filing(const FiledReport& report, const std::vector<KnownReport>& known) {
  for (const KnownReport& other : known) {
    if (other.submitter == report.submitter) return decide_same(report, other);
  }
  for (const KnownReport& other : known) {
    if (may_be_one(report.submitter, other.submitter) && other.digest == report.digest) return take_over(report, other);
  }
  const bool contradicts = !report.authenticated && std::ranges::any_of(known, &KnownReport::authenticated);
  return {contradicts ? Filing::conflict : Filing::add};
}

struct ReportStore::State {
  Database database{};
  ReportTotals totals{};
  long long data_version{-1};  // of SQLite: changes when another connection has written anything
  bool reread{};               // the totals were read again, and nobody has been told yet
};

namespace {

long long as_stored(std::uint64_t number) { return static_cast<long long>(add_bounded(number, 0)); }

std::uint64_t as_counted(long long stored) { return static_cast<std::uint64_t>(std::max(stored, 0LL)); }

std::vector<KnownReport> find_known(soci::session& sql, const FiledReport& report) {
  std::vector<KnownReport> known;
  const long long start = seconds_of(report.start), end = seconds_of(report.end);
  long long row = 0;
  int authenticated = 0, counts = 0;
  std::string submitter, digest;
  soci::statement select =
      (sql.prepare << "SELECT row, submitter, authenticated, counts, digest FROM report WHERE domain = :domain AND"
                      " report_id = :id AND range_start = :start AND range_end = :end ORDER BY row",
       soci::use(report.domain), soci::use(report.report_id), soci::use(start), soci::use(end), soci::into(row),
       soci::into(submitter), soci::into(authenticated), soci::into(counts), soci::into(digest));
  for (bool more = select.execute(true); more; more = select.fetch())
    known.push_back({row, submitter, authenticated != 0, counts != 0, digest});
  return known;
}

void add_row(soci::session& sql, const FiledReport& report) {
  const int authenticated = report.authenticated ? 1 : 0, counts = report.counts ? 1 : 0;
  const long long start = seconds_of(report.start), end = seconds_of(report.end);
  const long long counted_end = seconds_of(report.counted_end), received = seconds_of(report.received);
  const std::string contents = render_json(report.contents);
  sql << "INSERT INTO report (domain, submitter, authenticated, counts, report_id, organization, contact, range_start,"
         " range_end, counted_end, received, digest, contents) VALUES (:domain, :submitter, :authenticated, :counts,"
         " :id, :organization, :contact, :start, :end, :counted_end, :received, :digest, :contents)",
      soci::use(report.domain), soci::use(report.submitter), soci::use(authenticated), soci::use(counts),
      soci::use(report.report_id), soci::use(report.organization), soci::use(report.contact), soci::use(start),
      soci::use(end), soci::use(counted_end), soci::use(received), soci::use(report.digest), soci::use(contents);
}

/// Lets a known row count, or be vouched for, from now on.
void raise_row(soci::session& sql, const FiledReport& report, long long row) {
  const int authenticated = report.authenticated ? 1 : 0, counts = report.counts ? 1 : 0;
  sql << "UPDATE report SET submitter = :submitter, authenticated = max(authenticated, :authenticated),"
         " counts = max(counts, :counts) WHERE row = :row",
      soci::use(report.submitter), soci::use(authenticated), soci::use(counts), soci::use(row);
}

void note_report(DomainReportTotals& totals, const FiledReport& report) {
  if (report.counted_end < kFirstReports) return;  // a date that cannot be: it would be shown as the latest report
  const std::string reporter{reporter_of(is_named(report.submitter) ? report.submitter : "")};
  note_times(totals, report.contents.tally, reporter, report.counted_end);
}

void write_totals(soci::session& sql, const std::string& domain, const DomainReportTotals& totals) {
  for (const auto& [type, sum] : totals.sessions) {
    const long long successful = as_stored(sum.successful), failed = as_stored(sum.failed);
    sql << "INSERT OR REPLACE INTO report_sessions VALUES (:domain, :type, :successful, :failed)", soci::use(domain),
        soci::use(type), soci::use(successful), soci::use(failed);
  }
  for (const auto& [type, sum] : totals.failed) {
    const long long sessions = as_stored(sum);
    sql << "INSERT OR REPLACE INTO report_failed VALUES (:domain, :type, :sessions)", soci::use(domain),
        soci::use(type), soci::use(sessions);
  }
  for (const auto& [reporter, last] : totals.last_report) {
    const long long end = seconds_of(last);
    sql << "INSERT OR REPLACE INTO report_last VALUES (:domain, :reporter, :end)", soci::use(domain),
        soci::use(reporter), soci::use(end);
  }
  for (const auto& [key, last] : totals.failures) {
    const auto& [type, reporter, mx] = key;
    const long long end = seconds_of(last);
    sql << "INSERT OR REPLACE INTO report_failures VALUES (:domain, :type, :reporter, :mx, :end)", soci::use(domain),
        soci::use(type), soci::use(reporter), soci::use(mx), soci::use(end);
  }
}

void write_outcomes(soci::session& sql, const OutcomeCounts& outcomes) {
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i] == 0) continue;
    const std::string outcome{to_string(static_cast<ReportOutcome>(i))};
    const long long reports = as_stored(outcomes[i]);
    sql << "INSERT OR REPLACE INTO report_outcomes VALUES (:outcome, :reports)", soci::use(outcome), soci::use(reports);
  }
}

void read_outcomes(soci::session& sql, ReportTotals& totals) {
  std::string outcome;
  long long reports = 0;
  soci::statement select =
      (sql.prepare << "SELECT outcome, reports FROM report_outcomes", soci::into(outcome), soci::into(reports));
  for (bool more = select.execute(true); more; more = select.fetch()) {
    for (std::size_t i = 0; i < totals.outcomes.size(); ++i) {
      if (to_string(static_cast<ReportOutcome>(i)) == outcome) totals.outcomes[i] = as_counted(reports);
    }
  }
}

void read_sessions(soci::session& sql, ReportTotals& totals) {
  std::string domain, type;
  long long first = 0, second = 0;
  soci::statement sessions = (sql.prepare << "SELECT domain, policy_type, successful, failed FROM report_sessions",
                              soci::into(domain), soci::into(type), soci::into(first), soci::into(second));
  for (bool more = sessions.execute(true); more; more = sessions.fetch())
    totals.domains[domain].sessions[type] = {as_counted(first), as_counted(second)};
  soci::statement failed = (sql.prepare << "SELECT domain, result_type, sessions FROM report_failed",
                            soci::into(domain), soci::into(type), soci::into(first));
  for (bool more = failed.execute(true); more; more = failed.fetch())
    totals.domains[domain].failed[type] = as_counted(first);
}

void read_times(soci::session& sql, ReportTotals& totals) {
  std::string domain, type, reporter, mx;
  long long end = 0;
  soci::statement last = (sql.prepare << "SELECT domain, reporter, range_end FROM report_last", soci::into(domain),
                          soci::into(reporter), soci::into(end));
  for (bool more = last.execute(true); more; more = last.fetch())
    totals.domains[domain].last_report[reporter] = time_of(end);
  soci::statement failures =
      (sql.prepare << "SELECT domain, result_type, reporter, mx, range_end FROM report_failures", soci::into(domain),
       soci::into(type), soci::into(reporter), soci::into(mx), soci::into(end));
  for (bool more = failures.execute(true); more; more = failures.fetch())
    totals.domains[domain].failures[{type, reporter, mx}] = time_of(end);
}

long long read_revision(soci::session& sql) {
  long long revision = 0;
  sql << "SELECT revision FROM report_revision", soci::into(revision);
  return revision;
}

ReportTotals read_totals(soci::session& sql) {
  ReportTotals totals{.revision = read_revision(sql)};
  read_outcomes(sql, totals);
  read_sessions(sql, totals);
  read_times(sql, totals);
  return totals;
}

/// The totals while a transaction changes them: the domains it touches are copied, and become the truth with the
/// commit.
class FilingRun {
 public:
  FilingRun(soci::session& sql, const ReportTotals& before) : sql_{sql}, before_{before}, outcomes_{before.outcomes} {}

  ReportOutcome file(const FiledReport& report) {
    const ReportOutcome outcome = carry_out(report, decide_filing(report, find_known(sql_, report)));
    count(outcome, 1);
    return outcome;
  }

  void count(ReportOutcome outcome, std::uint64_t reports) {
    std::uint64_t& sum = outcomes_[static_cast<std::size_t>(outcome)];
    sum = add_bounded(sum, reports);
  }

  void write() {
    for (const auto& [domain, totals] : touched_) write_totals(sql_, domain, totals);
    write_outcomes(sql_, outcomes_);
    sql_ << "UPDATE report_revision SET revision = revision + 1";
  }

  void apply_to(ReportTotals& totals) {
    for (auto& [domain, changed] : touched_) totals.domains.insert_or_assign(domain, std::move(changed));
    totals.outcomes = outcomes_;
    ++totals.revision;
  }

 private:
  ReportOutcome carry_out(const FiledReport& report, const FilingDecision& decision) {
    switch (decision.filing) {
      case Filing::conflict:
        return ReportOutcome::conflict;
      case Filing::duplicate:
        return ReportOutcome::duplicate;
      case Filing::vouch:
        raise_row(sql_, report, decision.row);
        note_report(touch(report.domain), report);
        return ReportOutcome::duplicate;
      case Filing::count:
        raise_row(sql_, report, decision.row);
        break;
      case Filing::add:
        add_row(sql_, report);
        if (!report.counts) return ReportOutcome::uncounted;
        break;
    }
    add_sessions(touch(report.domain), report.contents.tally);
    note_report(touch(report.domain), report);
    return ReportOutcome::counted;
  }

  DomainReportTotals& touch(const std::string& domain) {
    const auto known = before_.domains.find(domain);
    return touched_.try_emplace(domain, known == before_.domains.end() ? DomainReportTotals{} : known->second)
        .first->second;
  }

  soci::session& sql_;
  const ReportTotals& before_;
  OutcomeCounts outcomes_;
  std::map<std::string, DomainReportTotals> touched_{};
};

/// Reads the totals if their revision is a new one.
void reread_totals(soci::session& sql, ReportStore::State& state) {
  sql << "BEGIN";  // one state of the database for all that is read
  try {
    if (read_revision(sql) != state.totals.revision) {
      state.totals = read_totals(sql);
      state.reread = true;
    }
    sql << "COMMIT";
  } catch (...) {
    sql << "ROLLBACK";
    throw;
  }
}

constexpr const char* kSelectReport =
    "SELECT domain, submitter, authenticated, counts, report_id, organization, contact, range_start, range_end,"
    " counted_end, received, digest, contents FROM report";

/// A row of kSelectReport, with what SOCI cannot read into a FiledReport.
struct StoredRow {
  FiledReport report{};
  int authenticated{};
  int counts{};
  long long start{};
  long long end{};
  long long counted_end{};
  long long received{};
  std::string contents{};
};

/// Fills in the rest of the report. Says whether it can be shown: a newer version may have written it otherwise.
bool complete(StoredRow& row) {
  row.report.authenticated = row.authenticated != 0;
  row.report.counts = row.counts != 0;
  row.report.start = time_of(row.start);
  row.report.end = time_of(row.end);
  row.report.counted_end = time_of(row.counted_end);
  row.report.received = time_of(row.received);
  try {
    row.report.contents = parse_report_contents_json(row.contents);
  } catch (const StoredJsonError&) {
    return false;
  }
  return true;
}

/// Without what pages show of probes, which is not the reports' doing.
long long used_bytes(soci::session& sql) {
  long long observations = 0;
  sql << "SELECT coalesce(sum(octets), 0) FROM observation", soci::into(observations);
  return (pragma(sql, "page_count") - pragma(sql, "freelist_count")) * pragma(sql, "page_size") - observations;
}

/// Removes some rows received before `limit`, uncounted ones first; says whether there were any.
bool remove_oldest(soci::session& sql, long long limit) {
  int any = 0;
  sql << "SELECT EXISTS (SELECT 1 FROM report WHERE counts IN (0, 1) AND received < :limit)", soci::use(limit),
      soci::into(any);
  if (any == 0) return false;
  transact(sql, [&] {
    sql << "DELETE FROM report WHERE row IN (SELECT row FROM report WHERE received < :limit"
           " ORDER BY counts, received LIMIT :most)",
        soci::use(limit), soci::use(kRowsPerRemoval);
  });
  return true;
}

/// The latest end of a range that was counted; nullopt before the first.
std::optional<UnixTime> newest_report(const ReportTotals& totals) {
  std::optional<UnixTime> newest;
  for (const auto& [domain, of_domain] : totals.domains) {
    for (const auto& [reporter, end] : of_domain.last_report) newest = std::max(newest.value_or(end), end);
  }
  return newest;
}

bool any_after(const ReportTotals& totals, UnixTime now) {
  const auto later = [now](const auto& entry) { return entry.second > now; };
  return std::ranges::any_of(totals.domains, [&](const auto& domain) {
    return std::ranges::any_of(domain.second.last_report, later) || std::ranges::any_of(domain.second.failures, later);
  });
}

/// The same on disk as age_failures() of the totals.
void age_failures(soci::session& sql, UnixTime now) {
  const long long shown = seconds_of(now - kReportedFailureShown), kept = seconds_of(now - kReportedFailureKept);
  sql << "INSERT INTO report_failures SELECT domain, result_type, reporter, '', max(range_end) FROM report_failures"
         " WHERE range_end < :shown AND mx <> '' GROUP BY domain, result_type, reporter"
         " ON CONFLICT DO UPDATE SET range_end = max(range_end, excluded.range_end)",
      soci::use(shown);
  sql << "DELETE FROM report_failures WHERE (range_end < :shown AND mx <> '') OR range_end < :kept", soci::use(shown),
      soci::use(kept);
}

void lower_times(soci::session& sql, UnixTime now) {
  const long long most = seconds_of(now);
  sql << "UPDATE report_last SET range_end = :most WHERE range_end > :now", soci::use(most), soci::use(most);
  sql << "UPDATE report_failures SET range_end = :most WHERE range_end > :now", soci::use(most), soci::use(most);
  sql << "UPDATE report_revision SET revision = revision + 1";
}

}  // namespace

ReportStore::ReportStore(std::unique_ptr<State> state) : state_{std::move(state)} {}
ReportStore::ReportStore(ReportStore&&) noexcept = default;
ReportStore& ReportStore::operator=(ReportStore&&) noexcept = default;
ReportStore::~ReportStore() = default;

ReportStore ReportStore::open(const std::string& path) {
  auto state = std::make_unique<State>();
  open_database(state->database, path, {.synchronous = "FULL"});
  return opened(std::move(state));
}

ReportStore ReportStore::open_existing(const std::string& path) {
  auto state = std::make_unique<State>();
  open_database(state->database, path, {.existing = true});
  return opened(std::move(state));
}

ReportStore ReportStore::opened(std::unique_ptr<State> state) {
  ReportStore store{std::move(state)};
  store.refresh();
  return store;
}

ReportStore::Filed ReportStore::file(const std::vector<FiledReport>& reports, const OutcomeCounts& others) {
  soci::session& sql = state_->database.sql;
  return translated(state_->database, [&] {
    Filed filed;
    std::optional<FilingRun> filing;
    transact(sql, [&] {
      if (read_revision(sql) != state_->totals.revision) {
        state_->totals = read_totals(sql);
        state_->reread = true;
      }
      filing.emplace(sql, state_->totals);
      for (const FiledReport& report : reports) filed.outcomes.push_back(filing->file(report));
      for (std::size_t i = 0; i < others.size(); ++i) filing->count(static_cast<ReportOutcome>(i), others[i]);
      filing->write();
    });
    filing->apply_to(state_->totals);
    filed.totals_reread = std::exchange(state_->reread, false);
    return filed;
  });
}

const ReportTotals& ReportStore::totals() const { return state_->totals; }

bool ReportStore::refresh() {
  soci::session& sql = state_->database.sql;
  return translated(state_->database, [&] {
    const long long version = pragma(sql, "data_version");
    if (version != state_->data_version) {
      reread_totals(sql, *state_);
      state_->data_version = version;
    }
    return std::exchange(state_->reread, false);
  });
}

bool ReportStore::expire(UnixTime now, const ReportRetention& retention) {
  soci::session& sql = state_->database.sql;
  return translated(state_->database, [&] {
    const UnixTime today = std::min(now, newest_report(state_->totals).value_or(now));
    if (remove_oldest(sql, seconds_of(today - retention.age))) return true;
    const bool too_large = used_bytes(sql) > static_cast<long long>(retention.database_bytes);
    if (too_large && remove_oldest(sql, std::numeric_limits<long long>::max())) return true;
    transact(sql, [&] { age_failures(sql, now); });
    for (auto& [domain, totals] : state_->totals.domains) age_failures(totals, now);
    if (any_after(state_->totals, now)) {
      transact(sql, [&] { lower_times(sql, now); });
      reread_totals(sql, *state_);
    }
    return false;
  });
}

namespace {

/// Takes one parameter either way.
const char* condition_of(std::string_view domain) {
  return domain.empty() ? " WHERE '' = :domain" : " WHERE domain = :domain";
}

}  // namespace

void ReportStore::for_each(std::string_view domain, std::size_t most,
                           const std::function<void(const FiledReport&)>& use, std::size_t skipped) {
  select_reports(condition_of(domain), domain, most, use, skipped);
}

void ReportStore::for_each_counted(std::string_view domain, std::size_t most,
                                   const std::function<void(const FiledReport&)>& use) {
  select_reports(" WHERE domain = :domain AND counts = 1", domain, most, use, 0);
}

void ReportStore::select_reports(const char* condition, std::string_view domain, std::size_t most,
                                 const std::function<void(const FiledReport&)>& use, std::size_t skipped) {
  translated(state_->database, [&] {
    StoredRow row;
    const std::string wanted{domain};
    const auto limit = static_cast<long long>(std::min<std::size_t>(most, std::numeric_limits<int>::max()));
    const auto offset = static_cast<long long>(std::min<std::size_t>(skipped, std::numeric_limits<int>::max()));
    soci::statement select =
        (state_->database.sql.prepare << kSelectReport << condition << " ORDER BY row DESC LIMIT :most OFFSET :skipped",
         soci::use(wanted), soci::use(limit), soci::use(offset), soci::into(row.report.domain),
         soci::into(row.report.submitter), soci::into(row.authenticated), soci::into(row.counts),
         soci::into(row.report.report_id), soci::into(row.report.organization), soci::into(row.report.contact),
         soci::into(row.start), soci::into(row.end), soci::into(row.counted_end), soci::into(row.received),
         soci::into(row.report.digest), soci::into(row.contents));
    for (bool more = select.execute(true); more; more = select.fetch()) {
      if (complete(row)) use(row.report);
    }
  });
}

std::size_t ReportStore::number_of(std::string_view domain) {
  return translated(state_->database, [&] {
    long long number = 0;
    const std::string wanted{domain};
    state_->database.sql << "SELECT COUNT(*) FROM report" << condition_of(domain), soci::use(wanted),
        soci::into(number);
    return static_cast<std::size_t>(number);
  });
}

std::vector<std::string> ReportStore::domains() {
  return translated(state_->database, [&] {
    std::vector<std::string> names;
    std::string name;
    soci::statement select =
        (state_->database.sql.prepare << "SELECT DISTINCT domain FROM report ORDER BY domain", soci::into(name));
    for (bool more = select.execute(true); more; more = select.fetch()) names.push_back(name);
    return names;
  });
}

}  // namespace mtasts
