// Takes reports in: reads an input, judges what counts, files it, and keeps the board true.
// Next: report_reader.h, which reads; report_store.h, which files; report_board.h, which shows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "exporter/report_arrival.h"
#include "exporter/report_board.h"
#include "exporter/report_reader.h"
#include "exporter/report_store.h"
#include "exporter/serve_config.h"

namespace mtasts {

/// What the configuration says of reports.
struct IntakeRules {
  std::vector<std::string> domains{};          // sorted; they count and are shown
  std::vector<std::string> counted_domains{};  // sorted; they count, and another exporter shows them
  bool shows_outcomes{true};                   // false where another exporter does
  bool accept_unauthenticated{};
  std::string authserv_id{};  // whose Authentication-Results are believed
  bool expects_reports{};     // a way in is configured, or whom to believe: see ReportBoard

  bool operator==(const IntakeRules&) const = default;
};

/// The rules that a configuration with its domain files comes to. Exporters that share a database and the domains file
/// reports about any of them: a report may arrive anywhere.
IntakeRules intake_rules_of(const ServeConfig& config);

/// Does the configuration mean to take reports in? By hand, too: then the first of them is an increase already.
bool expects_reports(const TlsrptConfig& tlsrpt);

/// An input that was read, and how it came.
struct Delivery {
  ReadReports read{};
  Arrival arrival{};
};

/// One input judged by the rules: what to file, and what is to be said of the rest. Pure.
struct JudgedDelivery {
  std::vector<FiledReport> reports{};  // in the order of their places in `result`
  std::vector<std::size_t> places{};   // of `reports` in result.reports, ascending; failed until filed
  IntakeResult result{};               // outcomes of what is not filed are final
};
JudgedDelivery judge_delivery(Delivery delivery, const IntakeRules& rules, UnixTime now);

struct IntakeOptions {
  std::chrono::milliseconds period{std::chrono::seconds{1}};  // between two looks at what other processes filed
  std::chrono::milliseconds retry{std::chrono::seconds{10}};  // after a write that failed
  std::chrono::milliseconds expiry{std::chrono::minutes{1}};
  ReportRetention retention{};
  std::function<UnixTime()> now{};
  std::function<void(const std::string& error)> on_trouble{};  // once per change: "" when the store works again
};

/// Safe from any thread. Deliveries that arrive while another is written wait and are then written together, in one
/// transaction: the disk is waited for once.
class ReportIntake {
 public:
  ReportIntake(ReportStore store, IntakeOptions options);
  ~ReportIntake();
  ReportIntake(const ReportIntake&) = delete;
  ReportIntake& operator=(const ReportIntake&) = delete;

  void set_rules(IntakeRules rules);

  /// Takes one input in. When it returns with `stored`, everything worth keeping is on disk. Waits for the disk. Input:
  /// `now` is the time of arrival; a range that ends later counts as ending then. Errors: in the result.
  IntakeResult take(std::string_view input, const Arrival& arrival, UnixTime now);
  /// The same for inputs that were read by read(), in one transaction.
  std::vector<IntakeResult> take_all(std::vector<Delivery> deliveries, UnixTime now);
  /// The same for inputs that it reads itself, one after another, until there is none or the transaction is large
  /// enough: what it holds of all but the last stays within some ten megabytes.
  std::vector<IntakeResult> take_batch(const NextInput& next, UnixTime now);
  ReadReports read(std::string_view input) const;

  /// Begins to look, from a thread of its own, at what other processes file, and to expire; stop() ends it.
  void start();
  void stop();
  /// One such look; says whether the store worked.
  bool look();
  /// Takes some of what is over the retention away; says whether there may be more.
  bool expire(UnixTime now);

  /// What is shown. Outcomes that are not on disk yet are in it: a report that could not be stored shows at once.
  ReportView view() const;
  bool writable() const;  // false after a write that failed, until one works

 private:
  struct Job;
  class WritingTurn;
  std::shared_ptr<const IntakeRules> rules() const;
  std::vector<IntakeResult> file_all(std::vector<JudgedDelivery> judged);
  void file(Job& job);
  void write(const std::vector<Job*>& jobs);
  void commit(const std::vector<Job*>& jobs);
  void flush();
  OutcomeCounts take_uncounted();
  void put_back(const OutcomeCounts& outcomes);
  void count_refused(const JudgedDelivery& delivery);
  void count_later(ReportOutcome outcome, std::uint64_t reports);
  template <class Work>
  bool attempt(Work work);
  void note_trouble(const std::string& error);
  void run();

  IntakeOptions options_;
  // One input is unpacked at a time, so that a hundred mailboxes need no more memory.
  mutable std::mutex reading_mutex_{};
  mutable std::mutex rules_mutex_{};
  std::shared_ptr<const IntakeRules> rules_{std::make_shared<const IntakeRules>()};
  ReportBoard board_{};

  std::mutex store_mutex_{};  // taken before queue_mutex_, never after it
  ReportStore store_;

  mutable std::mutex queue_mutex_{};
  std::condition_variable queue_changed_{};
  std::deque<Job*> queue_{};
  bool writing_{};
  bool writable_{true};
  OutcomeCounts uncounted_{};      // outcomes that are not in the store yet
  mutable OutcomeCounts shown_{};  // counters never fall, not even between a write and its showing

  std::mutex thread_mutex_{};
  std::condition_variable wake_{};
  bool stopping_{};
  std::thread thread_{};
};

}  // namespace mtasts
