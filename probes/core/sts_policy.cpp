// SPDX-License-Identifier: Apache-2.0
#include "probes/core/sts_policy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "probes/core/domain_name.h"
#include "probes/core/host_labels.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kVersion = "STSv1";
constexpr std::array<std::string_view, 3> kModes{"enforce", "testing", "none"};
constexpr std::size_t kMaxAgeDigits = 10;  // RFC 8461 section 3.2: 1*10(DIGIT)

std::optional<StsMode> mode_of(std::string_view text) {
  const auto found = std::find(kModes.begin(), kModes.end(), text);
  if (found == kModes.end()) return std::nullopt;
  return static_cast<StsMode>(found - kModes.begin());
}

/// Only letters and digits, in lower case: what is left of a word when its spelling is forgiven.
std::string skeleton(std::string_view word) {
  std::string bare;
  std::copy_if(word.begin(), word.end(), std::back_inserter(bare), is_alnum);
  return to_lower(bare);
}

/// The key that an unknown one was surely meant to be, "" for an honest extension.
std::string_view intended_key(std::string_view key) {
  struct Typo {
    std::string_view skeleton, key;
  };
  static constexpr auto kTypos = std::to_array<Typo>({{"version", "version"},
                                                      {"versions", "version"},
                                                      {"v", "version"},
                                                      {"mode", "mode"},
                                                      {"modes", "mode"},
                                                      {"policy", "mode"},
                                                      {"maxage", "max_age"},
                                                      {"maxages", "max_age"},
                                                      {"ttl", "max_age"},
                                                      {"mx", "mx"},
                                                      {"mxs", "mx"},
                                                      {"nmx", "mx"},
                                                      {"mxmx", "mx"},
                                                      {"xm", "mx"},
                                                      {"mxhost", "mx"}});
  const std::string bare = skeleton(key.substr(0, 16));
  const auto typo = std::find_if(kTypos.begin(), kTypos.end(), [&](const Typo& t) { return t.skeleton == bare; });
  return typo == kTypos.end() ? std::string_view{} : typo->key;
}

std::string version_hint(std::string_view value) {
  const std::string bare = skeleton(value.substr(0, 32));
  if (bare == "stsv1") return ": write STSv1, with exactly these upper-case and lower-case letters";
  if (bare.starts_with("vstsv")) return ": `v=` belongs in the TXT record, write STSv1";
  if (bare.starts_with("stsv")) return ": the only version is STSv1";
  if (bare == "sts1" || bare == "1" || bare == "v1") return ": write STSv1";
  return ": only STSv1 is defined";
}

std::string mode_hint(std::string_view value) {
  const std::string bare = skeleton(value.substr(0, 32));
  if (mode_of(bare)) return ": write " + bare + ", in lower case";
  if (bare == "enforced" || bare == "enforcing") return ": write enforce";
  if (bare == "test" || bare == "tests" || bare == "report") return ": write testing";
  if (bare == "off" || bare == "disabled") return ": write none";
  return ": it must be enforce, testing or none";
}

/// The rule that an `mx` pattern breaks.
struct PatternFault {
  std::string_view code{};
  std::string_view why{};
};

/// What a person wrote who mistook the field for something else than one pattern.
std::optional<PatternFault> mistaken_pattern(std::string_view pattern) {
  const auto has = [pattern](std::string_view octets) { return pattern.find_first_of(octets) != pattern.npos; };
  if (!all_of(pattern, is_ascii)) return PatternFault{"mx-not-ascii", "is not ASCII: write xn-- labels"};
  if (pattern.find("//") != pattern.npos) return PatternFault{"mx-url", "is a URL: only the host name belongs here"};
  if (has(", \t;")) return PatternFault{"mx-list", "is more than one word: each pattern has an `mx:` line of its own"};
  if (looks_like_ip_address(pattern) || (pattern.starts_with("*.") && looks_like_ip_address(pattern.substr(2)))) {
    return PatternFault{"mx-ip-address", "is an IP address: a pattern matches the MX host's name"};
  }
  if (has("@")) return PatternFault{"mx-label", "is a mail address: write the MX host's name"};
  if (has(":")) return PatternFault{"mx-label", "has a colon: write the MX host's name without a port"};
  return std::nullopt;
}

