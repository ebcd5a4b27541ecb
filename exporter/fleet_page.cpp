// SPDX-License-Identifier: Apache-2.0
#include "exporter/fleet_page.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "exporter/check_status.h"
#include "probes/core/catalogue.h"
#include "probes/core/domain_name.h"

namespace mtasts {
namespace {

constexpr std::size_t kPageSize = 100;
constexpr std::size_t kMostSearched = 255;  // octets; a name is no longer
constexpr std::size_t kMostWords = 3;       // of what is wrong with one domain

struct SortWord {
  FleetSort sort;
  std::string_view word;
  std::string_view label;  // of the column
};
constexpr std::array<SortWord, 6> kSortWords{{{FleetSort::name, "name", "Domain"},
                                              {FleetSort::state, "state", "State"},
                                              {FleetSort::mode, "mode", "Mode in force"},
                                              {FleetSort::failures, "failures", "What is wrong"},
                                              {FleetSort::certificate, "certificate", "Certificate ends in"},
                                              {FleetSort::probed, "probed", "Last probe"}}};

constexpr std::array<std::string_view, 5> kStates{"refused", "failing", "unknown", "pending", "ok"};
constexpr std::array<std::string_view, 4> kModes{"enforce", "testing", "none", "absent"};

template <class Words>
std::string known_word(const Words& words, const std::string& word) {
  return std::ranges::find(words, std::string_view(word)) != words.end() ? word : "";
}

std::string value_of(const QueryParameters& parameters, const std::string& name) {
  const auto [first, last] = parameters.equal_range(name);
  return first == last ? "" : first->second;
}

bool refused(const DomainEntry& entry) {
  return entry.verdict && refuses_mail(*entry.verdict) && !takes_no_mail(*entry.verdict);
}

/// Worth a word under the state.
std::string_view harm_text(const DomainEntry& entry) {
  if (refused(entry)) return "mail refused";
  return entry.verdict && takes_no_mail(*entry.verdict) ? "takes no mail from here" : "";
}

std::string_view mode_word(const DomainEntry& entry) {
  const auto mode = entry.verdict ? mode_in_force(*entry.verdict) : std::nullopt;
  return mode ? to_string(*mode) : "absent";
}

bool in_state(const DomainEntry& entry, std::string_view state) {
  return state == "refused" ? refused(entry) : to_string(state_of(entry)) == state;
}

/// What a form sends for a blank is `+`, which may also stand for itself.
bool holds(std::string_view text, const std::string& search, const std::string& with_blanks) {
  const std::string lower = to_lower(text);
  return lower.find(search) != std::string::npos || lower.find(with_blanks) != std::string::npos;
}

/// The words of the search in lower case, prepared once for all domains.
class Search {
 public:
  explicit Search(const std::string& text) : text_(to_lower(text)), with_blanks_(text_) {
    std::ranges::replace(with_blanks_, '+', ' ');
  }
  [[nodiscard]] bool finds(const DomainEntry& entry) const {
    if (text_.empty() || holds(entry.name, text_, with_blanks_)) return true;
    return std::ranges::any_of(entry.labels,
                               [this](const auto& label) { return holds(label.second, text_, with_blanks_); });
  }

