// SPDX-License-Identifier: Apache-2.0
#include "probes/core/bounded_json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <functional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "probes/core/octets.h"

namespace mtasts {
namespace {

namespace json = boost::json;
using boost::system::error_code;

/// What Boost.JSON's parser calls. Its own limits are constants, so ours are checked here.
class Handler {
 public:
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);

  Handler(std::string_view input, const JsonLimits& limits, JsonEvents& events)
      : input_(input), limits_(limits), events_(events) {}

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code& error) {
    members_.emplace_back();
    return send({.kind = JsonKind::object}, error);
  }
  bool on_object_end(std::size_t, error_code& error) {
    members_.pop_back();
    return events_.on_close() || stop(JsonFault::stopped, "", error);
  }
  bool on_array_begin(error_code& error) { return send({.kind = JsonKind::array}, error); }
  bool on_array_end(std::size_t, error_code& error) {
    return events_.on_close() || stop(JsonFault::stopped, "", error);
  }
  bool on_key_part(json::string_view part, std::size_t, error_code&) { return append(part); }
  bool on_key(json::string_view part, std::size_t octets, error_code& error) {
    append(part);
    if (octets > limits_.max_text) return stop(JsonFault::too_large, "has a member whose name is too long", error);
    return take_key(std::exchange(text_, {}), error);
  }
  bool on_string_part(json::string_view part, std::size_t, error_code&) { return append(part); }
  bool on_string(json::string_view part, std::size_t octets, error_code& error) {
    append(part);
    const std::string text = std::exchange(text_, {});
    return send({.kind = JsonKind::text, .text = text, .text_octets = octets}, error);
  }
  bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view digits, error_code& error) {
    note_offset(digits);
    return send({.kind = JsonKind::integer, .integer = number, .number = static_cast<double>(number)}, error);
  }
  bool on_uint64(std::uint64_t number, json::string_view digits, error_code& error) {
    return on_double(static_cast<double>(number), digits, error);
  }
  bool on_double(double number, json::string_view digits, error_code& error) {
    note_offset(digits);
    return send({.kind = JsonKind::number, .number = number}, error);
  }
  bool on_bool(bool, error_code& error) { return send({.kind = JsonKind::boolean}, error); }
  bool on_null(error_code& error) { return send({.kind = JsonKind::null}, error); }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }

  [[nodiscard]] const JsonOutcome& outcome() const { return outcome_; }

 private:
  using Names = std::unordered_set<std::string>;

  bool take_key(std::string key, error_code& error) {
    Names& names = members_.back();
    if (names.size() == limits_.max_members)
      return stop(JsonFault::too_large, "has an object of too many members", error);
    const auto [name, fresh] = names.insert(std::move(key));
    if (!fresh) return stop(JsonFault::duplicate_member, "has the member " + in_quotes(*name) + " twice", error);
    return events_.on_key(*name, offset_) || stop(JsonFault::stopped, "", error);
  }

  bool send(JsonValue value, error_code& error) {
    value.offset = offset_;
    return events_.on_value(value) || stop(JsonFault::stopped, "", error);
  }

  bool append(json::string_view part) {
    note_offset(part);
    const std::size_t room = limits_.max_text - std::min(text_.size(), limits_.max_text);
    text_.append(part.data(), std::min(part.size(), room));
    return true;
  }

  /// The parser tells no positions, but hands out pieces of the input wherever it need not decode them.
  void note_offset(json::string_view part) {
    const std::less<const char*> before;
    const char* const end = input_.data() + input_.size();
    if (before(part.data(), input_.data()) || before(end, part.data())) return;
    offset_ = static_cast<std::size_t>(part.data() - input_.data());
  }

  bool stop(JsonFault fault, std::string detail, error_code& error) {
    outcome_ = {fault, offset_, std::move(detail)};
    error = json::make_error_code(json::error::exception);  // the parser demands some error
    return false;
  }

  std::string_view input_;
  const JsonLimits& limits_;
  JsonEvents& events_;
  std::vector<Names> members_{};  // of the objects that are open
  std::string text_{};            // of the key or text that is being read
  std::size_t offset_{};
  JsonOutcome outcome_{};
};

JsonOutcome syntax_fault(const error_code& error, std::size_t offset) {
  if (error == json::error::too_deep) return {JsonFault::too_deep, offset, "is nested too deep"};
  const std::string where = " at octet " + std::to_string(offset);
  if (error == json::error::incomplete) return {JsonFault::syntax, offset, "is not JSON: it ends too early," + where};
  return {JsonFault::syntax, offset, "is not JSON: " + error.message() + where};
}

}  // namespace

JsonOutcome read_json(std::string_view text, const JsonLimits& limits, JsonEvents& events) {
  json::parse_options options;
  options.max_depth = limits.max_depth;
  json::basic_parser<Handler> parser(options, text, limits, events);
  error_code error;
  std::size_t consumed = parser.write_some(false, text.data(), text.size(), error);
  if (parser.handler().outcome().fault != JsonFault::none) return parser.handler().outcome();
  if (!error && consumed < text.size()) error = json::make_error_code(json::error::extra_data);
  return error ? syntax_fault(error, consumed) : JsonOutcome{};
}

}  // namespace mtasts
