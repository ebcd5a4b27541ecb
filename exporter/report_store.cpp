// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_store.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "exporter/postgresql_url.h"
#include "exporter/report_store_database.h"
#include "exporter/store_database.h"
#include "exporter/stored_json.h"

namespace mtasts {
namespace {

constexpr int kRowsPerRemoval = 1000;
constexpr UnixTime kFirstReports{std::chrono::sys_days{std::chrono::year{2018} / 9 / 1}};  // the month of RFC 8460

/// Reports nobody vouches for under one id, domain and range: every further one is compared with all of them.
constexpr std::size_t kMostUnderOneId = 64;

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
  if (report.authenticated) return {Filing::add};
  const bool contradicts = std::ranges::any_of(known, &KnownReport::authenticated);
  return {contradicts || known.size() >= kMostUnderOneId ? Filing::conflict : Filing::add};
}

struct ReportStore::State {
  std::unique_ptr<ReportDatabase> database{};
  ReportTotals totals{};      // what the database held at their revision, and, newer, what was filed from here
  long long change_mark{-1};  // when they were last compared with the database
  bool reread{};              // the totals were read again, and nobody has been told yet
};

namespace {

long long as_stored(std::uint64_t number) { return static_cast<long long>(add_bounded(number, 0)); }

std::uint64_t as_counted(long long stored) { return static_cast<std::uint64_t>(std::max(stored, 0LL)); }

/// Finds what is filed under the same id, domain and range: prepared once for many reports.
class KnownReports {
 public:
  explicit KnownReports(soci::session& sql)
      : select_{
            (sql.prepare << "SELECT row, submitter, authenticated, counts, digest FROM report WHERE domain = :domain"
                            " AND report_id = :id AND range_start = :start AND range_end = :end ORDER BY row",
             soci::use(domain_), soci::use(report_id_), soci::use(start_), soci::use(end_), soci::into(row_),
             soci::into(submitter_), soci::into(authenticated_), soci::into(counts_), soci::into(digest_))} {}

  std::vector<KnownReport> find(const FiledReport& report) {
    domain_ = report.domain;
    report_id_ = report.report_id;
    start_ = seconds_of(report.start);
    end_ = seconds_of(report.end);
    std::vector<KnownReport> known;
    for (bool more = select_.execute(true); more; more = select_.fetch())
      known.push_back({row_, submitter_, authenticated_ != 0, counts_ != 0, digest_});
    return known;
  }

 private:
  std::string domain_{}, report_id_{}, submitter_{}, digest_{};
  long long start_{}, end_{}, row_{};
  int authenticated_{}, counts_{};
  soci::statement select_;  // last: it is bound to the others
};

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
  sql << "UPDATE report SET submitter = :submitter, authenticated = authenticated | :authenticated,"
         " counts = counts | :counts WHERE row = :row",
      soci::use(report.submitter), soci::use(authenticated), soci::use(counts), soci::use(row);
}

void note_report(DomainReportTotals& totals, const FiledReport& report) {
  if (report.counted_end < kFirstReports) return;  // a date that cannot be: it would be shown as the latest report
  const std::string reporter{reporter_of(is_named(report.submitter) ? report.submitter : "")};
  note_times(totals, report.contents.tally, reporter, report.counted_end);
}

/// Calls `write` for each entry that is not the same in `before`: a statement takes a round trip, and there are many.
template <class Map, class Write>
void for_each_changed(const Map& now, const Map& before, Write write) {
  for (const auto& [key, value] : now) {
    const auto known = before.find(key);
    if (known == before.end() || !(known->second == value)) write(key, value);
  }
}

void write_sessions(soci::session& sql, const std::string& domain, const DomainReportTotals& now,
                    const DomainReportTotals& before) {
  for_each_changed(now.sessions, before.sessions, [&](const std::string& type, const auto& sum) {
    const long long successful = as_stored(sum.successful), failed = as_stored(sum.failed);
    sql << "INSERT INTO report_sessions VALUES (:domain, :type, :successful, :failed) ON CONFLICT (domain, policy_type)"
           " DO UPDATE SET successful = excluded.successful, failed = excluded.failed",
        soci::use(domain), soci::use(type), soci::use(successful), soci::use(failed);
  });
  for_each_changed(now.failed, before.failed, [&](const std::string& type, std::uint64_t sum) {
    const long long sessions = as_stored(sum);
    sql << "INSERT INTO report_failed VALUES (:domain, :type, :sessions) ON CONFLICT (domain, result_type)"
           " DO UPDATE SET sessions = excluded.sessions",
        soci::use(domain), soci::use(type), soci::use(sessions);
  });
}

/// Times only rise: another exporter may have put a failure without its host there, and a later one.
void write_times(soci::session& sql, const std::string& domain, const DomainReportTotals& now,
                 const DomainReportTotals& before) {
  for_each_changed(now.last_report, before.last_report, [&](const std::string& reporter, UnixTime last) {
    const long long end = seconds_of(last);
    sql << "INSERT INTO report_last VALUES (:domain, :reporter, :end) ON CONFLICT (domain, reporter)"
           " DO UPDATE SET range_end = excluded.range_end WHERE excluded.range_end > report_last.range_end",
        soci::use(domain), soci::use(reporter), soci::use(end);
  });
  for_each_changed(now.failures, before.failures, [&](const FailureKey& key, UnixTime last) {
    const auto& [type, reporter, mx] = key;
    const long long end = seconds_of(last);
    sql << "INSERT INTO report_failures VALUES (:domain, :type, :reporter, :mx, :end)"
           " ON CONFLICT (domain, result_type, reporter, mx)"
           " DO UPDATE SET range_end = excluded.range_end WHERE excluded.range_end > report_failures.range_end",
        soci::use(domain), soci::use(type), soci::use(reporter), soci::use(mx), soci::use(end);
  });
}

void write_outcomes(soci::session& sql, const OutcomeCounts& now, const OutcomeCounts& before) {
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (now[i] == before[i]) continue;
    const std::string outcome{to_string(static_cast<ReportOutcome>(i))};
    const long long reports = as_stored(now[i]);
    sql << "INSERT INTO report_outcomes VALUES (:outcome, :reports) ON CONFLICT (outcome)"
           " DO UPDATE SET reports = excluded.reports",
        soci::use(outcome), soci::use(reports);
  }
}

