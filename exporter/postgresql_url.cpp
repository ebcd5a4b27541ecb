// SPDX-License-Identifier: Apache-2.0
#include "exporter/postgresql_url.h"

#include <libpq-fe.h>

#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

namespace mtasts {
namespace {

using OptionList = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

/// What libpq makes of the URL. Errors: nullptr, and its words in `error`.
OptionList parse(const std::string& url, std::string& error) {
  char* words = nullptr;
  OptionList options{PQconninfoParse(url.c_str(), &words), &PQconninfoFree};
  if (words != nullptr) error = words;
  PQfreemem(words);
  return options;
}

/// A server that is gone, or behind a wall that swallows packets, must hold up nobody for long. In seconds, but for
/// tcp_user_timeout. Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS.
struct DefaultOption {
  std::string_view keyword{};
  const char* value{};
};
constexpr auto kDefaults = std::to_array<DefaultOption>({
    {"connect_timeout", "3"},
    {"keepalives_idle", "5"},
    {"keepalives_interval", "2"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "10000"},
    {"fallback_application_name", "mtasts_exporter"},
});

const char* default_of(const PQconninfoOption& option) {
  if (option.envvar != nullptr && std::getenv(option.envvar) != nullptr) return nullptr;
  for (const DefaultOption& known : kDefaults) {
    if (known.keyword == option.keyword) return known.value;
  }
  return nullptr;
}

/// RFC 3986 section 2.1.
std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
  std::string encoded;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (kPlain.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded.append("%").append(1, kDigits[octet >> 4]).append(1, kDigits[octet & 0xf]);
    }
  }
  return encoded;
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

/// "HOST:PORT,HOST:PORT". Input: one port may stand for all hosts.
std::string shown_hosts(const std::string& hosts, const std::string& ports) {
  const std::vector<std::string> names = split_at_commas(hosts), numbers = split_at_commas(ports);
  std::string shown;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string& port = numbers.size() == names.size() ? numbers[i] : numbers.front();
    const bool is_ipv6 = names[i].find(':') != std::string::npos;
    shown.append(i > 0 ? "," : "").append(is_ipv6 ? "[" + names[i] + "]" : names[i]);
    shown.append(port.empty() ? "" : ":" + port);
  }
  return shown;
}

}  // namespace

bool is_postgresql_url(std::string_view text) {
  return text.starts_with("postgresql://") || text.starts_with("postgres://");
}

std::string postgresql_url_fault(const std::string& url) {
  std::string error;
  if (parse(url, error)) return "";
  while (!error.empty() && error.back() == '\n') error.pop_back();
  // What libpq quotes may be a password, or hold one; the name of a parameter that it does not know is none.
  constexpr std::string_view kHarmless = "invalid URI query parameter: ";
  const std::size_t quoted = error.find(": \"");
  if (quoted != std::string::npos && !error.starts_with(kHarmless)) error.resize(quoted);
  return error.empty() ? "there is no memory to read it" : error;
}

std::string shown_postgresql_url(const std::string& url) {
  std::string error;
  const OptionList options = parse(url, error);
  if (!options) return "postgresql://...";
  std::map<std::string, std::string> parts;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option)
    parts[option->keyword] = option->val == nullptr ? "" : option->val;
  const std::string host = parts["host"].empty() ? parts["hostaddr"] : parts["host"];
  std::string shown = "postgresql://";
  if (!parts["user"].empty()) shown += parts["user"] + "@";
  shown += shown_hosts(host, parts["port"]);
  if (!parts["dbname"].empty()) shown += "/" + parts["dbname"];
  return shown;
}

std::string postgresql_connection_string(const std::string& url) {
  std::string error;
  const OptionList options = parse(url, error);
  // Texts are UTF-8 here, whatever the environment or the database prefers.
  std::string text = "postgresql://?client_encoding=UTF8";
  for (const PQconninfoOption* option = options.get(); option != nullptr && option->keyword != nullptr; ++option) {
    const char* value = option->val != nullptr ? option->val : default_of(*option);
    if (value == nullptr || std::string_view{option->keyword} == "client_encoding") continue;
    text.append("&").append(option->keyword).append("=").append(percent_encoded(value));
  }
  return text;
}

}  // namespace mtasts
