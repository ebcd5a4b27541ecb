// SPDX-License-Identifier: Apache-2.0
#include "exporter/page_parts.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "exporter/check_report.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

std::string formatted(UnixTime time, const char* format) {
  const std::time_t seconds = time.time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char out[32];
  return {out, std::strftime(out, sizeof out, format, &parts)};
}

std::string distance_text(UnixTime time, UnixTime now) {
  if (time > now) return "in " + span_text(time - now);
  return now - time < std::chrono::seconds{1} ? "now" : span_text(now - time) + " ago";
}

View navigation_item(std::string_view label, const std::string& href, bool current) {
  return View().text("label", label).text("href", href).flag("current", current);
}

}  // namespace

View page_view(std::string_view title, std::string_view section, const PageContext& context) {
  View view;
  view.text("title", title).text("prefix", context.prefix).text("version", context.version);
  view.text("style", context.prefix + "/style.css?v=" + url_encoded(context.version));
  view.list("navigation", {navigation_item("Domains", context.prefix + "/", section == "domains"),
                           navigation_item("Reports", context.prefix + "/reports", section == "reports"),
                           navigation_item("Check", context.prefix + "/check", section == "check"),
                           navigation_item("Runbooks", context.prefix + "/runbooks", section == "runbooks")});
  View now;
  now.text("iso", formatted(context.now, "%FT%TZ")).text("words", minute_text(context.now));
  return view.part("rendered", now);
}

void set_time(View& view, const std::string& name, const std::optional<UnixTime>& time, UnixTime now) {
  if (!time || *time == UnixTime{}) {
    view.list(name, {});
    return;
  }
  View one;
  one.text("iso", formatted(*time, "%FT%TZ")).text("words", minute_text(*time)).text("ago", distance_text(*time, now));
  view.part(name, one);
}

void set_prose(View& view, const std::string& name, std::string_view text) {
  if (text.empty()) {
    view.list(name, {});
    return;
  }
  std::vector<View> words;
  bool code = false;
  for (std::size_t from = 0; from <= text.size(); code = !code) {
    const std::size_t to = std::min(text.find('`', from), text.size());
    View word;
    word.text("plain", code ? "" : text.substr(from, to - from)).text("code", code ? text.substr(from, to - from) : "");
    words.push_back(std::move(word));
    from = to + 1;
  }
  View prose;
  prose.list("words", std::move(words));
  view.part(name, std::move(prose));
}

std::string minute_text(UnixTime time) { return formatted(time, "%F %H:%M UTC"); }

std::string counted(std::uint64_t number, std::string_view noun) {
  return grouped(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

std::string span_text(std::chrono::seconds span) {
  const auto seconds = static_cast<std::uint64_t>(std::max<std::chrono::seconds::rep>(span.count(), 0));
  if (seconds < 60) return counted(seconds, "second");
  if (seconds < 3600) return counted(seconds / 60, "minute");
  const bool whole_day = seconds == 86400;
  if (seconds < 2 * 86400 && !whole_day) return counted(seconds / 3600, "hour");
  return counted((seconds + 43200) / 86400, "day");  // to the nearest: 30 days a second ago are still 30
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

void set_yes_no(View& view, const std::string& name, const std::optional<bool>& value) {
  view.text(name, value ? (*value ? "yes" : "no") : "not known");
  view.text(name + "_class", value ? (*value ? "ok" : "failing") : "dim");
}

void set_days_left(View& view, const std::string& name, const std::optional<UnixTime>& not_after, UnixTime now) {
  if (!not_after) {
    view.text(name, "").text(name + "_class", "");
    return;
  }
  const auto days = days_left(*not_after, now);
  view.text(name, *not_after < now ? "expired " + span_text(now - *not_after) + " ago"
                                   : counted(static_cast<std::uint64_t>(days), "day"));
  view.text(name + "_class", days < 7 ? "failing" : days < 21 ? "warning" : "");
}

std::string labels_text(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    text += text.empty() ? "" : ", ";
    text.append(name).append("=").append(value);
  }
  return text;
}

std::string url_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out.append({'%', kDigits[octet >> 4U], kDigits[octet & 15U]});
    }
  }
  return out;
}

Paging paging_of(std::size_t total, std::size_t page_size, std::size_t wanted) {
  const std::size_t pages = std::max<std::size_t>(1, (total + page_size - 1) / page_size);
  const std::size_t page = std::clamp<std::size_t>(wanted, 1, pages);
  const std::size_t first = (page - 1) * page_size;
  return {page, pages, first, std::min(total, first + page_size), total};
}

std::size_t parse_page_number(std::string_view text) {
  std::size_t number = 1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number > 0 ? number : 1;
}

}  // namespace mtasts