/// Source: RFC 8461 section 3.2, sts-policy-mx-value = ["*."] Domain; Domain is RFC 5321 section 4.1.2.
std::optional<PatternFault> pattern_fault(std::string_view pattern) {
  if (const auto mistake = mistaken_pattern(pattern)) return mistake;
  const std::string_view name = pattern.starts_with("*.") ? pattern.substr(2) : pattern;
  if (name.find('*') != name.npos || pattern == "*.") {
    return PatternFault{"mx-wildcard", "has a `*` that is not the whole left-most label before a domain"};
  }
  if (name.size() > 1 && name.ends_with('.')) return PatternFault{"mx-trailing-dot", "ends in a dot: leave it out"};
  if (name.size() > kMaxNameOctets) return PatternFault{"mx-too-long", "is longer than 253 octets"};
  if (!are_host_labels(name, Underscore::refused)) {
    return PatternFault{"mx-label", "has a label that is not 1 to 63 letters, digits and inner hyphens, or is empty"};
  }
  return std::nullopt;
}

/// One `key: value`, cut out of its line. Offsets count from the start of the body.
struct PolicyField {
  std::string_view key{};
  std::string_view value{};
  std::size_t value_offset{};
};

/// Reads a policy line by line and notes what it finds. Every octet is looked at a bounded number of times.
class PolicyReader {
 public:
  explicit PolicyReader(std::string_view body) : body_(body) {}

  PolicyLint read() {
    skip_byte_order_mark();
    last_text_ = body_.find_last_not_of(" \t\r\n");
    if (last_text_ == body_.npos || last_text_ < at_) return refuse_empty();
    if (read_lines()) check_missing();
    if (lint_.errors.empty()) lint_.policy = policy();
    return std::move(lint_);
  }

 private:
  PolicyLint refuse_empty() {
    error("policy-empty", at_, "the policy is empty");
    return std::move(lint_);
  }

  void skip_byte_order_mark() {
    if (!body_.starts_with(kByteOrderMark)) return;
    error("byte-order-mark", 0,
          "the file begins with a byte order mark, which becomes part of the first key: save it as plain UTF-8");
    at_ = kByteOrderMark.size();
  }

  /// False when the policy was too long to be read to its end.
  bool read_lines() {
    while (at_ < body_.size()) {
      if (line_ > kMaxPolicyLines) {
        error("too-many-lines", at_, "the policy has more than " + std::to_string(kMaxPolicyLines) + " lines");
        return false;
      }
      const auto newline = std::min(body_.find('\n', at_), body_.size());
      std::string_view line = body_.substr(at_, newline - at_);
      if (line.ends_with('\r') && newline < body_.size()) line.remove_suffix(1);
      read_line(line);
      at_ = newline + 1;
      ++line_;
    }
    --line_;  // what is missing is missing at the end of the last line
    return true;
  }

  void read_line(std::string_view line) {
    const std::size_t indent = skip_wsp(line);
    if (indent == line.size()) return blank_line();
    if (indent > 0) {
      error("leading-space", at_,
            "the line begins with a space, which the grammar does not allow: some senders skip it, others refuse the "
            "policy");
    }
    const auto field = split_field(line, indent);
    if (field && readable(*field)) read_field(*field);
  }

  void blank_line() {
    if (at_ < last_text_) {
      error("blank-line", at_,
            "the line is empty, which the grammar does not allow: some senders skip it, others refuse the policy");
    } else {
      error("extra-final-newline", at_,
            "an empty line follows the last field: one final line end is allowed, some senders ignore more and "
            "others refuse the policy");
    }
  }

