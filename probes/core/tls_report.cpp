// SPDX-License-Identifier: Apache-2.0
#include "probes/core/tls_report.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <charconv>
#include <cmath>
#include <utility>
#include <variant>

#include "probes/core/bounded_json.h"
#include "probes/core/domain_name.h"
#include "probes/core/octets.h"
#include "probes/core/report_date.h"
#include "probes/core/verdicts.h"

namespace mtasts {
namespace {

constexpr std::size_t kMaxWarnings = 100;
constexpr std::size_t kMaxMembers = 1000;  // of one object; RFC 8460 knows of nine at most
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::array<std::string_view, 3> kPolicyTypes{"tlsa", "sts", "no-policy-found"};

/// Where in a report we are. `skipped` is inside something that is not read.
enum class Place {
  report,
  date_range,
  policies,
  entry,
  policy,
  policy_strings,
  mx_hosts,
  summary,
  failures,
  failure,
  skipped
};

/// What is being read; the parts move into the report when their objects end.
struct Draft {
  TlsReport report{};
  std::string start{};
  std::string end{};
  ReportPolicy policy{};
  ReportFailure failure{};
};

using TextSlot = std::string& (*)(Draft&);
using CountSlot = std::uint64_t& (*)(Draft&);
using ListSlot = std::vector<std::string>& (*)(Draft&);
/// monostate: an object or array of its own place.
using Slot = std::variant<std::monostate, TextSlot, CountSlot, ListSlot>;

/// One member that is read. `error` is the code when it is missing or of the wrong type; "" where that is a warning.
/// `expected` members are warned about when missing; about the others a function below decides.
struct Member {
  Place in;
  std::string_view name;
  Slot slot;
  std::string_view error{};
  bool expected{};
  JsonKind kind{JsonKind::text};  // of a member without a slot
  Place opens{Place::skipped};
};

constexpr TextSlot text(TextSlot slot) { return slot; }
constexpr CountSlot count(CountSlot slot) { return slot; }
constexpr ListSlot list(ListSlot slot) { return slot; }

// RFC 8460 section 4.4. The last two names of a failure are those of its section 4.4 and appendix B, which differ from
// those of the JSON form; senders use either.
constexpr auto kMembers = std::to_array<Member>({
    {Place::report, "organization-name", text([](Draft& d) -> std::string& { return d.report.organization; }),
     "report-organization-missing"},
    {Place::report, "report-id", text([](Draft& d) -> std::string& { return d.report.report_id; }),
     "report-id-missing"},
    {Place::report, "contact-info", text([](Draft& d) -> std::string& { return d.report.contact_info; }), "", true},
    {Place::report, "date-range", {}, "report-date-range-missing", false, JsonKind::object, Place::date_range},
    {Place::report, "policies", {}, "report-policies-missing", false, JsonKind::array, Place::policies},
    {Place::date_range, "start-datetime", text([](Draft& d) -> std::string& { return d.start; }), "report-date"},
    {Place::date_range, "end-datetime", text([](Draft& d) -> std::string& { return d.end; }), "report-date"},
    {Place::entry, "policy", {}, "", true, JsonKind::object, Place::policy},
    {Place::entry, "summary", {}, "report-summary-missing", false, JsonKind::object, Place::summary},
    {Place::entry, "failure-details", {}, "", false, JsonKind::array, Place::failures},
    {Place::policy, "policy-type", text([](Draft& d) -> std::string& { return d.policy.type; }), "", true},
    {Place::policy, "policy-domain", text([](Draft& d) -> std::string& { return d.policy.domain; }), "", true},
    {Place::policy, "policy-string",
     list([](Draft& d) -> std::vector<std::string>& { return d.policy.policy_strings; }), "", false, JsonKind::array,
     Place::policy_strings},
    {Place::policy, "mx-host", list([](Draft& d) -> std::vector<std::string>& { return d.policy.mx_hosts; }), "", false,
     JsonKind::array, Place::mx_hosts},
    {Place::summary, "total-successful-session-count",
     count([](Draft& d) -> std::uint64_t& { return d.policy.successful; }), "report-count"},
    {Place::summary, "total-failure-session-count", count([](Draft& d) -> std::uint64_t& { return d.policy.failed; }),
     "report-count"},
    {Place::failure, "result-type", text([](Draft& d) -> std::string& { return d.failure.result_type; }), "", true},
    {Place::failure, "sending-mta-ip", text([](Draft& d) -> std::string& { return d.failure.sending_mta_ip; })},
    {Place::failure, "receiving-mx-hostname",
     text([](Draft& d) -> std::string& { return d.failure.receiving_mx_hostname; })},
    {Place::failure, "receiving-mx-helo", text([](Draft& d) -> std::string& { return d.failure.receiving_mx_helo; })},
    {Place::failure, "receiving-ip", text([](Draft& d) -> std::string& { return d.failure.receiving_ip; })},
    {Place::failure, "failed-session-count",
     count([](Draft& d) -> std::uint64_t& { return d.failure.failed_sessions; }), "", true},
    {Place::failure, "additional-information",
     text([](Draft& d) -> std::string& { return d.failure.additional_information; })},
    {Place::failure, "failure-reason-code",
     text([](Draft& d) -> std::string& { return d.failure.failure_reason_code; })},
    {Place::failure, "additional-info-uri",
     text([](Draft& d) -> std::string& { return d.failure.additional_information; })},
    {Place::failure, "failure-error-code",
     text([](Draft& d) -> std::string& { return d.failure.failure_reason_code; })},
});

using MemberSet = std::bitset<kMembers.size()>;

/// The row of the member, kMembers.size() for one that is not read.
std::size_t find_member(Place in, std::string_view name) {
  const auto row =
      std::find_if(kMembers.begin(), kMembers.end(), [&](const Member& m) { return m.in == in && m.name == name; });
  return static_cast<std::size_t>(row - kMembers.begin());
}

std::string_view kind_words(JsonKind kind) {
  static constexpr std::array<std::string_view, 7> kWords{"an object", "an array",      "a text", "an integer",
                                                          "a number",  "true or false", "null"};
  return kWords[static_cast<std::size_t>(kind)];
}

/// What a person would take the value for: 3.0, 1e3 and "3" are counts too. nullopt: not a count at all.
std::optional<std::uint64_t> count_of(const JsonValue& value) {
  if (value.kind == JsonKind::integer && value.integer >= 0) return static_cast<std::uint64_t>(value.integer);
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (value.kind == JsonKind::number && value.number >= 0 && value.number < kLimit &&
      std::trunc(value.number) == value.number) {
    return static_cast<std::uint64_t>(value.number);
  }
  std::int64_t number = 0;
  const char* const end = value.text.data() + value.text.size();
  const auto [last, error] = std::from_chars(value.text.data(), end, number);
  if (value.kind != JsonKind::text || error != std::errc{} || last != end || number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(number);
}

bool is_result_type(std::string_view word) {
  for (std::size_t i = 0; i < kResultTypeCount; ++i) {
    if (word == to_string(static_cast<ResultType>(i))) return true;
  }
  return false;
}

std::uint64_t sum_of(const std::vector<ReportFailure>& failures) {
  std::uint64_t sum = 0;
  for (const ReportFailure& failure : failures) {
    sum = std::min(sum, std::uint64_t{1} << 63U) + failure.failed_sessions;  // below 2^63 each: no overflow
  }
  return sum;
}

/// Builds the report out of the events.
class ReportBuilder final : public JsonEvents {
 public:
  explicit ReportBuilder(const ReportLimits& limits) : limits_(limits) {}

  bool on_key(std::string_view key, std::size_t offset) override {
    Frame& frame = frames_.back();
    offset_ = offset;
    frame.current = find_member(frame.place, key);
    return true;
  }

  bool on_value(const JsonValue& value) override {
    offset_ = value.offset;
    const Place opened = place_of(value);
    if (value.kind == JsonKind::object || value.kind == JsonKind::array) frames_.push_back({.place = opened});
    return !stopped_;
  }

  bool on_close() override {
    const Frame closed = frames_.back();
    frames_.pop_back();
    finish(closed);
    return !stopped_;
  }

  void fail(std::string_view code, std::size_t offset, std::string detail) {
    const bool known = std::any_of(result_.errors.begin(), result_.errors.end(),
                                   [&](const ParseError& error) { return error.code == code; });
    if (!known) result_.errors.push_back({.code = code, .offset = offset, .detail = std::move(detail)});
  }

  TlsReportResult take() {
    if (result_.errors.empty()) result_.report = std::move(draft_.report);
    return std::move(result_);
  }

 private:
  struct Frame {
    Place place{Place::skipped};
    std::size_t current{kMembers.size()};  // row of the member that is being read, in an object
    std::size_t elements{};                // that were seen, in an array
    MemberSet seen{};
    MemberSet read{};  // those of the texts seen that were taken
  };

  /// Takes the value in; the place that it opens when it is an object or array.
  Place place_of(const JsonValue& value) {
    if (frames_.empty()) return top(value);
    Frame& frame = frames_.back();
    switch (frame.place) {
      case Place::policies:
        ++frame.elements;
        return policy_entry(value);
      case Place::failures:
        ++frame.elements;
        return failure_entry(value);
      case Place::policy_strings:
        ++frame.elements;
        return list_element(value, draft_.policy.policy_strings);
      case Place::mx_hosts:
        ++frame.elements;
        return list_element(value, draft_.policy.mx_hosts);
      default:
        return frame.current == kMembers.size() ? Place::skipped : member(value, frame);
    }
  }

  Place top(const JsonValue& value) {
    if (value.kind == JsonKind::object) return Place::report;
    fail("report-not-object", offset_, "the report is " + std::string(kind_words(value.kind)) + ", not an object");
    return Place::skipped;
  }

  Place policy_entry(const JsonValue& value) {
    if (frames_.back().elements > limits_.max_policies) return too_many("policies", limits_.max_policies);
    draft_.policy = {};
    if (value.kind == JsonKind::object) return Place::entry;
    fail("report-policy-not-object", offset_,
         path() + " is " + std::string(kind_words(value.kind)) + ", not an object");
    return Place::skipped;
  }

  Place failure_entry(const JsonValue& value) {
    if (++failures_ > limits_.max_failures) return too_many("failures", limits_.max_failures);
    draft_.failure = {};
    if (value.kind == JsonKind::object) return Place::failure;
    warn_of_kind(value, "an object");
    return Place::skipped;
  }

  Place list_element(const JsonValue& value, std::vector<std::string>& list) {
    if (value.kind == JsonKind::text) {
      add_text(value, list);
    } else {
      warn_of_kind(value, "a text");
    }
    return Place::skipped;
  }

  Place member(const JsonValue& value, Frame& frame) {
    const Member& wanted = kMembers[frame.current];
    if (value.kind == JsonKind::null && !wanted.error.empty()) return Place::skipped;  // missing: told at the end
    frame.seen.set(frame.current);
    if (value.kind == JsonKind::null) {
      warn("report-member-null", path() + " is null");
      return Place::skipped;
    }
    if (const auto* slot = std::get_if<TextSlot>(&wanted.slot)) return text_member(value, wanted, (*slot)(draft_));
    if (const auto* slot = std::get_if<CountSlot>(&wanted.slot)) return count_member(value, wanted, (*slot)(draft_));
    if (const auto* slot = std::get_if<ListSlot>(&wanted.slot)) {
      if (value.kind == JsonKind::text) return single_element(value, wanted, (*slot)(draft_));
    }
    if (value.kind == wanted.kind) return wanted.opens;
    complain_of_kind(value, wanted, kind_words(wanted.kind));
    return Place::skipped;
  }

  Place text_member(const JsonValue& value, const Member& wanted, std::string& slot) {
    if (value.kind != JsonKind::text) {
      complain_of_kind(value, wanted, "a text");
    } else if (check_length(value)) {
      slot = value.text;
      frames_.back().read.set(frames_.back().current);
    }
    return Place::skipped;
  }

  /// The counts of a summary must be integers (contract); those of a failure are taken where their meaning is clear.
  Place count_member(const JsonValue& value, const Member& wanted, std::uint64_t& slot) {
    const bool exact = value.kind == JsonKind::integer && value.integer >= 0;
    const auto number = count_of(value);
    if (exact || wanted.error.empty()) slot = number.value_or(0);
    if (exact) return Place::skipped;
    if (!wanted.error.empty()) {
      fail(wanted.error, offset_, path() + " is not an integer from 0 to 2^63-1");
    } else {
      warn("report-count-form", path() + " is not an integer from 0 to 2^63-1: taken as " + std::to_string(slot));
    }
    return Place::skipped;
  }

  /// A text where an array of texts should be. The form of mx-host is not clear in RFC 8460, so either is right.
  Place single_element(const JsonValue& value, const Member& wanted, std::vector<std::string>& list) {
    if (wanted.opens != Place::mx_hosts) warn("report-member-type", path() + " is a text, not an array of texts");
    add_text(value, list);
    return Place::skipped;
  }

  void add_text(const JsonValue& value, std::vector<std::string>& list) {
    if (++strings_ > limits_.max_strings) {
      too_many("policy strings and MX hosts", limits_.max_strings);
    } else if (check_length(value)) {
      list.emplace_back(value.text);
    }
  }

  bool check_length(const JsonValue& value) {
    if (value.text_octets <= limits_.max_text) return true;
    fail("report-text-too-long", offset_, path() + " is longer than " + std::to_string(limits_.max_text) + " octets");
    return false;
  }

  Place too_many(std::string_view what, std::size_t limit) {
    fail("report-too-many", offset_, "the report has more than " + std::to_string(limit) + ' ' + std::string(what));
    stopped_ = true;
    return Place::skipped;
  }

  void warn(std::string_view code, std::string detail) {
    if (result_.warnings.size() == kMaxWarnings) return;
    result_.warnings.push_back({.code = code, .offset = offset_, .detail = std::move(detail)});
  }

  void warn_of_kind(const JsonValue& value, std::string_view wanted) {
    if (value.kind == JsonKind::null) return warn("report-member-null", path() + " is null");
    warn("report-member-type", path() + " is " + std::string(kind_words(value.kind)) + ", not " + std::string(wanted));
  }

  void complain_of_kind(const JsonValue& value, const Member& member, std::string_view wanted) {
    if (member.error.empty()) return warn_of_kind(value, wanted);
    fail(member.error, offset_, path() + " is " + std::string(kind_words(value.kind)) + ", not " + std::string(wanted));
  }

  void finish(const Frame& closed) {
    for (std::size_t row = 0; row < kMembers.size(); ++row) {
      if (kMembers[row].in != closed.place || closed.seen[row]) continue;
      if (!kMembers[row].error.empty())
        fail(kMembers[row].error, offset_, path_of_object() + " has no " + std::string(kMembers[row].name));
      if (kMembers[row].expected) miss(kMembers[row].name);
    }
    if (closed.place == Place::report) finish_report();
    if (closed.place == Place::date_range) finish_date_range();
    if (closed.place == Place::policies && closed.elements == 0)
      warn("report-no-policy", "the list of policies is empty");
    if (closed.place == Place::policy) finish_policy(closed);
    if (closed.place == Place::entry) finish_entry(closed);
    if (closed.place == Place::failure) finish_failure(closed);
  }

  void miss(std::string_view name) { warn("report-member-missing", path_of_object() + " has no " + std::string(name)); }
  void miss_unless_seen(const Frame& frame, std::string_view name) {
    if (!frame.seen[find_member(frame.place, name)]) miss(name);
  }

  void finish_report() {
    if (!failed("report-organization-missing") && draft_.report.organization.empty())
      warn("report-member-empty", "organization-name is empty");
    if (!failed("report-id-missing") && draft_.report.report_id.empty())
      warn("report-member-empty", "report-id is empty");
  }

  [[nodiscard]] bool failed(std::string_view code) const {
    return std::any_of(result_.errors.begin(), result_.errors.end(),
                       [&](const ParseError& error) { return error.code == code; });
  }

  void finish_date_range() {
    if (failed("report-date")) return;
    draft_.report.start = date("start-datetime", draft_.start);
    draft_.report.end = date("end-datetime", draft_.end);
    if (!failed("report-date") && draft_.report.end < draft_.report.start)
      warn("report-date-order", "the date-range ends before it begins");
  }

  UnixTime date(std::string_view name, const std::string& text) {
    const auto date = parse_report_date(text);
    if (!date) fail("report-date", offset_, std::string(name) + ' ' + in_quotes(text) + " is not a date");
    if (date && !date->exact) warn("report-date-form", std::string(name) + ' ' + in_quotes(text) + " is not RFC 3339");
    return date ? date->time : UnixTime{};
  }

  void finish_policy(const Frame& closed) {
    const std::string& type = draft_.policy.type;
    draft_.policy.domain = normalize_host(draft_.policy.domain);
    if (type == "sts" || type == "tlsa") miss_unless_seen(closed, "policy-string");
    if (type == "sts") miss_unless_seen(closed, "mx-host");
    const bool has_type = closed.read[find_member(Place::policy, "policy-type")];
    if (has_type && std::find(kPolicyTypes.begin(), kPolicyTypes.end(), type) == kPolicyTypes.end())
      warn("report-policy-type", path_of_object() + " is of the unknown type " + in_quotes(type));
    const bool has_domain = closed.read[find_member(Place::policy, "policy-domain")];
    if (has_domain && parse_domain_name(draft_.policy.domain).has_error())
      warn("report-policy-domain", path_of_object() + " has the domain " + in_quotes(draft_.policy.domain));
  }

  void finish_entry(const Frame& closed) {
    const ReportPolicy& policy = draft_.policy;
    if (policy.failed > 0) miss_unless_seen(closed, "failure-details");
    const std::uint64_t sum = sum_of(policy.failures);
    if (!policy.failures.empty() && sum != policy.failed) {
      warn("report-sum", path_of_object() + " describes " + std::to_string(sum) +
                             " failed sessions, and its summary says " + std::to_string(policy.failed));
    }
    draft_.report.policies.push_back(std::exchange(draft_.policy, {}));
  }

  void finish_failure(const Frame& closed) {
    const std::string& type = draft_.failure.result_type;
    const bool has_type = closed.read[find_member(Place::failure, "result-type")];
    if (has_type && !is_result_type(type))
      warn("report-result-type", path_of_object() + " is of the unregistered type " + in_quotes(type));
    if (!type.starts_with("sts-")) {  // those are faults of the policy, not of a session
      miss_unless_seen(closed, "sending-mta-ip");
      miss_unless_seen(closed, "receiving-mx-hostname");
    }
    draft_.policy.failures.push_back(std::exchange(draft_.failure, {}));
  }

  /// "policies[0].policy.mx-host", for the value that is being read.
  [[nodiscard]] std::string path() const {
    std::string path;
    for (const Frame& frame : frames_) {
      if (frame.elements > 0) {
        path += '[' + std::to_string(frame.elements - 1) + ']';
      } else if (frame.current < kMembers.size()) {
        path += (path.empty() ? "" : ".") + std::string(kMembers[frame.current].name);
      }
    }
    return path;
  }
  /// The same for the object that has just ended.
  [[nodiscard]] std::string path_of_object() const { return frames_.empty() ? "the report" : path(); }

  const ReportLimits& limits_;
  TlsReportResult result_{};
  Draft draft_{};
  std::vector<Frame> frames_{};  // of the objects and arrays that are open
  std::size_t offset_{};
  std::size_t failures_{};
  std::size_t strings_{};
  bool stopped_{};
};

std::string_view code_of(JsonFault fault) {
  static constexpr std::array<std::string_view, 6> kCodes{
      "", "", "report-not-json", "report-duplicate-member", "report-too-deep", "report-too-many"};
  return kCodes[static_cast<std::size_t>(fault)];
}

TlsReportResult refused(std::string_view code, std::size_t offset, std::string detail) {
  TlsReportResult result;
  result.errors.push_back({.code = code, .offset = offset, .detail = std::move(detail)});
  return result;
}

}  // namespace

TlsReportResult parse_tls_report(std::string_view text, const ReportLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return refused("report-too-large", limits.max_bytes,
                   "the report is larger than " + std::to_string(limits.max_bytes) + " octets");
  }
  const std::size_t bad = find_not_utf8(text);
  if (bad != std::string_view::npos)
    return refused("report-not-utf8", bad, "the report is not UTF-8 at octet " + std::to_string(bad));
  const std::size_t mark = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  ReportBuilder builder(limits);
  const JsonLimits json{.max_depth = limits.max_depth, .max_members = kMaxMembers, .max_text = limits.max_text};
  const JsonOutcome outcome = read_json(text.substr(mark), json, builder);
  const std::string_view code = code_of(outcome.fault);
  if (!code.empty()) builder.fail(code, outcome.offset + mark, "the report " + outcome.detail);
  return builder.take();
}

}  // namespace mtasts
