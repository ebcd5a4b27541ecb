// The machinery behind the stored forms: a described struct to JSON and back, member by member.
// Next: stored_json.cpp and stored_observation.cpp, which describe the structs; a header of those two alone.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11.hpp>
#include <boost/pfr.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "exporter/stored_json.h"
#include "probes/core/boxed.h"
#include "probes/core/ip_address.h"
#include "probes/core/observations.h"
#include "probes/core/optional_time.h"

namespace mtasts {

BOOST_DESCRIBE_ENUM(DnsSecurity, unchecked, indeterminate, insecure, secure,
                    bogus)  // verdicts and observations have it

}  // namespace mtasts

namespace mtasts::described {

namespace json = boost::json;
namespace describe = boost::describe;

template <class T>
using Members = describe::describe_members<T, describe::mod_public>;

template <class T, template <class...> class Template>
constexpr bool is_a = false;
template <template <class...> class Template, class... Args>
constexpr bool is_a<Template<Args...>, Template> = true;
template <class T>
constexpr bool is_optional = is_a<T, std::optional> || is_a<T, Boxed> || std::is_same_v<T, OptionalTime>;
template <class T>
constexpr bool is_array = false;
template <class T, std::size_t N>
constexpr bool is_array<std::array<T, N>> = true;
template <class T>
constexpr bool is_time = false;
template <class Clock, class Duration>
constexpr bool is_time<std::chrono::time_point<Clock, Duration>> = true;

/// How many members of a struct are not kept; they read as their default.
template <class T>
constexpr std::size_t left_out = 0;

template <class T>
json::value to_json(const T& value);

template <class T>
json::object members_to_json(const T& value) {
  static_assert(boost::mp11::mp_size<Members<T>>::value + left_out<T> == boost::pfr::tuple_size_v<T>,
                "a member was added: name it in the BOOST_DESCRIBE_STRUCT of its struct");
  json::object object;
  boost::mp11::mp_for_each<Members<T>>([&](auto member) { object[member.name] = to_json(value.*member.pointer); });
  return object;
}

template <class T>
json::value to_json(const T& value) {
  if constexpr (is_optional<T>) {
    return value ? to_json(*value) : json::value{};
  } else if constexpr (is_a<T, std::vector> || is_array<T>) {
    json::array array;
    for (const auto& element : value) array.push_back(to_json(element));
    return array;
  } else if constexpr (is_a<T, std::chrono::duration>) {
    return value.count();
  } else if constexpr (is_time<T>) {
    return value.time_since_epoch().count();
  } else if constexpr (std::is_enum_v<T>) {
    return json::value(describe::enum_to_string(value, ""));
  } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
    return json::value(value);
  } else if constexpr (std::is_same_v<T, IpAddress>) {
    return json::value(to_string(value));
  } else {
    return members_to_json(value);
  }
}

[[noreturn]] inline void wrong(const char* expected) { throw StoredJsonError(std::string("is not ") + expected); }

template <class T>
T integer_from(const json::value& from) {
  boost::system::error_code error;
  const T value = from.to_number<T>(error);
  if (error) wrong("an integer of the right size");
  return value;
}

template <class T>
void from_json(const json::value& from, T& value);

template <class T>
void elements_from(const json::value& from, T& value) {
  if (!from.is_array()) wrong("an array");
  if constexpr (is_array<T>) {
    if (from.get_array().size() != value.size()) wrong("an array of the right size");
  } else {
    value.resize(from.get_array().size());
  }
  std::size_t place = 0;
  for (const json::value& element : from.get_array()) from_json(element, value[place++]);
}

template <class T>
void members_from(const json::value& from, T& value) {
  if (!from.is_object()) wrong("an object");
  boost::mp11::mp_for_each<Members<T>>([&](auto member) {
    const json::value* found = from.get_object().if_contains(member.name);
    if (found == nullptr) return;
    try {
      from_json(*found, value.*member.pointer);
    } catch (const StoredJsonError& error) {
      throw StoredJsonError(std::string(member.name) + " " + error.what());
    }
  });
}

template <class T>
void from_json(const json::value& from, T& value) {
  if constexpr (is_optional<T>) {
    if (from.is_null()) {
      value.reset();
    } else {
      from_json(from, value.emplace());
    }
  } else if constexpr (is_a<T, std::vector> || is_array<T>) {
    elements_from(from, value);
  } else if constexpr (is_a<T, std::chrono::duration>) {
    value = T{integer_from<typename T::rep>(from)};
  } else if constexpr (is_time<T>) {
    value = T{typename T::duration{integer_from<typename T::rep>(from)}};
  } else if constexpr (std::is_enum_v<T>) {
    if (!from.is_string() || !describe::enum_from_string(from.get_string().c_str(), value)) wrong("a known word");
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!from.is_bool()) wrong("true or false");
    value = from.get_bool();
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!from.is_number()) wrong("a number");
    value = from.to_number<T>();
  } else if constexpr (std::is_arithmetic_v<T>) {
    value = integer_from<T>(from);
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!from.is_string()) wrong("a string");
    value.assign(from.get_string().data(), from.get_string().size());
  } else if constexpr (std::is_same_v<T, IpAddress>) {
    const auto address = from.is_string() ? parse_ip_address(from.get_string()) : std::nullopt;
    if (!address) wrong("an address");
    value = *address;
  } else {
    members_from(from, value);
  }
}

/// One line of JSON: the struct, and the version of the form beside.
template <class T>
std::string render(const T& value) {
  json::object row;
  row["version"] = kStoredJsonVersion;
  row["value"] = members_to_json(value);
  return json::serialize(row);
}

/// The reverse. Errors: StoredJsonError.
template <class T>
T parse(std::string_view text) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;  // texts of peers are kept as they came
  boost::system::error_code error;
  const json::value row = json::parse(json::string_view{text.data(), text.size()}, error, {}, options);
  if (error) throw StoredJsonError("not JSON: " + error.message());
  const json::object* members = row.if_object();
  const json::value* version = members ? members->if_contains("version") : nullptr;
  const json::value* stored = members ? members->if_contains("value") : nullptr;
  if (version == nullptr || stored == nullptr || *version != json::value(kStoredJsonVersion))
    throw StoredJsonError("not version " + std::to_string(kStoredJsonVersion) + " of the row format");
  T value;
  members_from(*stored, value);
  return value;
}

}  // namespace mtasts::described
