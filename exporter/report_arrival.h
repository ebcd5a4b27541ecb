// A report on its way in, and what became of it: the words between the ways in and the intake.
// Next: report_intake.h, which judges and files; tlsrpt_http.h, report_folders.h and report_imap.h, the ways in.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mtasts {

/// How a report came.
enum class ReportChannel { http, maildir, spool, imap, ingest };
constexpr std::size_t kReportChannelCount = 5;
std::string_view to_string(ReportChannel channel);

/// One input, as a way in hands it over.
struct Arrival {
  ReportChannel channel{ReportChannel::ingest};
  std::string name{};  // of the file, message or peer, for the log
  bool token{};        // came under a path token of the configuration: authenticated without DKIM
};

/// What happened to one policy domain of one report: the words of the label `outcome` of mtasts_tlsrpt_reports_total.
/// counted: authenticated and new; uncounted: stored and shown, but nobody vouches for it; duplicate: known already;
/// conflict: the same key with other content; unknown_domain: not configured; invalid: not a report; failed: could not
/// be stored, the sender must come again.
enum class ReportOutcome { counted, uncounted, duplicate, conflict, unknown_domain, invalid, failed };
constexpr std::size_t kReportOutcomeCount = 7;
std::string_view to_string(ReportOutcome outcome);

struct TakenReport {
  ReportOutcome outcome{ReportOutcome::invalid};
  std::string domain{};   // "" where the report could not be read
  std::string message{};  // one sentence for the log, the HTTP answer and `ingest`
};

/// All of one input. `stored` is false when anything could not be put on disk.
struct IntakeResult {
  std::vector<TakenReport> reports{};  // never empty
  bool stored{true};
};

/// Is it on disk, now or from before?
bool is_kept(ReportOutcome outcome);

/// Whether a person should look at the input: nothing of it was stored or known already, or some of it is no report.
/// Input: `result` is stored.
bool is_refused(const IntakeResult& result);

/// Takes one input in. When it returns with `stored`, everything worth keeping is on disk. Safe from any thread; waits
/// for the disk, so never called on an event loop.
using TakeReport = std::function<IntakeResult(std::string_view input, const Arrival& arrival)>;

struct ArrivedInput {
  std::string text{};
  Arrival arrival{};
};
/// The next of many inputs, nullopt when there is none.
using NextInput = std::function<std::optional<ArrivedInput>()>;

/// Takes inputs in until there is none or enough for one transaction, so that the disk is waited for once. One input
/// is held at a time. Says what became of each, in their order; none when there was no input.
using TakeReports = std::function<std::vector<IntakeResult>(const NextInput& next)>;

}  // namespace mtasts