  /// Cuts the line at its first colon; notes a line that has none, and a key outside the grammar.
  std::optional<PolicyField> split_field(std::string_view line, std::size_t indent) {
    const auto colon = line.find(':', indent);
    if (colon == line.npos) {
      missing_colon(line.substr(indent), at_ + indent);
      return std::nullopt;
    }
    const std::string_view before = line.substr(indent, colon - indent);
    const std::string_view key = trim_wsp_right(before);
    if (key.size() != before.size()) {
      error("space-before-colon", at_ + indent + key.size(),
            "a space stands between the key " + in_quotes(key) +
                " and its colon: some senders skip it, others refuse the policy");
    }
    if (!is_extension_name(key)) {
      error(
          "key-syntax", at_ + indent,
          in_quotes(key) + " cannot be a key: 1 to 32 letters, digits, `_`, `-` and `.`, with a letter or digit first");
      return std::nullopt;
    }
    const std::size_t start = colon + 1 + skip_wsp(line.substr(colon + 1));
    return PolicyField{key, trim_wsp_right(line.substr(start)), at_ + start};
  }

  void missing_colon(std::string_view text, std::size_t offset) {
    std::string why = in_quotes(text) + " is not `key: value`";
    if (text.starts_with("v="))
      why += ": it looks like the TXT record, in the file write `version: STSv1`";
    else if (text.starts_with('<'))
      why += ": it looks like a web page";
    else if (text.find('=') != text.npos)
      why += ": keys and values are separated by a colon here, not by `=`";
    error("missing-colon", offset, std::move(why));
  }

  /// Notes values outside the grammar of any field, known or not (sts-policy-ext-value). Errors: false then.
  bool readable(const PolicyField& field) {
    const auto control = std::find_if(field.value.begin(), field.value.end(), is_control);
    const std::size_t bad = find_not_utf8(field.value);
    if (control != field.value.end()) {
      const std::size_t at = field.value_offset + static_cast<std::size_t>(control - field.value.begin());
      error("control-character", at,
            "the value of " + in_quotes(field.key) + " has a control character" +
                (*control == '\r' ? " (lines end in LF or CRLF)" : "") + ": " + in_quotes(field.value));
    }
    if (bad != field.value.npos) {
      error("not-utf8", field.value_offset + bad,
            "the value of " + in_quotes(field.key) + " is not UTF-8: " + in_quotes(field.value));
    }
    if (field.value.empty())
      error("value-empty", field.value_offset, "the key " + in_quotes(field.key) + " has no value");
    if (control == field.value.end() && bad == field.value.npos && !field.value.empty()) return true;
    seen_.insert(field.key);  // it is there, if not readable: one error is enough
    return false;
  }

  void read_field(const PolicyField& field) {
    const bool first = seen_.insert(field.key).second;
    if (field.key == "mx") return read_mx(field);
    if (!first) {
      return warn("duplicate-key", field.value_offset,
                  "the key " + in_quotes(field.key) + " was there before: only the first counts");
    }
    if (field.key == "version") return read_version(field);
    if (field.key == "mode") return read_mode(field);
    if (field.key == "max_age") return read_max_age(field);
    const std::string_view intended = intended_key(field.key);
    if (intended.empty()) return;
    warn("key-typo", field.value_offset,
         "the unknown key " + in_quotes(field.key) + " is ignored: was " + in_quotes(intended) + " meant?");
  }

  void read_version(const PolicyField& field) {
    lint_.version = field.value;
    if (field.value != kVersion)
      error("version-invalid", field.value_offset,
            "the version is " + in_quotes(field.value) + version_hint(field.value));
  }

  void read_mode(const PolicyField& field) {
    lint_.mode = field.value;
    if (!mode_of(field.value))
      error("mode-invalid", field.value_offset, "the mode is " + in_quotes(field.value) + mode_hint(field.value));
  }

