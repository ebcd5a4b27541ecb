// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_command.h"

#include <algorithm>
#include <boost/json.hpp>
#include <istream>
#include <map>
#include <ostream>
#include <utility>

#include "exporter/explanation.h"
#include "exporter/file_text.h"
#include "exporter/paragraph.h"
#include "exporter/problems.h"
#include "exporter/report_words.h"
#include "probes/core/catalogue.h"
#include "probes/core/date_text.h"
#include "probes/core/domain_name.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

namespace json = boost::json;

constexpr int kExitGood = 0;
constexpr int kExitBad = 1;
constexpr std::size_t kMaxFaultsShown = 50;  // of one policy; a person reads no more

std::string shown(std::string_view text) { return escape_unprintable(text); }

std::string time_text(UnixTime time) {
  const auto minutes = std::chrono::floor<std::chrono::minutes>(time - std::chrono::floor<std::chrono::days>(time));
  const auto two = [](long number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  return date_text(time) + ' ' + two(minutes.count() / 60) + ':' + two(minutes.count() % 60);
}

std::string sessions_text(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " session" : " sessions");
}

/// Explains one report.
class ReportPage {
 public:
  std::string render(std::string_view file, const ReadReport& report) {
    const TlsReportResult& result = report.result;
    text_ = shown(file) + ": " +
            (result.report ? "valid report of " + shown(result.report->organization) : "not valid") + '\n';
    if (result.report) content(*result.report);
    problems(result);
    return std::move(text_);
  }

 private:
  void content(const TlsReport& report) {
    text_ += render_paragraph("  Report    ", shown(report.report_id));
    if (!report.contact_info.empty()) text_ += render_paragraph("  Contact   ", shown(report.contact_info));
    text_ += "  About     " + time_text(report.start) + " to " + time_text(report.end) + " UTC\n";
    for (const ReportPolicy& policy : report.policies) this->policy(policy);
  }

  void policy(const ReportPolicy& policy) {
    const std::string domain = policy.domain.empty() ? "(no domain)" : shown(policy.domain);
    text_ += "\n  " + domain + ", " + policy_words(policy) + ": " + sessions_text(policy.successful) + " succeeded, " +
             std::to_string(policy.failed) + (policy.failed > 0 ? " FAILED\n" : " failed\n");
    const FaultGroups groups = group_faults(policy.failures);
    for (std::size_t i = 0; i < std::min(groups.size(), kMaxFaultsShown); ++i) fault(i + 1, groups[i].second);
    if (groups.size() > kMaxFaultsShown)
      text_ += "  ... and " + std::to_string(groups.size() - kMaxFaultsShown) + " more, see --format=json\n";
    if (policy.failed > 0 && parse_domain_name(policy.domain))
      text_ += "     Check it now: mtasts_exporter check " + policy.domain + '\n';  // never wrapped: to be pasted
  }

  void fault(std::size_t number, const FaultGroup& group) {
    const ReportFailure& example = *group.example;
    const CatalogueEntry* entry = find_code(CodeKind::result_type, example.result_type);
    text_ +=
        "  " + std::to_string(number) + ". " + (example.result_type.empty() ? "(no type)" : shown(example.result_type));
    if (entry != nullptr) text_ += " [" + std::string(to_string(entry->severity)) + ']';
    if (!example.receiving_mx_hostname.empty()) text_ += ' ' + shown(example.receiving_mx_hostname);
    text_ += ": " + sessions_text(group.sessions) + '\n';
    if (entry != nullptr) text_ += render_explanation("     ", explain(*entry), "");
    details(example);
  }

  /// What the sender adds, of one of the sessions.
  void details(const ReportFailure& example) {
    const std::string way = way_words(example);
    if (!way.empty()) text_ += render_paragraph("     Seen:    ", way);
    if (!example.failure_reason_code.empty())
      text_ += render_paragraph("     Reason:  ", shown(example.failure_reason_code));
    if (!example.additional_information.empty())
      text_ += render_paragraph("     More:    ", shown(example.additional_information));
  }

  /// Each kind of problem once, with the number of the others.
  void problems(const TlsReportResult& result) {
    for (const ParseError& error : result.errors) text_ += render_problem("  error", error, CodeKind::report_error);
    std::map<std::string_view, std::pair<ParseError, std::size_t>> kinds;
    for (const ParseError& warning : result.warnings)
      ++kinds.try_emplace(warning.code, warning, 0).first->second.second;
    for (auto& [code, kind] : kinds) {
      if (kind.second > 1) kind.first.detail += " (and " + std::to_string(kind.second - 1) + " more)";
      text_ += render_problem("  warning", kind.first, CodeKind::report_error);
    }
  }

  std::string text_{};
};

