// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_intake.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "exporter/utf8.h"

namespace mtasts {
namespace {

constexpr std::size_t kMostReportsPerCommit = 1000;

/// Senders that nobody names would else share their report ids.
std::string submitter_of(const Voucher& voucher, const Arrival& arrival, const std::string& organization) {
  if (!voucher.domain.empty()) return voucher.domain;
  return "@" + std::string{arrival.token ? "token" : to_string(arrival.channel)} + "/" + organization;
}

/// The text without what PostgreSQL refuses in one: NUL, which JSON may hold, and octets that are no UTF-8, which a
/// header of a mail may.
std::string storable(std::string_view text) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
  std::string clean;
  while (!text.empty()) {
    const std::size_t length = text.front() == '\0' ? 0 : utf8_length(text);
    clean.append(length == 0 ? kReplacement : text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return clean;
}

/// What is the same for all units of a report.
FiledReport common_part(const TlsReport& report, const Voucher& voucher, const Arrival& arrival,
                        const IntakeRules& rules, UnixTime now) {
  FiledReport filed;
  filed.authenticated = arrival.token || !voucher.domain.empty();
  filed.counts = filed.authenticated || rules.accept_unauthenticated;
  filed.report_id = storable(report.report_id);
  filed.organization = storable(shortened(report.organization));
  filed.submitter = storable(submitter_of(voucher, arrival, filed.organization));
  filed.contact = storable(shortened(report.contact_info));
  filed.start = report.start;
  filed.end = report.end;
  filed.counted_end = std::min(report.end, now);
  filed.received = now;
  return filed;
}

std::string uncounted_message(const Voucher& voucher) {
  return "stored but not counted: " + (voucher.doubt.empty() ? std::string{"nobody vouches for it"} : voucher.doubt) +
         "; tlsrpt.accept_unauthenticated would count it";
}

/// What to say of a report that was filed.
std::string message_of(ReportOutcome outcome, const FiledReport& report, const std::string& uncounted) {
  switch (outcome) {
    case ReportOutcome::counted:
      return "report " + report.report_id + " of " + report.organization;
    case ReportOutcome::uncounted:
      return uncounted;
    case ReportOutcome::duplicate:
      return "report " + report.report_id + " of " + report.organization + " is known already";
    case ReportOutcome::conflict:
      return "report " + report.report_id + " of " + report.organization +
             " is known with other content, which stands; if this one is right, its sender must give it another id";
    default:
      return "";
  }
}

/// How much one transaction holds so far. A few octets may unpack to a large report.
struct BatchSize {
  static constexpr std::size_t kInputs = 64;
  static constexpr std::size_t kTextBytes = std::size_t{8} * 1024 * 1024;

  std::size_t inputs{};
  std::size_t text_bytes{};
  std::size_t outcomes{};

  void add(const ReadReports& read) {
    ++inputs;
    for (const ReadReport& report : read.reports) text_bytes += report.octets;
  }
  bool is_full() const { return inputs >= kInputs || text_bytes >= kTextBytes || outcomes >= kMostReportsPerCommit; }
};

bool is_configured(const IntakeRules& rules, const std::string& domain) {
  return std::ranges::binary_search(rules.domains, domain) || std::ranges::binary_search(rules.counted_domains, domain);
}

TakenReport unknown_domain(const std::string& domain) {
  if (domain.empty()) return {ReportOutcome::unknown_domain, "", "the report names no policy domain"};
  return {ReportOutcome::unknown_domain, domain, domain + " is not configured here; add it to domains to count it"};
}

/// Whoever posts a mail writes its Authentication-Results too: no server of ours stood at the door.
void believe_no_posted_mail(Voucher& voucher, ReportChannel channel) {
  if (channel != ReportChannel::http || voucher.domain.empty()) return;
  voucher = {.doubt = "the mail came by HTTP, where anybody may write its Authentication-Results"};
}

void judge_report(ReadReport& read, const Arrival& arrival, const IntakeRules& rules, UnixTime now,
                  JudgedDelivery& judged) {
  std::vector<TakenReport>& taken = judged.result.reports;
  if (!read.result.report) {
    const auto& errors = read.result.errors;
    taken.push_back({ReportOutcome::invalid, "", errors.empty() ? "not a report" : errors.front().detail});
    return;
  }
  believe_no_posted_mail(read.voucher, arrival.channel);
  const FiledReport common = common_part(*read.result.report, read.voucher, arrival, rules, now);
  for (ReportUnit& unit : units_of(std::move(read.result.report->policies))) {
    if (!is_configured(rules, unit.domain)) {
      taken.push_back(unknown_domain(unit.domain));
      continue;
    }
    FiledReport report = common;
    report.domain = unit.domain;
    report.digest = digest_of(unit);
    report.contents = {tally_of(unit), excerpt_of(unit)};
    judged.reports.push_back(std::move(report));
    judged.places.push_back(taken.size());
    taken.push_back({ReportOutcome::failed, unit.domain, uncounted_message(read.voucher)});
  }
}

/// The domains of the other shards. Input: `own` is sorted.
std::vector<std::string> domains_elsewhere(const ServeConfig& config, const std::vector<std::string>& own) {
  std::set<std::string> all{config.files.domains.begin(), config.files.domains.end()};
  for (const DomainConfig& domain : config.written.domains) all.insert(domain.name);
  std::vector<std::string> elsewhere;
  std::ranges::set_difference(all, own, std::back_inserter(elsewhere));
  return elsewhere;
}

}  // namespace

bool expects_reports(const TlsrptConfig& tlsrpt) {
  return tlsrpt.http.enabled || !tlsrpt.maildirs.empty() || !tlsrpt.spools.empty() || !tlsrpt.imap.empty() ||
         !tlsrpt.authserv_id.empty() || tlsrpt.accept_unauthenticated;
}

IntakeRules intake_rules_of(const ServeConfig& config) {
  const TlsrptConfig& tlsrpt = config.config.tlsrpt;
  IntakeRules rules{.accept_unauthenticated = tlsrpt.accept_unauthenticated,
                    .authserv_id = tlsrpt.authserv_id,
                    .expects_reports = expects_reports(tlsrpt)};
  for (const DomainConfig& domain : config.config.domains) rules.domains.push_back(domain.name);
  std::ranges::sort(rules.domains);
  if (!config.config.storage.url.empty()) {
    rules.counted_domains = domains_elsewhere(config, rules.domains);
    rules.shows_outcomes = config.config.sharding.index == 0;  // sums over all exporters stay true
  }
  return rules;
}

JudgedDelivery judge_delivery(Delivery delivery, const IntakeRules& rules, UnixTime now) {
  JudgedDelivery judged;
  std::vector<TakenReport>& taken = judged.result.reports;
  for (ReadReport& read : delivery.read.reports) judge_report(read, delivery.arrival, rules, now, judged);
  for (const ParseError& error : delivery.read.errors) taken.push_back({ReportOutcome::invalid, "", error.detail});
  if (taken.empty()) taken.push_back({ReportOutcome::unknown_domain, "", "the report has no policies"});
  return judged;
}

/// A delivery on its way to the disk.
struct ReportIntake::Job {
  std::vector<JudgedDelivery*> deliveries{};
  std::size_t reports{};
  bool done{};
};

ReportIntake::ReportIntake(ReportStore store, IntakeOptions options)
    : options_{std::move(options)}, store_{std::move(store)} {
  board_.show_all(store_.totals());
}

ReportIntake::~ReportIntake() { stop(); }

void ReportIntake::set_rules(IntakeRules rules) {
  const std::lock_guard store_lock{store_mutex_};
  const std::lock_guard lock{rules_mutex_};
  if (rules == *rules_) return;
  rules_ = std::make_shared<const IntakeRules>(std::move(rules));
  board_.configure(rules_->domains, rules_->expects_reports, store_.totals());
}

std::shared_ptr<const IntakeRules> ReportIntake::rules() const {
  const std::lock_guard lock{rules_mutex_};
  return rules_;
}

ReadReports ReportIntake::read(std::string_view input) const {
  ReaderOptions options;
  options.authserv_id = rules()->authserv_id;
  const std::lock_guard lock{reading_mutex_};
  return read_reports(input, options);
}

IntakeResult ReportIntake::take(std::string_view input, const Arrival& arrival, UnixTime now) {
  std::vector<Delivery> one;
  one.push_back({read(input), arrival});
  return std::move(take_all(std::move(one), now).front());
}

std::vector<IntakeResult> ReportIntake::take_all(std::vector<Delivery> deliveries, UnixTime now) {
  const auto rules = this->rules();
  std::vector<JudgedDelivery> judged;
  for (Delivery& delivery : deliveries) judged.push_back(judge_delivery(std::move(delivery), *rules, now));
  return file_all(std::move(judged));
}

std::vector<IntakeResult> ReportIntake::take_batch(const NextInput& next, UnixTime now) {
  const auto rules = this->rules();
  std::vector<JudgedDelivery> judged;
  for (BatchSize size; !size.is_full();) {
    std::optional<ArrivedInput> input = next();
    if (!input) break;
    Delivery delivery{read(input->text), std::move(input->arrival)};
    size.add(delivery.read);
    judged.push_back(judge_delivery(std::move(delivery), *rules, now));
    size.outcomes += judged.back().result.reports.size();
  }
  return file_all(std::move(judged));
}

std::vector<IntakeResult> ReportIntake::file_all(std::vector<JudgedDelivery> judged) {
  Job job;
  for (JudgedDelivery& delivery : judged) {
    count_refused(delivery);
    if (!delivery.reports.empty()) job.deliveries.push_back(&delivery);
    job.reports += delivery.reports.size();
  }
  if (!job.deliveries.empty()) file(job);
  std::vector<IntakeResult> results;
  for (JudgedDelivery& delivery : judged) results.push_back(std::move(delivery.result));
  return results;
}

/// The time in which one thread writes for all. Whatever happens in it, the next one gets its turn.
class ReportIntake::WritingTurn {
 public:
  /// Input: `lock` holds queue_mutex_, and does again when the turn is over.
  WritingTurn(ReportIntake& intake, std::unique_lock<std::mutex>& lock) : intake_{intake}, lock_{lock} {
    for (std::size_t reports = 0; !intake_.queue_.empty() && (jobs_.empty() || reports < kMostReportsPerCommit);) {
      jobs_.push_back(intake_.queue_.front());
      reports += intake_.queue_.front()->reports;
      intake_.queue_.pop_front();
    }
    intake_.writing_ = true;
    lock_.unlock();
  }
  ~WritingTurn() {
    lock_.lock();
    intake_.writing_ = false;
    for (Job* job : jobs_) job->done = true;
    intake_.queue_changed_.notify_all();
  }
  WritingTurn(const WritingTurn&) = delete;
  WritingTurn& operator=(const WritingTurn&) = delete;

