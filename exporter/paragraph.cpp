// SPDX-License-Identifier: Apache-2.0
#include "exporter/paragraph.h"

#include <algorithm>

namespace mtasts {
namespace {

constexpr std::size_t kColumns = 98;
constexpr std::size_t kMostQuoted = 60;  // what is longer between backticks wraps like anything else

/// Where the word at `start` ends: what stands between backticks is to be copied as it is, and stays on one line.
std::size_t end_of_word(std::string_view words, std::size_t start) {
  std::size_t from = start;
  if (words[start] == '`') {
    const std::size_t closing = words.find('`', start + 1);
    if (closing != std::string_view::npos && closing - start <= kMostQuoted) from = closing;
  }
  return std::min(words.find(' ', from), words.size());
}

}  // namespace

std::string render_paragraph(const std::string& label, std::string_view words) {
  std::string text;
  std::string current = label;
  const std::string indent(label.size(), ' ');
  for (std::size_t start = 0; start < words.size();) {
    const std::size_t end = end_of_word(words, start);
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
