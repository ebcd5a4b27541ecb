// Structured logs: one event is one line on standard error, as logfmt or JSON.
// Next: log.cpp, the only file that knows spdlog.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace mtasts {

enum class LogLevel { debug, info, warn, error };
enum class LogFormat { logfmt, json };

/// "debug", "info", "warn", "error".
std::string_view to_string(LogLevel level);

/// One key and value of an event. Numbers and booleans stay such in JSON; everything else is text.
/// Input: `key` is a literal of letters, digits and `_`; a value may hold any octets.
struct LogField {
  template <class Text>
  requires std::convertible_to<const Text&, std::string_view> LogField(std::string_view name, const Text& text)
      : key(name), value(std::string_view(text)) {}
  template <std::integral Number>
  LogField(std::string_view name, Number number) : key(name), value(std::to_string(number)), bare(true) {}
  LogField(std::string_view name, bool flag) : key(name), value(flag ? "true" : "false"), bare(true) {}
  LogField(std::string_view name, double number);

  std::string_view key;
  std::string value;
  bool bare{};  // written to JSON without quotes
};
using LogFields = std::vector<LogField>;

using LogTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// One event as a line without its line feed: ts (UTC, RFC 3339), level, msg, then the fields in their order. Control
/// characters and quotes are escaped, so that a value can neither end its line nor forge a field; octets that are not
/// UTF-8 become U+FFFD.
std::string render_log_line(LogFormat format, LogTime now, LogLevel level, std::string_view message,
                            const LogFields& fields);

/// Sets what is written from now on; before the first call: info and above, logfmt. Thread safe.
void configure_log(LogLevel level, LogFormat format);

/// Write one event: log_info("Verdict changed", {{"domain", name}, {"faults", count}}). Thread safe; a line is written
/// whole, and never fails or throws.
void log_debug(std::string_view message, const LogFields& fields = {});
void log_info(std::string_view message, const LogFields& fields = {});
void log_warn(std::string_view message, const LogFields& fields = {});
void log_error(std::string_view message, const LogFields& fields = {});

}  // namespace mtasts