  const std::vector<Job*>& jobs() const { return jobs_; }

 private:
  ReportIntake& intake_;
  std::unique_lock<std::mutex>& lock_;
  std::vector<Job*> jobs_{};
};

/// Puts a job into the queue and returns when it is done. The first who finds nobody writing writes for all.
void ReportIntake::file(Job& job) {
  std::unique_lock lock{queue_mutex_};
  queue_.push_back(&job);
  while (!job.done) {
    if (writing_) {
      queue_changed_.wait(lock);
      continue;
    }
    const WritingTurn turn{*this, lock};
    write(turn.jobs());
  }
}

void ReportIntake::write(const std::vector<Job*>& jobs) {
  if (attempt([&] { commit(jobs); })) return;
  for (Job* job : jobs) {
    for (JudgedDelivery* delivery : job->deliveries) {
      delivery->result.stored = false;
      for (const std::size_t place : delivery->places) {
        delivery->result.reports[place].message =
            "could not be stored, the database cannot be written; send it again later";
      }
    }
    count_later(ReportOutcome::failed, job->reports);
  }
}

/// Files the reports of all jobs in one transaction. Errors: StoreError, and then nothing was filed.
void ReportIntake::commit(const std::vector<Job*>& jobs) {
  std::vector<FiledReport> reports;
  std::vector<TakenReport*> taken;
  std::set<std::string> domains;
  for (Job* job : jobs) {
    for (JudgedDelivery* delivery : job->deliveries) {
      for (std::size_t i = 0; i < delivery->reports.size(); ++i) {
        domains.insert(delivery->reports[i].domain);
        reports.push_back(std::move(delivery->reports[i]));
        taken.push_back(&delivery->result.reports[delivery->places[i]]);
      }
    }
  }
  const std::lock_guard lock{store_mutex_};
  const OutcomeCounts others = take_uncounted();
  std::vector<ReportOutcome> outcomes;
  try {
    outcomes = store_.file(reports, others);
  } catch (...) {
    put_back(others);
    throw;
  }
  for (std::size_t i = 0; i < taken.size(); ++i) {
    taken[i]->outcome = outcomes[i];
    taken[i]->message = message_of(outcomes[i], reports[i], taken[i]->message);
  }
  board_.show(domains, store_.totals());
}

/// Counts what is not to be filed.
void ReportIntake::count_refused(const JudgedDelivery& delivery) {
  for (std::size_t i = 0; i < delivery.result.reports.size(); ++i) {
    if (!std::ranges::binary_search(delivery.places, i)) count_later(delivery.result.reports[i].outcome, 1);
  }
}

/// Counts with the next write.
void ReportIntake::count_later(ReportOutcome outcome, std::uint64_t reports) {
  const std::lock_guard lock{queue_mutex_};
  uncounted_[static_cast<std::size_t>(outcome)] += reports;
}

OutcomeCounts ReportIntake::take_uncounted() {
  const std::lock_guard lock{queue_mutex_};
  return std::exchange(uncounted_, {});
}

void ReportIntake::put_back(const OutcomeCounts& outcomes) {
  const std::lock_guard lock{queue_mutex_};
  for (std::size_t i = 0; i < outcomes.size(); ++i) uncounted_[i] = add_bounded(uncounted_[i], outcomes[i]);
}

/// Runs work that writes. Says whether it worked, and tells when that is news. Whatever goes wrong is one failed write:
/// a single huge report must not end the daemon.
template <class Work>
bool ReportIntake::attempt(Work work) {
  std::string error;
  try {
    work();
  } catch (const std::exception& failure) {
    error = failure.what();
  }
  note_trouble(error);
  return error.empty();
}

void ReportIntake::note_trouble(const std::string& error) {
  bool changed = false;
  {
    const std::lock_guard lock{queue_mutex_};
    changed = std::exchange(writable_, error.empty()) != error.empty();
  }
  if (changed && options_.on_trouble) options_.on_trouble(error);
}

bool ReportIntake::writable() const {
  const std::lock_guard lock{queue_mutex_};
  return writable_;
}

/// Writes outcomes that wait; after a failure this is also how we learn that writing works again.
void ReportIntake::flush() {
  {
    const std::lock_guard lock{queue_mutex_};
    if (writable_ && uncounted_ == OutcomeCounts{}) return;
  }
  attempt([&] { commit({}); });
}

bool ReportIntake::look() {
  flush();
  const std::lock_guard lock{store_mutex_};
  try {
    if (store_.refresh()) board_.show_all(store_.totals());
  } catch (const std::exception& error) {
    note_trouble(error.what());
  }
  return writable();
}

bool ReportIntake::expire(UnixTime now) {
  if (!writable()) return false;  // that there was nothing to remove would look like a write that worked
  bool more = false;
  attempt([&] {
    const std::lock_guard lock{store_mutex_};
    more = store_.expire(now, options_.retention);
  });
  return more;
}

ReportView ReportIntake::view() const {
  ReportView view = board_.view();
  view.outcomes_shown = rules()->shows_outcomes;
  const std::lock_guard lock{queue_mutex_};
  for (std::size_t i = 0; i < shown_.size(); ++i)
    shown_[i] = std::max(shown_[i], add_bounded(view.outcomes[i], uncounted_[i]));
  view.outcomes = shown_;
  return view;
}

void ReportIntake::start() {
  thread_ = std::thread{[this] { run(); }};
}

void ReportIntake::stop() {
  {
    const std::lock_guard lock{thread_mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  flush();
}

void ReportIntake::run() {
  using Clock = std::chrono::steady_clock;
  Clock::time_point expire_at = Clock::now();
  std::unique_lock lock{thread_mutex_};
  while (!stopping_) {
    lock.unlock();
    const Clock::time_point begin = Clock::now();
    // A few rows at a time: nobody who has a report, a reload or the end to see to waits for more.
    if (begin >= expire_at && !expire(options_.now())) expire_at = begin + options_.expiry;
    // A look that takes long, because somebody files thousands of reports, is not taken all the time.
    const bool works = look();
    const auto busy = std::max<Clock::duration>(options_.period, 10 * (Clock::now() - begin));
    const auto pause = works ? busy : Clock::duration{options_.retry};
    lock.lock();
    wake_.wait_for(lock, pause, [this] { return stopping_; });
  }
}

}  // namespace mtasts