json::object json_failure(const ReportFailure& failure) {
  return {{"result_type", json_utf8(failure.result_type)},
          {"count", failure.failed_sessions},
          {"receiving_mx_hostname", json_utf8(failure.receiving_mx_hostname)},
          {"receiving_ip", json_utf8(failure.receiving_ip)},
          {"sending_mta_ip", json_utf8(failure.sending_mta_ip)},
          {"failure_reason_code", json_utf8(failure.failure_reason_code)},
          {"additional_information", json_utf8(failure.additional_information)}};
}

json::object json_policy(const ReportPolicy& policy) {
  json::array failures;
  for (const ReportFailure& failure : policy.failures) failures.push_back(json_failure(failure));
  return {{"type", json_utf8(policy.type)},
          {"domain", json_utf8(policy.domain)},
          {"successful", policy.successful},
          {"failed", policy.failed},
          {"failures", std::move(failures)}};
}

json::object json_report(const TlsReport& report) {
  json::array policies;
  for (const ReportPolicy& policy : report.policies) policies.push_back(json_policy(policy));
  return {{"organization", json_utf8(report.organization)},
          {"report_id", json_utf8(report.report_id)},
          {"start", report.start.time_since_epoch().count()},
          {"end", report.end.time_since_epoch().count()},
          {"policies", std::move(policies)}};
}

/// Puts the parts of one report into those of its file. Texts and times are those of the first valid report.
void add_report(json::object& file, const TlsReport& report) {
  json::object one = json_report(report);
  for (json::value& policy : one["policies"].as_array()) file["policies"].as_array().push_back(policy);
  for (const char* key : {"organization", "report_id", "start", "end"}) {
    if (file[key].is_null()) file[key] = one[key];
  }
  file["reports"].as_array().push_back(std::move(one));
}

void add_problems(json::object& file, const char* key, const std::vector<ParseError>& problems) {
  for (json::value& problem : json_problems(problems)) file[key].as_array().push_back(std::move(problem));
}

/// Each report, and what is wrong with the whole file as if it were one: every file has something to show.
template <class Show>
void for_each_report(const ReadReports& read, Show show) {
  for (const ReadReport& report : read.reports) show(report);
  if (!read.errors.empty()) show(ReadReport{.result = {.errors = read.errors}});
}

ReadReports unreadable(const std::string& fault) {
  ReadReports read;
  read.errors.push_back({.code = "report-unreadable", .detail = "the file " + fault});
  return read;
}

/// Prints the results of file after file; of JSON, one array.
class ReportPrinter {
 public:
  ReportPrinter(std::ostream& out, OutputFormat format) : out_(out), format_(format) {
    if (is_json()) out_ << "[\n";
  }
  void print(const std::string& file, const ReadReports& read) {
    if (!first_) out_ << (is_json() ? ",\n" : "\n");
    first_ = false;
    out_ << (is_json() ? render_reports_json(file, read) : render_reports_text(file, read));
  }
  void finish() {
    if (is_json()) out_ << "\n]\n";
  }

 private:
  [[nodiscard]] bool is_json() const { return format_ == OutputFormat::json; }

  std::ostream& out_;
  OutputFormat format_;
  bool first_{true};
};

}  // namespace

bool all_valid(const ReadReports& read) {
  return read.errors.empty() && std::all_of(read.reports.begin(), read.reports.end(),
                                            [](const ReadReport& report) { return report.result.errors.empty(); });
}

std::string render_reports_text(std::string_view file, const ReadReports& read) {
  std::string text;
  for_each_report(
      read, [&](const ReadReport& report) { text += (text.empty() ? "" : "\n") + ReportPage().render(file, report); });
  return text;
}

std::string render_reports_json(std::string_view file, const ReadReports& read) {
  json::object out{{"file", json_utf8(file)},   {"valid", all_valid(read)}, {"organization", nullptr},
                   {"report_id", nullptr},      {"start", nullptr},         {"end", nullptr},
                   {"policies", json::array{}}, {"errors", json::array{}},  {"warnings", json::array{}},
                   {"reports", json::array{}}};
  for_each_report(read, [&](const ReadReport& report) {
    if (report.result.report) add_report(out, *report.result.report);
    add_problems(out, "errors", report.result.errors);
    add_problems(out, "warnings", report.result.warnings);
  });
  return json::serialize(out);
}

int run_report(const ReportOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  const ReaderOptions reader;
  ReportPrinter printer(out, options.format);
  int status = kExitGood;
  for (const std::string& file : options.files) {
    const FileText input =
        file == "-" ? read_stream_text(in, reader.max_input_bytes) : read_input_text(file, reader.max_input_bytes);
    const bool too_large = input.text.size() > reader.max_input_bytes;  // a verdict on the report, not on the file
    const bool readable = input.fault.empty() || too_large;
    const ReadReports read = readable ? read_reports(input.text, reader) : unreadable(input.fault);
    printer.print(file, read);
    if (!all_valid(read)) status = kExitBad;
    if (!readable) err << "mtasts_exporter: " << shown(file) << ": " << input.fault << '\n';
  }
  printer.finish();
  return status;
}

}  // namespace mtasts
