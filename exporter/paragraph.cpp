// SPDX-License-Identifier: Apache-2.0
#include "exporter/paragraph.h"

#include <algorithm>

namespace mtasts {
namespace {

constexpr std::size_t kColumns = 98;

}  // namespace

std::string render_paragraph(const std::string& label, std::string_view words) {
  std::string text;
  std::string current = label;
  const std::string indent(label.size(), ' ');
  for (std::size_t start = 0; start < words.size();) {
    const std::size_t end = std::min(words.find(' ', start), words.size());
    const auto word = words.substr(start, end - start);
    const bool first = current.size() == label.size();
    if (!first && current.size() + 1 + word.size() > kColumns) {
      text += current + '\n';
      current = indent + std::string(word);
    } else {
      current += (first ? "" : " ") + std::string(word);
    }
    start = end + 1;
  }
  return text + current + '\n';
}

}  // namespace mtasts