OutcomeCounts read_outcomes(soci::session& sql) {
  OutcomeCounts outcomes{};
  std::string outcome;
  long long reports = 0;
  soci::statement select =
      (sql.prepare << "SELECT outcome, reports FROM report_outcomes", soci::into(outcome), soci::into(reports));
  for (bool more = select.execute(true); more; more = select.fetch()) {
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (to_string(static_cast<ReportOutcome>(i)) == outcome) outcomes[i] = as_counted(reports);
    }
  }
  return outcomes;
}

using DomainTotals = std::map<std::string, DomainReportTotals, std::less<>>;

/// Takes one parameter either way.
const char* condition_of(std::string_view domain) {
  return domain.empty() ? " WHERE '' = :domain" : " WHERE domain = :domain";
}

void read_sessions(soci::session& sql, const std::string& wanted, DomainTotals& totals) {
  std::string domain, type;
  long long first = 0, second = 0;
  soci::statement sessions =
      (sql.prepare << "SELECT domain, policy_type, successful, failed FROM report_sessions" << condition_of(wanted),
       soci::use(wanted), soci::into(domain), soci::into(type), soci::into(first), soci::into(second));
  for (bool more = sessions.execute(true); more; more = sessions.fetch())
    totals[domain].sessions[type] = {as_counted(first), as_counted(second)};
  soci::statement failed =
      (sql.prepare << "SELECT domain, result_type, sessions FROM report_failed" << condition_of(wanted),
       soci::use(wanted), soci::into(domain), soci::into(type), soci::into(first));
  for (bool more = failed.execute(true); more; more = failed.fetch()) totals[domain].failed[type] = as_counted(first);
}

void read_times(soci::session& sql, const std::string& wanted, DomainTotals& totals) {
  std::string domain, type, reporter, mx;
  long long end = 0;
  soci::statement last = (sql.prepare << "SELECT domain, reporter, range_end FROM report_last" << condition_of(wanted),
                          soci::use(wanted), soci::into(domain), soci::into(reporter), soci::into(end));
  for (bool more = last.execute(true); more; more = last.fetch()) totals[domain].last_report[reporter] = time_of(end);
  soci::statement failures =
      (sql.prepare << "SELECT domain, result_type, reporter, mx, range_end FROM report_failures"
                   << condition_of(wanted),
       soci::use(wanted), soci::into(domain), soci::into(type), soci::into(reporter), soci::into(mx), soci::into(end));
  for (bool more = failures.execute(true); more; more = failures.fetch())
    totals[domain].failures[{type, reporter, mx}] = time_of(end);
}

/// Of one domain, "" for all.
DomainTotals read_domains(soci::session& sql, const std::string& wanted) {
  DomainTotals totals;
  read_sessions(sql, wanted, totals);
  read_times(sql, wanted, totals);
  return totals;
}

