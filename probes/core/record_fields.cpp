// SPDX-License-Identifier: Apache-2.0
#include "probes/core/record_fields.h"

#include <algorithm>

#include "probes/core/domain_name.h"
#include "probes/core/octets.h"

namespace mtasts {

const RecordKind kStsRecordKind{"v=STSv1", "sts", "_mta-sts"};
const RecordKind kTlsrptRecordKind{"v=TLSRPTv1", "tlsr", "_smtp._tls"};

namespace {

constexpr std::size_t kHeadOctets = 16;  // a version tag with some typing mistakes

/// The discard rule: several records, only those that begin with the tag and `;`. A lone record may have blanks there
/// (erratum 6285 of RFC 8461).
bool is_candidate(std::string_view record, const RecordKind& kind, bool alone) {
  if (!record.starts_with(kind.version_tag)) return false;
  record.remove_prefix(kind.version_tag.size());
  if (!alone) return record.starts_with(';');
  return record.empty() || record[0] == ';' || is_wsp(record[0]);
}

/// The beginning of a record with its spelling forgiven: letters and digits up to the first `;`, in lower case.
std::string forgiving_head(std::string_view record) {
  record.remove_prefix(skip_wsp(record));
  std::string head = to_lower(record.substr(0, std::min(record.find(';'), kHeadOctets)));
  std::erase_if(head, [](char c) { return !is_alnum(c); });
  return head;
}

void warn_misplaced(std::string_view record, const RecordKind& other, std::vector<ParseError>& warnings) {
  warnings.push_back({.code = "record-misplaced",
                      .detail = in_quotes(record) + " is ignored here: its place is " + std::string(other.owner)});
}

/// Says what a record that does not count was probably meant to be. An SPF record (RFC 7208) contains any word.
void warn_discarded(std::string_view record, const RecordKind& kind, std::vector<ParseError>& warnings) {
  const RecordKind& other = &kind == &kStsRecordKind ? kTlsrptRecordKind : kStsRecordKind;
  const std::string head = forgiving_head(record);
  if (is_candidate(record, other, true)) return warn_misplaced(record, other, warnings);
  if (head.starts_with("vspf1") || head.find(kind.word) == head.npos) return;
  warnings.push_back({.code = "version-typo",
                      .detail = in_quotes(record) + " is ignored: a record begins with exactly `" +
                                std::string(kind.version_tag) + ";`"});
}

/// Cuts the fields of one record, from the octet after the version tag.
class FieldCutter {
 public:
  FieldCutter(std::string_view text, std::size_t at, std::vector<ParseError>& errors)
      : text_(text), at_(at), errors_(errors) {}

  std::vector<RecordField> cut() {
    skip_first_delimiter();
    while (at_ < text_.size()) cut_one();
    return std::move(fields_);
  }

 private:
  /// Source: sts-field-delim = *WSP ";" *WSP.
  void skip_first_delimiter() {
    at_ += skip_wsp(text_.substr(at_));
    if (at_ < text_.size() && text_[at_] == ';') {
      ++at_;
    } else if (at_ < text_.size()) {
      error("record-delimiter", at_, "a `;` is missing behind the version");
    } else if (text_.ends_with(' ') || text_.ends_with('\t')) {
      error("record-trailing-space", trim_wsp_right(text_).size(),
            "the record ends in a space without a `;` before it");
    }
  }

  void cut_one() {
    const auto semicolon = text_.find(';', at_);
    const bool last = semicolon == text_.npos;
    const std::size_t end = last ? text_.size() : semicolon;
    const std::size_t start = at_ + skip_wsp(text_.substr(at_, end - at_));
    const std::string_view field = trim_wsp_right(text_.substr(start, end - start));
    at_ = last ? end : end + 1;
    if (field.empty() && last) return;  // the blanks of a final delimiter
    if (field.empty()) return error("record-empty-field", start, "there is nothing between two `;`");
    if (last && start + field.size() < end) {
      error("record-trailing-space", start + field.size(), "the record ends in a space without a `;` before it");
    }
    split(field, start);
  }

  void split(std::string_view field, std::size_t start) {
    const auto equals = field.find('=');
    if (equals == field.npos) return error("record-field-syntax", start, in_quotes(field) + " is not `name=value`");
    const std::string_view name = field.substr(0, equals);
    if (!is_extension_name(name)) {
      return error("record-name-syntax", start,
                   in_quotes(name) + " cannot be a field name: 1 to 32 letters, digits, `_`, `-` and `.`, no spaces");
    }
    fields_.push_back({name, field.substr(equals + 1), start, start + equals + 1});
  }

  void error(std::string_view code, std::size_t offset, std::string why) {
    errors_.push_back({.code = code, .offset = offset, .detail = std::move(why)});
  }

  std::string_view text_;
  std::size_t at_;
  std::vector<ParseError>& errors_;
  std::vector<RecordField> fields_{};
};

}  // namespace

RecordCandidate find_candidate(std::span<const std::string> records, const RecordKind& kind) {
  RecordCandidate found;
  std::size_t candidates = 0;
  for (const std::string& record : records) {
    if (is_candidate(record, kind, records.size() == 1)) {
      ++candidates;
      found.text = record;
    } else {
      warn_discarded(record, kind, found.warnings);
    }
  }
  if (candidates == 1) found.status = RecordStatus::valid;
  if (candidates > 1) {
    found.status = RecordStatus::multiple;
    found.text = {};
    found.errors.push_back({.code = "record-multiple",
                            .detail = std::to_string(candidates) + " records begin with `" +
                                      std::string(kind.version_tag) +
                                      ";`: with more than one, senders act as if there were none"});
  }
  return found;
}

std::vector<RecordField> split_record(std::string_view text, const RecordKind& kind, std::vector<ParseError>& errors) {
  return FieldCutter(text, kind.version_tag.size(), errors).cut();
}

bool is_extension_value(std::string_view value) {
  return !value.empty() && all_of(value, [](char c) { return c > ' ' && c < 0x7f && c != ';' && c != '='; });
}

void check_extension(const RecordField& field, std::vector<ParseError>& errors) {
  if (field.value.empty()) {
    errors.push_back({.code = "record-value-empty",
                      .offset = field.value_offset,
                      .detail = "the field " + in_quotes(field.name) + " has no value"});
  } else if (!is_extension_value(field.value)) {
    errors.push_back({.code = "record-value-syntax",
                      .offset = field.value_offset,
                      .detail = "the value of " + in_quotes(field.name) +
                                " is not printable ASCII without `=` and spaces: " + in_quotes(field.value)});
  }
}

void warn_ignored_field(const RecordField& field, std::string_view name, bool repeated,
                        std::vector<ParseError>& warnings) {
  if (repeated) {
    warnings.push_back({.code = "record-duplicate-field",
                        .offset = field.offset,
                        .detail = "the field " + in_quotes(field.name) + " was there before: only the first counts"});
  } else if (to_lower(field.name) == name) {
    warnings.push_back({.code = "record-field-case",
                        .offset = field.offset,
                        .detail = "the field " + in_quotes(field.name) + " is ignored: write `" + std::string(name) +
                                  "=` in lower case"});
  }
}

}  // namespace mtasts
