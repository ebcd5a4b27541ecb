// SPDX-License-Identifier: Apache-2.0
#include "exporter/exposition.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "exporter/stored_json.h"
#include "tests/fuzz/expect.h"
#include "tests/support/scrapes.h"

using namespace mtasts;
using mtasts::fuzz::expect;

namespace {

constexpr UnixTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

bool is_name_octet(char c) { return is_alnum(c) || c == '_'; }

/// Takes what the predicate accepts off the front.
template <class Predicate>
std::string_view take_while(std::string_view& text, Predicate predicate) {
  const auto* end = std::find_if_not(text.begin(), text.end(), predicate);
  const std::string_view taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(taken.size());
  return taken;
}

bool take(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

/// Behind the opening quote: up to the closing one, with nothing but the three escapes of the format.
void expect_label_value(std::string_view& line) {
  while (!take(line, "\"")) {
    expect(!line.empty());
    if (take(line, "\\\\") || take(line, "\\\"") || take(line, "\\n")) continue;
    expect(line.front() != '\\');
    line.remove_prefix(1);
  }
}

/// NAME{LABEL="VALUE",...} NUMBER
void expect_sample(std::string_view line) {
  expect(!take_while(line, is_name_octet).empty());
  if (take(line, "{")) {
    do {
      expect(!take_while(line, is_name_octet).empty() && take(line, "=\""));
      expect_label_value(line);
    } while (take(line, ","));
    expect(take(line, "}"));
  }
  expect(take(line, " ") && !line.empty() && line.find(' ') == std::string_view::npos);
}

template <class Row>
std::optional<Row> parsed(std::string_view text, Row (*parse)(std::string_view)) {
  try {
    return parse(text);
  } catch (const StoredJsonError&) {
    return std::nullopt;
  }
}

/// A scrape shows the verdicts of now, whatever another one has kept of those before. It takes a crowd of domains and
/// hosts: of a few nothing is kept.
void expect_nothing_stale(const DomainSlot& slot, const DomainVerdict& verdict, const std::optional<MxVerdict>& host) {
  constexpr int kCrowd = 40;
  SnapshotStore store;
  std::vector<DomainSlot> slots{slot};
  for (int i = 0; i < kCrowd; ++i) {
    const std::string name = "crowd" + std::to_string(i) + ".example";
    if (name != slot.name) slots.push_back({.name = name, .labels = {}});
    store.add_mx_host(name);
  }
  store.set_domains(std::move(slots));
  const auto expect_same = [&store] {
    const ScrapeInput input{.snapshot = store.snapshot(), .ready_after = std::chrono::days{14}, .now = kNow};
    expect(compressed(input) == written(input));
  };
  DomainVerdict before;
  before.domain = slot.name;
  before.state = DomainState::ok;
  store.publish(before);
  if (host) store.add_mx_host(host->host);
  expect_same();
  store.publish(verdict);
  if (host) store.publish(*host);
  expect_same();
  store.publish(before);
  expect_same();
}

}  // namespace

/// The input is a line with a domain's verdict and one with an MX host's, as the store keeps them: whatever names and
/// words are in them, the scrape is well formed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(text.find('\n'), text.size());
  const auto domain = parsed(text.substr(0, end), parse_domain_verdict_json);
  const auto host = parsed(text.substr(std::min(end + 1, size)), parse_mx_verdict_json);
  if (!domain && !host) return 0;
  std::vector<MxVerdict> hosts;
  if (host) hosts.push_back(*host);
  const DomainVerdict verdict = domain.value_or(DomainVerdict{});
  const DomainSlot slot{.name = verdict.domain, .labels = {{"team", verdict.record_id}}};
  const Snapshot snapshot = snapshot_of_verdicts(slot, verdict, std::move(hosts));
  const std::string page = render_probe_metrics(snapshot, kNow, true, std::chrono::milliseconds{5});
  expect(find_not_utf8(page) == std::string_view::npos && page.ends_with('\n'));
  for (const std::string& line : fuzz::records_of(page))
    if (!line.starts_with("# ")) expect_sample(line);
  expect_nothing_stale(slot, verdict, host);
  return 0;
}
