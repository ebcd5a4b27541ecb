// SPDX-License-Identifier: Apache-2.0
#include "exporter/mail_bounds.h"

#include <algorithm>

#include "probes/core/octets.h"

namespace mtasts {
namespace {

bool is_name_octet(char c) { return is_alnum(c) || c == '-' || c == '_'; }

/// Is that the name of a field that a parser may look into, as opposed to some text with a colon in it?
bool is_field_name(std::string_view name) { return !name.empty() && all_of(name, is_name_octet); }

/// Adds up line after line.
class MailCount {
 public:
  void add(std::string_view line) {
    if (line.starts_with("--")) ++delimiters_;
    const bool folded = !line.empty() && is_wsp(line.front());
    if (!folded) begin(line, line.find(':'));
    if (in_field_) field_octets_ += line.size() + 1;
  }

  [[nodiscard]] bool within(const MailBounds& bounds) const {
    return delimiters_ <= bounds.max_delimiters && fields_ <= bounds.max_fields &&
           field_octets_ <= bounds.max_field_octets;
  }

 private:
  void begin(std::string_view line, std::size_t colon) {
    if (colon != std::string_view::npos) ++fields_;
    in_field_ = colon != std::string_view::npos && is_field_name(trim_wsp_right(line.substr(0, colon)));
  }

  std::size_t delimiters_{};
  std::size_t fields_{};
  std::size_t field_octets_{};
  bool in_field_{};
};

}  // namespace

bool is_within_bounds(std::string_view message, const MailBounds& bounds) {
  MailCount count;
  while (!message.empty()) {
    const std::size_t end = std::min(message.find('\n'), message.size());
    count.add(message.substr(0, end));
    message.remove_prefix(std::min(end + 1, message.size()));
  }
  return count.within(bounds);
}

}  // namespace mtasts
