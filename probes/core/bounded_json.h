// JSON from strangers as a stream of events: bounded in depth and in members, without duplicate members, in one pass.
// Next: tls_report.cpp, which reads reports with it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mtasts {

/// `integer` is a number without fraction and exponent that fits 64 bits with a sign; any other number is `number`.
enum class JsonKind { object, array, text, integer, number, boolean, null };

/// A scalar, or the opening of an object or array.
struct JsonValue {
  JsonKind kind{JsonKind::null};
  std::string_view text{};    // decoded, cut off at JsonLimits::max_text; valid during the event only
  std::size_t text_octets{};  // of the whole text
  std::int64_t integer{};
  double number{};
  std::size_t offset{};  // of the value or what stands before it
};

/// Receives what is in a text, in its order. A function that returns false ends the reading.
class JsonEvents {
 public:
  JsonEvents() = default;
  JsonEvents(const JsonEvents&) = delete;
  JsonEvents& operator=(const JsonEvents&) = delete;
  virtual ~JsonEvents() = default;

  virtual bool on_key(std::string_view key, std::size_t offset) = 0;
  virtual bool on_value(const JsonValue& value) = 0;
  /// The end of the object or array that was opened last.
  virtual bool on_close() = 0;
};

struct JsonLimits {
  std::size_t max_depth{16};
  std::size_t max_members{1000};  // of one object
  std::size_t max_text{4096};     // octets of a text that are kept; a key that is longer is too_large
};

/// How the reading ended. stopped: an event returned false.
enum class JsonFault { none, stopped, syntax, duplicate_member, too_deep, too_large };

struct JsonOutcome {
  JsonFault fault{JsonFault::none};
  std::size_t offset{};  // about where
  std::string detail{};  // a sentence without its subject
};

/// Reads one JSON text. Input: UTF-8. Errors: in the result; events before the fault have been sent.
/// Source: RFC 8259; RFC 7493 section 2.3 for duplicate members.
JsonOutcome read_json(std::string_view text, const JsonLimits& limits, JsonEvents& events);

}  // namespace mtasts