  void read_max_age(const PolicyField& field) {
    const std::string_view digits = field.value;
    if (!all_of(digits, is_digit)) {
      return error("max-age-syntax", field.value_offset,
                   "max_age is " + in_quotes(digits) + ": write whole seconds, digits only");
    }
    if (digits.size() > kMaxAgeDigits) {
      return error("max-age-digits", field.value_offset, "max_age has more than 10 digits: " + in_quotes(digits));
    }
    std::uint64_t seconds = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    lint_.max_age = seconds;
    lint_.max_age_line = line_;
    if (seconds > kMaxPolicyAge) {
      error("max-age-too-large", field.value_offset,
            "max_age is " + std::string(digits) +
                ", above 31557600 (one year): some senders cap it, others refuse the policy");
    }
  }

  void read_mx(const PolicyField& field) {
    lint_.mx.emplace_back(field.value);
    if (const auto fault = pattern_fault(field.value)) {
      return error(fault->code, field.value_offset,
                   "the pattern " + in_quotes(field.value) + ' ' + std::string(fault->why));
    }
    std::string pattern = to_lower(field.value);
    if (pattern.find('.') == pattern.npos) {
      warn("mx-single-label", field.value_offset,
           "the pattern " + in_quotes(pattern) + " has only one label: write the full host name");
    }
    if (pattern.starts_with("*.") && pattern.find('.', 2) == pattern.npos) {
      warn("mx-wide-wildcard", field.value_offset,
           "the pattern " + in_quotes(pattern) + " permits every host directly under a top-level domain");
    }
    if (!distinct_mx_.insert(pattern).second)
      warn("mx-duplicate", field.value_offset, "the pattern " + in_quotes(pattern) + " was there before");
    patterns_.push_back(std::move(pattern));
  }

  void check_missing() {
    require("version", "version-missing");
    require("mode", "mode-missing");
    require("max_age", "max-age-missing");
    if (lint_.mode != "none") require("mx", "mx-missing");
  }

  void require(std::string_view key, std::string_view code) {
    if (!seen_.contains(key)) error(code, body_.size(), "the policy has no " + in_quotes(key) + " line");
  }

  StsPolicy policy() {
    return {.mode = *mode_of(*lint_.mode), .max_age = std::chrono::seconds(*lint_.max_age), .mx = patterns_};
  }

  void error(std::string_view code, std::size_t offset, std::string why) {
    lint_.errors.push_back({code, line_, offset, std::move(why)});
  }
  void warn(std::string_view code, std::size_t offset, std::string why) {
    lint_.warnings.push_back({code, line_, offset, std::move(why)});
  }

  std::string_view body_;
  std::size_t at_ = 0;  // where the current line begins
  std::size_t line_ = 1;
  std::size_t last_text_ = 0;  // the last octet that is not blank
  std::set<std::string_view> seen_{};
  std::set<std::string> distinct_mx_{};
  std::vector<std::string> patterns_{};
  PolicyLint lint_{};
};

bool lower_pattern_matches(std::string_view pattern, std::string_view host) {
  if (!pattern.starts_with("*.")) return pattern == host;
  const auto dot = host.find('.');
  return dot != host.npos && dot > 0 && host.substr(dot + 1) == pattern.substr(2);
}

}  // namespace

std::string_view to_string(StsMode mode) { return kModes[static_cast<std::size_t>(mode)]; }

PolicyLint parse_sts_policy(std::string_view body) { return PolicyReader(body).read(); }

bool mx_pattern_matches(std::string_view pattern, std::string_view host) {
  if (pattern_fault(pattern)) return false;
  const std::string name = normalize_host(host);
  return are_host_labels(name, Underscore::allowed) && lower_pattern_matches(to_lower(pattern), name);
}

bool policy_permits(const StsPolicy& policy, std::string_view host) {
  const std::string name = normalize_host(host);
  return are_host_labels(name, Underscore::allowed) &&
         std::any_of(policy.mx.begin(), policy.mx.end(),
                     [&name](const std::string& pattern) { return lower_pattern_matches(pattern, name); });
}

}  // namespace mtasts
