// SPDX-License-Identifier: Apache-2.0
#include "probes/core/tlsrpt_record.h"

#include <algorithm>
#include <set>
#include <utility>

#include "probes/core/domain_name.h"
#include "probes/core/octets.h"
#include "probes/core/record_fields.h"

namespace mtasts {
namespace {

/// Octets of a URI besides "%": unreserved, gen-delims and sub-delims of RFC 3986 section 2, without the comma, `!` and
/// `;` that RFC 8460 section 3 wants encoded, and without `#`, `[` and `]`, which have places of their own.
bool is_uri_octet(char c) {
  constexpr std::string_view kMarks = "-._~:/?@$&'()*+=";
  return is_alnum(c) || kMarks.find(c) != kMarks.npos;
}

bool is_scheme(std::string_view scheme) {  // RFC 3986 section 3.1
  return !scheme.empty() && is_alpha(scheme[0]) &&
         all_of(scheme, [](char c) { return is_alnum(c) || c == '+' || c == '-' || c == '.'; });
}

bool is_percent_escape(std::string_view text) {
  return text.size() >= 3 && text[0] == '%' && is_hex_digit(text[1]) && is_hex_digit(text[2]);
}

/// The end of the authority: brackets (of an IPv6 address) may stand only before it.
std::size_t authority_end(std::string_view rest) {
  return rest.starts_with("//") ? std::min(rest.find_first_of("/?#", 2), rest.size()) : 0;
}

/// The offset of the first octet that may not stand where it stands behind the scheme, npos when all is well.
/// Source: RFC 3986 sections 2 and 3.
std::size_t find_bad_uri_octet(std::string_view rest) {
  const std::size_t authority = authority_end(rest);
  bool fragment = false;
  for (std::size_t at = 0; at < rest.size(); ++at) {
    if (is_uri_octet(rest[at])) continue;
    const bool bracket = (rest[at] == '[' || rest[at] == ']') && at < authority;
    const bool first_hash = rest[at] == '#' && !fragment;
    if (!bracket && !first_hash && !is_percent_escape(rest.substr(at))) return at;
    fragment = fragment || first_hash;
  }
  return rest.npos;
}

/// Can a report be sent there: a mailbox or an HTTPS host (RFC 8460 section 3)?
bool is_usable(std::string_view scheme, std::string_view rest) {
  if (scheme == "mailto") return rest.find('@', 1) != rest.npos;
  return rest.starts_with("//") && authority_end(rest) > 2;
}

/// Reads the list of the first `rua` field.
class RuaReader {
 public:
  RuaReader(const RecordField& field, TlsrptRecordSet& record) : field_(field), record_(record) {}

  /// Source: tlsrpt-rua = %s"rua=" tlsrpt-uri *(*WSP "," *WSP tlsrpt-uri).
  void read() {
    std::size_t at = 0;
    while (at <= field_.value.size()) {
      const std::size_t comma = std::min(field_.value.find(',', at), field_.value.size());
      const std::string_view element = field_.value.substr(at, comma - at);
      const std::size_t blanks = at == 0 ? 0 : skip_wsp(element);
      const bool last = comma == field_.value.size();
      read_uri(last ? element.substr(blanks) : trim_wsp_right(element.substr(blanks)), at + blanks);
      at = comma + 1;
    }
    if (!supported_scheme_ && !failed_) report_no_supported_scheme();
  }

 private:
  void read_uri(std::string_view uri, std::size_t at) {
    if (uri.empty()) return error("rua-empty", at, "`rua` has an empty place where a URI should be");
    record_.rua.emplace_back(uri);
    const std::size_t colon = uri.find(':');
    const std::string scheme = to_lower(uri.substr(0, std::min(colon, uri.size())));
    if (colon == uri.npos || !is_scheme(scheme)) {
      return error("rua-no-scheme", at, in_quotes(uri) + " is no URI: write it with `mailto:` or `https://` in front");
    }
    const std::string_view rest = uri.substr(colon + 1);
    if (const std::size_t bad = find_bad_uri_octet(rest); bad != rest.npos) {
      return bad_octet(uri, rest[bad], at + colon + 1 + bad);
    }
    judge_scheme(uri, scheme, rest, at);
  }

  void bad_octet(std::string_view uri, char octet, std::size_t at) {
    const std::string shown = in_quotes(std::string_view(&octet, 1));
    if (octet == '!')
      return error("rua-reserved", at, in_quotes(uri) + " has " + shown + ", which must be written as %21");
    error("rua-uri-syntax", at, in_quotes(uri) + " has " + shown + ", which cannot stand there in a URI");
  }

  void judge_scheme(std::string_view uri, std::string_view scheme, std::string_view rest, std::size_t at) {
    if (scheme != "mailto" && scheme != "https") {
      return warn("rua-scheme", at, in_quotes(uri) + " is neither `mailto:` nor `https:`, which alone are supported");
    }
    supported_scheme_ = true;
    if (!is_usable(scheme, rest)) warn("rua-no-address", at, in_quotes(uri) + " names no mailbox or host");
  }

  void report_no_supported_scheme() {
    std::erase_if(record_.warnings, [](const ParseError& warning) { return warning.code == "rua-scheme"; });
    error("rua-scheme", 0, "no URI is `mailto:` or `https:`, which alone are supported: " + in_quotes(field_.value));
  }

  void error(std::string_view code, std::size_t at, std::string why) {
    failed_ = true;
    record_.errors.push_back({.code = code, .offset = field_.value_offset + at, .detail = std::move(why)});
  }
  void warn(std::string_view code, std::size_t at, std::string why) {
    record_.warnings.push_back({.code = code, .offset = field_.value_offset + at, .detail = std::move(why)});
  }

  const RecordField& field_;
  TlsrptRecordSet& record_;
  bool supported_scheme_ = false;
  bool failed_ = false;
};

/// A second `rua` is ignored, but must be a list of URIs or an extension's value all the same.
void check_repeated_rua(const RecordField& field, TlsrptRecordSet& record) {
  if (is_extension_value(field.value)) return;
  TlsrptRecordSet aside;
  RuaReader(field, aside).read();
  record.errors.insert(record.errors.end(), aside.errors.begin(), aside.errors.end());
}

void read_fields(std::string_view text, TlsrptRecordSet& record) {
  std::set<std::string_view> seen;
  for (const RecordField& field : split_record(text, kTlsrptRecordKind, record.errors)) {
    const bool first = seen.insert(field.name).second;
    if (field.name == "rua" && first) {
      RuaReader(field, record).read();
      continue;
    }
    field.name == "rua" ? check_repeated_rua(field, record) : check_extension(field, record.errors);
    warn_ignored_field(field, "rua", !first, record.warnings);
  }
  if (seen.contains("rua")) return;
  record.errors.push_back({.code = "rua-missing", .offset = text.size(), .detail = "the record has no `rua=` field"});
}

}  // namespace

TlsrptRecordSet parse_tlsrpt_records(std::span<const std::string> records) {
  RecordCandidate found = find_candidate(records, kTlsrptRecordKind);
  TlsrptRecordSet record{
      .status = found.status, .errors = std::move(found.errors), .warnings = std::move(found.warnings)};
  if (record.status != RecordStatus::valid) return record;
  read_fields(found.text, record);
  if (!record.errors.empty()) record.status = RecordStatus::invalid;
  return record;
}

}  // namespace mtasts
