// Whether a mail message is simple enough for a MIME parser, which keeps an object for each part and field.
// Next: report_mail.cpp, which asks before it parses.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace mtasts {

/// Counted over the whole message, as anything that looks like a field may be one of a part or of a message within.
struct MailBounds {
  std::size_t max_delimiters{4000};                        // lines that begin with "--", as a part does
  std::size_t max_fields{50'000};                          // lines with a colon that do not begin with a blank
  std::size_t max_field_octets{std::size_t{1024} * 1024};  // of those with the name of a field, with their folded lines
};

/// Errors: false when any bound is passed. Source: RFC 2046 section 5.1.1, RFC 5322 section 2.2.
bool is_within_bounds(std::string_view message, const MailBounds& bounds);

}  // namespace mtasts
