// SPDX-License-Identifier: Apache-2.0
#include "exporter/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <cmath>
#include <memory>

#include "exporter/utf8.h"

namespace mtasts {
namespace {

using namespace std::chrono;

void append_control(std::string& out, unsigned char octet) {
  if (octet == '\n') {
    out += "\\n";
  } else if (octet == '\t') {
    out += "\\t";
  } else if (octet == '\r') {
    out += "\\r";
  } else {
    out += fmt::format("\\u{:04x}", octet);
  }
}

/// The text as a JSON string (RFC 8259 section 7); logfmt readers know the same escapes. DEL and the C1 controls, which
/// a terminal may obey, are escaped too.
std::string quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto octet = static_cast<unsigned char>(text.front());
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (octet == '"' || octet == '\\') {
      out += '\\';
      out += text.front();
    } else if (octet < 0x20 || octet == 0x7F) {
      append_control(out, octet);
    } else if (octet == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0) {
      append_control(out, static_cast<unsigned char>(text[1]));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + '"';
}

bool needs_quotes(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\') return true;
  }
  return text.empty();
}

std::string render_time(LogTime now) {
  const auto day = floor<days>(now);
  const year_month_day date{day};
  const hh_mm_ss time{now - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", int(date.year()), unsigned(date.month()),
                     unsigned(date.day()), time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

void append_logfmt(std::string& line, std::string_view key, std::string_view value) {
  if (!line.empty()) line += ' ';
  line += key;
  line += '=';
  line += needs_quotes(value) ? quote(value) : std::string(value);
}

void append_json(std::string& line, std::string_view key, std::string_view value, bool bare) {
  line += line.empty() ? '{' : ',';
  line += quote(key) + ':' + (bare ? std::string(value) : quote(value));
}

std::string render_logfmt(LogTime now, LogLevel level, std::string_view message, const LogFields& fields) {
  std::string line;
  append_logfmt(line, "ts", render_time(now));
  append_logfmt(line, "level", to_string(level));
  append_logfmt(line, "msg", message);
  for (const LogField& field : fields) append_logfmt(line, field.key, field.value);
  return line;
}

std::string render_json(LogTime now, LogLevel level, std::string_view message, const LogFields& fields) {
  std::string line;
  append_json(line, "ts", render_time(now), false);
  append_json(line, "level", to_string(level), false);
  append_json(line, "msg", message, false);
  for (const LogField& field : fields) append_json(line, field.key, field.value, field.bare);
  return line + '}';
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  constexpr std::array levels{spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};
  return levels[static_cast<std::size_t>(level)];
}

/// The process has one standard error and so one logger; spdlog itself sees to threads.
struct Logger {
  spdlog::logger sink{"mtasts", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  std::atomic<LogFormat> format{LogFormat::logfmt};

  Logger() {
    sink.set_formatter(std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc, "\n"));
    sink.set_error_handler([](const std::string&) {});  // standard error is gone: there is nobody left to tell
    sink.flush_on(spdlog::level::debug);
  }
};

Logger& logger() {
  static Logger instance;
  return instance;
}

void write(LogLevel level, std::string_view message, const LogFields& fields) {
  Logger& log = logger();
  if (!log.sink.should_log(spdlog_level(level))) return;
  const LogTime now = floor<milliseconds>(system_clock::now());
  const std::string line = render_log_line(log.format, now, level, message, fields);
  log.sink.log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

std::string_view to_string(LogLevel level) {
  constexpr std::array<std::string_view, 4> names{"debug", "info", "warn", "error"};
  return names[static_cast<std::size_t>(level)];
}

LogField::LogField(std::string_view name, double number)
    : key(name), value(fmt::format("{}", number)), bare(std::isfinite(number)) {}

std::string render_log_line(LogFormat format, LogTime now, LogLevel level, std::string_view message,
                            const LogFields& fields) {
  return format == LogFormat::json ? render_json(now, level, message, fields)
                                   : render_logfmt(now, level, message, fields);
}

void configure_log(LogLevel level, LogFormat format) {
  logger().format = format;
  logger().sink.set_level(spdlog_level(level));
}

void log_debug(std::string_view message, const LogFields& fields) { write(LogLevel::debug, message, fields); }
void log_info(std::string_view message, const LogFields& fields) { write(LogLevel::info, message, fields); }
void log_warn(std::string_view message, const LogFields& fields) { write(LogLevel::warn, message, fields); }
void log_error(std::string_view message, const LogFields& fields) { write(LogLevel::error, message, fields); }

}  // namespace mtasts
