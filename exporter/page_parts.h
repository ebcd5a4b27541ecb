// What all pages share: where they are, times, days and links as a person reads them.
// Next: fleet_page.h, domain_page.h, reports_page.h and runbooks_page.h, the pages.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "exporter/page_template.h"
#include "exporter/series.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// Content-Security-Policy of every page: a style sheet of ours and forms to ourselves; no script, nothing else.
constexpr std::string_view kPageSecurity =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

struct PageContext {
  UnixTime now{};
  std::string version{};
  std::string prefix{};  // path of the external URL without a final slash, in front of every link
};

/// The values of head and foot. Input: `section` is the entry of the navigation that the page belongs to: "domains",
/// "reports", "check", "runbooks".
View page_view(std::string_view title, std::string_view section, const PageContext& context);

/// For <time>: "iso", "words" and "ago"; of a time that was never, an empty list under `name`.
void set_time(View& view, const std::string& name, const std::optional<UnixTime>& time, UnixTime now);

/// Prose of ours for prose.mustache: what stands in backquotes becomes code. "" becomes an empty list under `name`.
void set_prose(View& view, const std::string& name, std::string_view text);

/// "2026-01-31 14:05 UTC".
std::string minute_text(UnixTime time);
/// "4 minutes", "3 hours", "12 days": the largest unit that fits.
std::string span_text(std::chrono::seconds span);
/// "1 day", "3 days".
std::string counted(std::uint64_t number, std::string_view noun);
/// "50,000".
std::string grouped(std::uint64_t number);

/// "yes", "no", "not known", with the class that colours it under `name`_class. Never the colour alone.
void set_yes_no(View& view, const std::string& name, const std::optional<bool>& value);

/// Days until then, and how urgent that is: "text" and "class" under `name` and `name`_class; nothing for no time.
void set_days_left(View& view, const std::string& name, const std::optional<UnixTime>& not_after, UnixTime now);

/// "team=mail, site=1".
std::string labels_text(const Labels& labels);

/// Everything but unreserved characters as %HH (RFC 3986 section 2.3).
std::string url_encoded(std::string_view text);

/// Which of the links of a list lead to which part of it.
struct Paging {
  std::size_t page{1};  // from 1
  std::size_t pages{1};
  std::size_t first{};  // index of the first item shown
  std::size_t last{};   // index behind the last item shown
  std::size_t total{};
};

/// The part of `total` items that page `wanted` shows; the last page for one that is beyond it.
Paging paging_of(std::size_t total, std::size_t page_size, std::size_t wanted);

/// The links of a paged list. Input: `link` makes the address of a page.
template <class Link>
View paging_view(const Paging& paging, const Link& link) {
  View view;
  const std::string range = grouped(paging.first + 1) + "–" + grouped(paging.last) + " of " + grouped(paging.total);
  view.text("range", paging.total == 0 ? "" : range);
  view.flag("several", paging.pages > 1);
  view.text("first", paging.page > 1 ? link(1) : "");
  view.text("previous", paging.page > 1 ? link(paging.page - 1) : "");
  view.text("next", paging.page < paging.pages ? link(paging.page + 1) : "");
  view.text("last", paging.page < paging.pages ? link(paging.pages) : "");
  return view.text("page", grouped(paging.page)).text("pages", grouped(paging.pages));
}

/// The number of a page as typed into an address; 1 for anything else.
std::size_t parse_page_number(std::string_view text);

}  // namespace mtasts
