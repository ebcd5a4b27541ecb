// SPDX-License-Identifier: Apache-2.0
#include "exporter/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "exporter/utf8.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

/// Ends the parse from inside an event.
struct Stop {
  YamlProblem problem;
};

std::size_t line_of(const YAML::Mark& mark) { return mark.is_null() ? 0 : static_cast<std::size_t>(mark.line) + 1; }

/// yaml-cpp gives an octet of Latin-1 for each of the escapes \N and \_; nothing else of a text is not UTF-8.
std::string in_utf8(const std::string& value) {
  if (find_not_utf8(value) == std::string::npos) return value;
  std::string text;
  for (std::size_t at = 0; at < value.size();) {
    const std::size_t length = utf8_length(std::string_view(value).substr(at));
    if (length == 0) text += '\xc2';
    text.append(value, at, std::max<std::size_t>(length, 1));
    at += std::max<std::size_t>(length, 1);
  }
  return text;
}

/// Builds the tree from yaml-cpp's events, which, unlike its own tree, keep duplicate keys and cost no graph.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::vector<YamlProblem>& duplicates) : duplicates_(duplicates) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add({.kind = YamlNode::Kind::null, .line = line_of(mark)}, anchor, 1);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool plain = tag == "?" || tag.empty();
    const bool null = plain && (value.empty() || value == "~" || value == "null");
    add({.kind = null ? YamlNode::Kind::null : YamlNode::Kind::scalar,
         .line = line_of(mark),
         .plain = plain,
         .text = in_utf8(value)},
        anchor, 1);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      throw Stop{{line_of(mark), "an alias cannot stand inside its own anchor; write it out", ""}};
    count(found->second.values, line_of(mark));
    YamlNode copy = found->second.node;
    add(std::move(copy), 0, found->second.values);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::sequence, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::map, mark, anchor);
  }
  void OnMapEnd() override { close(); }

  std::optional<YamlNode> take_root() { return std::move(root_); }

 private:
  struct Open {
    YamlNode node{};
    YAML::anchor_t anchor{};
    std::size_t values{1};
    bool awaits_value{};
    std::string key{};
    std::size_t key_line{};
    std::unordered_map<std::string, std::size_t> lines{};  // where a key was first written
  };
  struct Anchored {
    YamlNode node{};
    std::size_t values{};
  };

  void count(std::size_t values, std::size_t line) {
    total_ += values;
    if (total_ > kMaxYamlValues) {
      throw Stop{{line, "more than " + std::to_string(kMaxYamlValues) +
                            " values, aliases written out; list domains in domain_files instead"}};
    }
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (open_.size() >= kMaxYamlDepth) {
      throw Stop{{line_of(mark), "nested deeper than " + std::to_string(kMaxYamlDepth) + " levels; flatten it"}};
    }
    count(1, line_of(mark));
    Open level;
    level.node.kind = kind;
    level.node.line = line_of(mark);
    level.anchor = anchor;
    open_.push_back(std::move(level));
  }

  void close() {
    Open level = std::move(open_.back());
    open_.pop_back();
    add(std::move(level.node), level.anchor, level.values);
  }

  void add(YamlNode node, YAML::anchor_t anchor, std::size_t values) {
    if (node.kind == YamlNode::Kind::null || node.kind == YamlNode::Kind::scalar) count(1, node.line);
    if (anchor != 0) {
      count(values, node.line);  // the copy below
      anchors_[anchor] = {node, values};
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    parent.values += values;
    if (parent.node.kind == YamlNode::Kind::map && !parent.awaits_value) {
      add_key(parent, node);
    } else {
      add_child(parent, std::move(node));
    }
  }

  void add_key(Open& parent, const YamlNode& node) {
    if (node.kind == YamlNode::Kind::sequence || node.kind == YamlNode::Kind::map) {
      throw Stop{{node.line, "a key must be a word, not a list or a map"}};
    }
    const auto [first, is_new] = parent.lines.emplace(node.text, node.line);
    if (!is_new) {
      duplicates_.push_back(
          {node.line,
           "the key '" + node.text + "' is here twice, first in line " + std::to_string(first->second) + "; remove one",
           path_to(node.text)});
    }
    parent.key = node.text;
    parent.key_line = node.line;
    parent.awaits_value = true;
  }

  /// The dotted key of an entry of the map that is open.
  std::string path_to(const std::string& key) const {
    std::string path;
    for (std::size_t i = 0; i + 1 < open_.size(); ++i) {
      const Open& level = open_[i];
      const bool is_map = level.node.kind == YamlNode::Kind::map;
      path += is_map ? (path.empty() ? "" : ".") + level.key : "[" + std::to_string(level.node.children.size()) + "]";
    }
    return path.empty() ? key : path + "." + key;
  }

  static void add_child(Open& parent, YamlNode node) {
    node.key = std::move(parent.key);
    node.key_line = parent.key_line;
    parent.awaits_value = false;
    parent.node.children.push_back(std::move(node));
  }

  std::vector<YamlProblem>& duplicates_;
  std::optional<YamlNode> root_{};
  std::vector<Open> open_{};
  std::unordered_map<YAML::anchor_t, Anchored> anchors_{};
  std::size_t total_{};
};

