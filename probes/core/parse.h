// What every parse_ function returns: a value, or the rule of the RFC that the text breaks.
// Next: sts_record.h, sts_policy.h and tlsrpt_record.h, which use it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace mtasts {

/// One broken rule. `code` is a code of the catalogue (static storage), `line` counts from 1 and is 0 where the input
/// has no lines, `offset` counts octets from the start of the input, `detail` is a sentence for a person.
struct ParseError {
  std::string_view code{};
  std::size_t line{};
  std::size_t offset{};
  std::string detail{};

  bool operator==(const ParseError&) const = default;
};

[[noreturn]] void throw_exception_from_error(const ParseError& error, const boost::source_location& where);

/// A parsed value, or the first error. The alias makes a later move to std::expected one line.
template <class T>
using Parsed = boost::system::result<T, ParseError>;

}  // namespace mtasts
