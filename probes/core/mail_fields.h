// The header fields of a mail message that say who vouches for it, read by the letter of their grammars.
// Next: mail_voucher.h, which decides whom to believe.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mtasts {

/// One header field as received; the value may be folded.
struct HeaderField {
  std::string name{};
  std::string value{};
};

/// One `method=result` with its properties. Method and result are in lower case.
struct AuthResult {
  std::string method{};
  std::string result{};
  std::map<std::string, std::string> properties{};  // "header.d" in lower case, and the value as written
  bool ambiguous{};                                 // some property is there twice
};

/// The value of an Authentication-Results field; `results` is empty for "none".
struct AuthenticationResults {
  std::string authserv_id{};  // as written, without quotes
  std::vector<AuthResult> results{};
};

/// Errors: nullopt when the value breaks the grammar anywhere, or its version is not 1: then none of it is believed.
/// Values of properties may hold the `/`, `+` and `=` of base64 without quotes, as real servers write them.
/// Source: RFC 8601 section 2.2.
std::optional<AuthenticationResults> parse_authentication_results(std::string_view value);

/// The host behind `by` in a Received field, in lower case without a final dot. Errors: "" when there is none.
/// Source: RFC 5321 section 4.4.
std::string parse_received_by(std::string_view value);

/// The domain of the only address in a From field, in lower case. Errors: "" when there is no address, several, a
/// group, or an address whose domain is not a domain name. Source: RFC 5322 section 3.6.2.
std::string parse_from_domain(std::string_view value);

/// The tags of a DKIM-Signature field; blanks inside values are removed. Errors: nullopt when the value breaks the
/// grammar or repeats a tag. Source: RFC 6376 section 3.2.
std::optional<std::map<std::string, std::string>> parse_dkim_tags(std::string_view value);

}  // namespace mtasts