 private:
  std::string text_;
  std::string with_blanks_;
};

std::optional<UnixTime> earlier(const std::optional<UnixTime>& a, const std::optional<UnixTime>& b) {
  return a && b ? std::min(*a, *b) : a ? a : b;
}

/// The earliest end of a certificate of the policy host and the MX hosts.
std::optional<UnixTime> certificate_end(const Snapshot& snapshot, const DomainVerdict& verdict) {
  std::optional<UnixTime> end = verdict.policy_not_after;
  for (const MxMembership& mx : verdict.mx) {
    const MxEntry* host = snapshot.find_mx(mx.host);
    if (!host || !host->verdict) continue;
    if (host->verdict->ipv4) end = earlier(end, host->verdict->ipv4->not_after);
    if (host->verdict->ipv6) end = earlier(end, host->verdict->ipv6->not_after);
  }
  return end;
}

/// Where mail is refused first, then as far from ok as the state is.
long long urgency(const DomainEntry& entry) {
  if (refused(entry)) return 0;
  switch (state_of(entry)) {
    case DomainState::failing:
      return 1;
    case DomainState::unknown:
      return 2;
    case DomainState::pending:
      return 3;
    case DomainState::ok:
      return 4;
  }
  return 5;
}

long long mode_rank(const DomainEntry& entry) { return std::ranges::find(kModes, mode_word(entry)) - kModes.begin(); }

constexpr long long kNoValue = std::numeric_limits<long long>::max();

long long seconds_of(const std::optional<UnixTime>& time) {
  return time && *time != UnixTime{} ? time->time_since_epoch().count() : kNoValue;
}

/// What a column sorts by; kNoValue for a domain that has nothing there.
long long sort_key(const Snapshot& snapshot, const DomainEntry& entry, FleetSort sort) {
  if (sort == FleetSort::name) return 0;
  if (sort == FleetSort::state || sort == FleetSort::urgency) return urgency(entry);
  if (sort == FleetSort::mode) return mode_rank(entry);
  if (!entry.verdict) return kNoValue;
  if (sort == FleetSort::certificate) return seconds_of(certificate_end(snapshot, *entry.verdict));
  if (sort == FleetSort::probed) return seconds_of(entry.verdict->probed);
  return static_cast<long long>(entry.verdict->faults.size());
}

struct Ranked {
  long long key;
  const DomainEntry* entry;
};

/// Input: sorted by name. What has no value stands last either way.
void sort_by_key(std::vector<Ranked>& ranked, bool descending) {
  std::ranges::stable_sort(ranked, [descending](const Ranked& a, const Ranked& b) {
    if (a.key == kNoValue || b.key == kNoValue) return b.key == kNoValue && a.key != kNoValue;
    return descending ? a.key > b.key : a.key < b.key;
  });
}

/// A type alone where the reason only repeats it.
std::string fault_words(const Fault& fault) {
  std::string words{to_string(fault.type)};
  return fault.reason.empty() || words.ends_with(fault.reason) ? words : words + " (" + fault.reason + ")";
}

/// Each kind of fault once, in order; without one the findings that are worth acting on.
std::vector<std::string> failure_words(const DomainVerdict& verdict) {
  std::vector<std::string> words;
  for (const Fault& fault : verdict.faults) words.push_back(fault_words(fault));
  for (const Finding& finding : verdict.findings) {
    if (verdict.faults.empty() && severity_of(finding, find_code) != Severity::info) words.push_back(finding.code);
  }
  std::ranges::sort(words);
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

std::string failure_text(const DomainVerdict& verdict) {
  const std::vector<std::string> words = failure_words(verdict);
  std::string text;
  for (std::size_t i = 0; i < std::min(words.size(), kMostWords); ++i)
    text.append(text.empty() ? "" : ", ").append(words[i]);
  return words.size() > kMostWords ? text + " and " + std::to_string(words.size() - kMostWords) + " more" : text;
}

/// Worth a word where something is missing.
std::string coverage_text(const DomainVerdict& verdict) {
  return verdict.coverage && *verdict.coverage < 1 ? std::to_string(std::lround(*verdict.coverage * 100)) + " %" : "";
}

View row_view(const Snapshot& snapshot, const DomainEntry& entry, const PageContext& context) {
  View row;
  row.text("name", entry.name).text("href", context.prefix + "/domains/" + url_encoded(entry.name));
  row.text("labels", labels_text(entry.labels)).text("harm", harm_text(entry));
  row.text("state", to_string(state_of(entry))).flag("known", entry.verdict != nullptr);
  if (!entry.verdict) return row;
  const DomainVerdict& verdict = *entry.verdict;
  row.text("mode", verdict.in_force ? mode_word(entry) : "")
      .text("no_mode", verdict.record ? "none in force" : "not known")
      .text("coverage", coverage_text(verdict));
  const std::string failures = failure_text(verdict);
  row.text("wrong", failures.empty() ? verdict.unknown_reason : failures);
  set_days_left(row, "days", certificate_end(snapshot, verdict), context.now);
  set_time(row, "probed", verdict.probed, context.now);
  return row;
}

std::string fleet_link(const FleetQuery& query, const PageContext& context) {
  return context.prefix + "/" + render_fleet_query(query);
}

/// A column whose head sorts by it: upwards first, and the other way round when it does already.
View column_view(const SortWord& column, const FleetQuery& query, const PageContext& context) {
  const bool sorted = query.sort == column.sort;
  FleetQuery next = query;
  next.sort = column.sort;
  next.descending = sorted ? !query.descending : column.sort == FleetSort::failures;
  next.page = 1;
  View view;
  view.text("label", column.label).text("href", fleet_link(next, context));
  return view.text("sorted", sorted ? (query.descending ? "descending" : "ascending") : "");
}

std::vector<View> column_views(const FleetQuery& query, const PageContext& context) {
  std::vector<View> views;
  for (const SortWord& column : kSortWords) views.push_back(column_view(column, query, context));
  return views;
}

std::string_view state_label(std::string_view state) { return state == "refused" ? "mail refused" : state; }

/// Those whose mail is refused are among the failing ones.
std::string_view summary_label(std::string_view state) {
  return state.empty() ? "all" : state == "failing" ? "failing in all" : state_label(state);
}

View summary_view(const Snapshot& snapshot, std::string_view state, const FleetQuery& query,
                  const PageContext& context) {
  const auto number = std::ranges::count_if(
      snapshot.domains, [state](const auto& entry) { return state.empty() || in_state(*entry, state); });
  View view;
  view.text("label", summary_label(state)).text("number", grouped(static_cast<std::uint64_t>(number)));
  view.text("class", number == 0 ? "dim" : state)
      .flag("current", query.state == state && query.search.empty() && query.mode.empty());
  return view.text("href", fleet_link({.state = std::string(state)}, context));
}

std::vector<View> summary_views(const Snapshot& snapshot, const FleetQuery& query, const PageContext& context) {
  std::vector<View> views{summary_view(snapshot, "", query, context)};
  for (const std::string_view state : kStates) views.push_back(summary_view(snapshot, state, query, context));
  return views;
}

template <class Words, class Label>
std::vector<View> option_views(const Words& words, const std::string& chosen, Label label) {
  std::vector<View> views;
  for (const std::string_view word : words)
    views.push_back(View().text("word", word).text("label", label(word)).flag("chosen", word == chosen));
  return views;
}

std::string_view mode_label(std::string_view mode) { return mode == "absent" ? "no policy in force" : mode; }

std::string_view sort_word(FleetSort sort) {
  const auto* found = std::ranges::find(kSortWords, sort, &SortWord::sort);
  return found == kSortWords.end() ? std::string_view{} : found->word;
}

void set_form(View& page, const FleetQuery& query, const PageContext& context) {
  page.text("search", query.search).text("action", context.prefix + "/");
  page.list("states", option_views(kStates, query.state, state_label));
  page.list("modes", option_views(kModes, query.mode, mode_label));
  page.text("sort", sort_word(query.sort)).flag("descending", query.descending);
  page.flag("filtered", !query.search.empty() || !query.state.empty() || !query.mode.empty());
}

}  // namespace

FleetQuery parse_fleet_query(const QueryParameters& parameters) {
  FleetQuery query;
  query.search = value_of(parameters, "q").substr(0, kMostSearched);
  query.state = known_word(kStates, value_of(parameters, "state"));
  query.mode = known_word(kModes, value_of(parameters, "mode"));
  const auto* sort = std::ranges::find(kSortWords, value_of(parameters, "sort"), &SortWord::word);
  if (sort != kSortWords.end()) query.sort = sort->sort;
  query.descending = query.sort != FleetSort::urgency && value_of(parameters, "order") == "descending";
  query.page = parse_page_number(value_of(parameters, "page"));
  return query;
}

std::string render_fleet_query(const FleetQuery& query) {
  std::string text;
  const auto add = [&text](std::string_view name, std::string_view value) {
    if (!value.empty()) text.append(text.empty() ? "?" : "&").append(name).append("=").append(url_encoded(value));
  };
  add("q", query.search);
  add("state", query.state);
  add("mode", query.mode);
  add("sort", sort_word(query.sort));
  add("order", query.descending ? "descending" : "");
  add("page", query.page > 1 ? std::to_string(query.page) : "");
  return text;
}

std::vector<const DomainEntry*> select_domains(const Snapshot& snapshot, const FleetQuery& query) {
  const Search search(query.search);
  std::vector<Ranked> ranked;
  for (const auto& entry : snapshot.domains) {
    const bool wanted = (query.state.empty() || in_state(*entry, query.state)) &&
                        (query.mode.empty() || mode_word(*entry) == query.mode) && search.finds(*entry);
    if (wanted) ranked.push_back({sort_key(snapshot, *entry, query.sort), entry.get()});
  }
  sort_by_key(ranked, query.descending);
  if (query.sort == FleetSort::name && query.descending) std::ranges::reverse(ranked);
  std::vector<const DomainEntry*> selected;
  for (const Ranked& each : ranked) selected.push_back(each.entry);
  return selected;
}

std::string render_fleet_page(const Snapshot& snapshot, const FleetQuery& query, const PageContext& context) {
  const std::vector<const DomainEntry*> selected = select_domains(snapshot, query);
  const Paging paging = paging_of(selected.size(), kPageSize, query.page);
  View page = page_view("Domains", "domains", context);
  page.list("summary", summary_views(snapshot, query, context)).list("columns", column_views(query, context));
  set_form(page, query, context);
  std::vector<View> rows;
  for (std::size_t i = paging.first; i < paging.last; ++i) rows.push_back(row_view(snapshot, *selected[i], context));
  page.list("rows", std::move(rows));
  page.part("paging", paging_view(paging, [&](std::size_t number) {
              FleetQuery other = query;
              other.page = number;
              return fleet_link(other, context);
            }));
  return render_template("fleet", page);
}

DomainState state_of(const DomainEntry& entry) { return entry.verdict ? entry.verdict->state : DomainState::pending; }

}  // namespace mtasts