long long read_revision(soci::session& sql) {
  long long revision = 0;
  sql << "SELECT revision FROM report_revision", soci::into(revision);
  return revision;
}

ReportTotals read_totals(soci::session& sql) {
  ReportTotals totals{.revision = read_revision(sql)};
  totals.outcomes = read_outcomes(sql);
  totals.domains = read_domains(sql, "");
  return totals;
}

/// What a transaction has changed in the totals.
struct TotalsChange {
  DomainTotals domains{};
  OutcomeCounts outcomes{};
  long long revision{};
};

/// Files reports within a transaction, and keeps what it makes of the totals: they become the truth with the commit.
/// Where somebody else has written since the totals were read, each domain that is touched is read again: to read all
/// of them would keep the others waiting.
class FilingRun {
 public:
  FilingRun(soci::session& sql, const ReportTotals& known)
      : sql_{sql}, known_{known}, revision_{read_revision(sql)}, filed_before_{sql} {
    outcomes_before_ = is_known() ? known.outcomes : read_outcomes(sql);
    outcomes_ = outcomes_before_;
  }

  ReportOutcome file(const FiledReport& report) {
    const ReportOutcome outcome = carry_out(report, decide_filing(report, filed_before_.find(report)));
    count(outcome, 1);
    return outcome;
  }

  void count(ReportOutcome outcome, std::uint64_t reports) {
    std::uint64_t& sum = outcomes_[static_cast<std::size_t>(outcome)];
    sum = add_bounded(sum, reports);
  }

  /// Writes the totals. Returns what has changed; the revision stays as it was where there is more to read.
  TotalsChange finish() {
    TotalsChange change{.outcomes = outcomes_, .revision = is_known() ? revision_ + 1 : known_.revision};
    for (auto& [domain, touched] : touched_) {
      write_sessions(sql_, domain, touched.now, touched.before);
      write_times(sql_, domain, touched.now, touched.before);
      change.domains.emplace(domain, std::move(touched.now));
    }
    write_outcomes(sql_, outcomes_, outcomes_before_);
    sql_ << "UPDATE report_revision SET revision = revision + 1";
    return change;
  }

 private:
  struct Touched {
    DomainReportTotals before{};
    DomainReportTotals now{};
  };

  bool is_known() const { return revision_ == known_.revision; }

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
    const auto touched = touched_.find(domain);
    if (touched != touched_.end()) return touched->second.now;
    const DomainReportTotals before = totals_before(domain);
    return touched_.emplace(domain, Touched{before, before}).first->second.now;
  }

  DomainReportTotals totals_before(const std::string& domain) {
    if (!is_known()) return read_domains(sql_, domain)[domain];
    const auto known = known_.domains.find(domain);
    return known == known_.domains.end() ? DomainReportTotals{} : known->second;
  }

  soci::session& sql_;
  const ReportTotals& known_;
  const long long revision_;
  KnownReports filed_before_;
  OutcomeCounts outcomes_before_{};
  OutcomeCounts outcomes_{};
  std::map<std::string, Touched> touched_{};
};