/// Refuses what follows the first document.
class SecondDocument : public TreeBuilder {
 public:
  using TreeBuilder::TreeBuilder;
  void OnDocumentStart(const YAML::Mark& mark) override {
    throw Stop{{line_of(mark), "there is more than one YAML document; remove all but the first, and its '---'", ""}};
  }
};

std::size_t line_at(std::string_view text, std::size_t offset) {
  return 1 +
         static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
}

/// The first octet that no YAML text can hold: not UTF-8, or NUL. yaml-cpp would replace it in silence.
std::optional<YamlProblem> find_odd_octet(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = text[at] == '\0' ? 0 : utf8_length(text.substr(at));
    if (length == 0) return YamlProblem{line_at(text, at), "not UTF-8 text; save the file as UTF-8"};
    at += length;
  }
  return std::nullopt;
}

/// The first line up to `last` that is indented with a tab, the usual cause of a syntax error; 0 when there is none.
std::size_t find_tab_indent(std::string_view text, std::size_t last) {
  std::size_t line = 1;
  for (std::size_t at = 0; at < text.size() && line <= last; ++line) {
    const std::size_t content = text.find_first_not_of(' ', at);
    if (content != std::string_view::npos && text[content] == '\t') return line;
    const std::size_t end = text.find('\n', at);
    at = end == std::string_view::npos ? text.size() : end + 1;
  }
  return 0;
}

/// Where the text ends, not counting the line that its last line feed would begin.
struct TextEnd {
  std::size_t line{};
  std::size_t column{};
};

TextEnd end_of(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  const std::size_t line_start = text.rfind('\n') + 1;  // npos + 1 is 0
  return {line_at(text, text.size()), text.size() - line_start + 1};
}

YamlProblem syntax_problem(std::string_view text, const YAML::Exception& error) {
  const TextEnd end = end_of(text);
  const bool is_behind = line_of(error.mark) > end.line;
  const std::size_t line = is_behind ? end.line : line_of(error.mark);
  const std::size_t column = is_behind ? end.column : static_cast<std::size_t>(error.mark.column) + 1;
  if (const std::size_t tab = find_tab_indent(text, line); tab != 0) {
    return {tab, "not YAML: indented with a tab; use spaces"};
  }
  // yaml-cpp 0.8 names the anchor behind a colon, 0.7 does not: one message for both.
  constexpr std::string_view kUnknownAnchor = "the referenced anchor is not defined";
  const std::string said = error.msg.starts_with(kUnknownAnchor) ? std::string(kUnknownAnchor) : error.msg;
  return {line, "not YAML: " + said + " (column " + std::to_string(column) + ")"};
}

void parse_document(std::string_view text, YamlResult& result) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  TreeBuilder builder(result.duplicates);
  if (!parser.HandleNextDocument(builder)) return;
  result.root = builder.take_root();
  std::vector<YamlProblem> ignored;
  SecondDocument second(ignored);
  parser.HandleNextDocument(second);
}

}  // namespace

YamlResult parse_yaml(std::string_view text) {
  YamlResult result;
  result.error = find_odd_octet(text);
  if (result.error) return result;
  try {
    parse_document(text, result);
  } catch (const Stop& stop) {
    result.error = stop.problem;
  } catch (const YAML::Exception& error) {
    result.error = syntax_problem(text, error);
  }
  if (result.error) result.root.reset();
  return result;
}

}  // namespace mtasts