/// Reads the totals if their revision is a new one.
void reread_totals(ReportStore::State& state) {
  state.database->read([&](soci::session& sql) {
    if (read_revision(sql) == state.totals.revision) return;
    state.totals = read_totals(sql);
    state.reread = true;
  });
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

/// Removes some rows received before `limit`, uncounted ones first; says whether there were any.
bool remove_oldest(ReportDatabase& database, long long limit) {
  int any = 0;
  database.use([&](soci::session& sql) {
    sql << "SELECT count(*) FROM (SELECT 1 FROM report WHERE counts IN (0, 1) AND received < :limit LIMIT 1) AS found",
        soci::use(limit), soci::into(any);
  });
  if (any == 0) return false;
  database.write([&](soci::session& sql) {
    sql << "DELETE FROM report WHERE row IN (SELECT row FROM report WHERE received < :limit"
           " ORDER BY counts, received LIMIT :most)",
        soci::use(limit), soci::use(kRowsPerRemoval);
  });
  return true;
}

bool is_larger_than(ReportDatabase& database, std::uint64_t bytes) {
  bool larger = false;
  database.use([&](soci::session& sql) { larger = database.holds_more_than(sql, static_cast<long long>(bytes)); });
  return larger;
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

/// The same in the database as age_failures() of the totals.
void age_failures(soci::session& sql, UnixTime now) {
  const long long shown = seconds_of(now - kReportedFailureShown), kept = seconds_of(now - kReportedFailureKept);
  sql << "INSERT INTO report_failures SELECT domain, result_type, reporter, '', max(range_end) FROM report_failures"
         " WHERE range_end < :shown AND mx <> '' GROUP BY domain, result_type, reporter"
         " ON CONFLICT (domain, result_type, reporter, mx)"
         " DO UPDATE SET range_end = excluded.range_end WHERE excluded.range_end > report_failures.range_end",
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

ReportStore ReportStore::open(const std::string& where) { return attach(where, {}, false); }

ReportStore ReportStore::open_existing(const std::string& where) { return attach(where, {.existing = true}, false); }

ReportStore ReportStore::attach(const std::string& where) {
  constexpr std::chrono::seconds kLongest{30};
  return attach(where, {.limit = kLongest}, is_postgresql_url(where));
}

ReportStore ReportStore::attach_existing(const std::string& where) {
  constexpr std::chrono::seconds kLongest{5};  // somebody waits for the page
  return attach(where, {.existing = true, .limit = kLongest}, is_postgresql_url(where));
}

ReportStore ReportStore::attach(const std::string& where, const ReportDatabaseOptions& options, bool later) {
  auto state = std::make_unique<State>();
  state->database = open_report_database(where, options);
  ReportStore store{std::move(state)};
  if (!later) store.refresh();
  return store;
}

std::vector<ReportOutcome> ReportStore::file(const std::vector<FiledReport>& reports, const OutcomeCounts& others) {
  std::vector<ReportOutcome> outcomes;
  TotalsChange change;
  state_->database->write([&](soci::session& sql) {
    outcomes.clear();
    FilingRun filing{sql, state_->totals};
    for (const FiledReport& report : reports) outcomes.push_back(filing.file(report));
    for (std::size_t i = 0; i < others.size(); ++i) filing.count(static_cast<ReportOutcome>(i), others[i]);
    change = filing.finish();
  });
  for (auto& [domain, totals] : change.domains) state_->totals.domains.insert_or_assign(domain, std::move(totals));
  state_->totals.outcomes = change.outcomes;
  state_->totals.revision = change.revision;
  return outcomes;
}

const ReportTotals& ReportStore::totals() const { return state_->totals; }

bool ReportStore::refresh() {
  long long mark = 0;
  state_->database->use([&](soci::session& sql) { mark = state_->database->change_mark(sql); });
  if (mark != state_->change_mark) {
    reread_totals(*state_);
    state_->change_mark = mark;
  }
  return std::exchange(state_->reread, false);
}

bool ReportStore::expire(UnixTime now, const ReportRetention& retention) {
  ReportDatabase& database = *state_->database;
  if (!state_->totals.are_known()) reread_totals(*state_);
  const UnixTime today = std::min(now, newest_report(state_->totals).value_or(now));
  if (remove_oldest(database, seconds_of(today - retention.age))) return true;
  if (is_larger_than(database, retention.database_bytes) &&
      remove_oldest(database, std::numeric_limits<long long>::max()))
    return true;
  database.write([&](soci::session& sql) { age_failures(sql, now); });
  for (auto& [domain, totals] : state_->totals.domains) age_failures(totals, now);
  if (any_after(state_->totals, now)) {
    database.write([&](soci::session& sql) { lower_times(sql, now); });
    reread_totals(*state_);
  }
  return false;
}

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
  const std::string wanted{domain};
  const auto limit = static_cast<long long>(std::min<std::size_t>(most, std::numeric_limits<int>::max()));
  const auto offset = static_cast<long long>(std::min<std::size_t>(skipped, std::numeric_limits<int>::max()));
  state_->database->use([&](soci::session& sql) {
    StoredRow row;
    soci::statement select =
        (sql.prepare << kSelectReport << condition << " ORDER BY row DESC LIMIT :most OFFSET :skipped",
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
  long long number = 0;
  const std::string wanted{domain};
  state_->database->use([&](soci::session& sql) {
    sql << "SELECT COUNT(*) FROM report" << condition_of(domain), soci::use(wanted), soci::into(number);
  });
  return static_cast<std::size_t>(number);
}

std::vector<std::string> ReportStore::domains() {
  std::vector<std::string> names;
  state_->database->use([&](soci::session& sql) {
    std::string name;
    soci::statement select = (sql.prepare << "SELECT DISTINCT domain FROM report", soci::into(name));
    for (bool more = select.execute(true); more; more = select.fetch()) names.push_back(name);
  });
  std::ranges::sort(names);  // databases differ in what order they call sorted
  return names;
}

}  // namespace mtasts
