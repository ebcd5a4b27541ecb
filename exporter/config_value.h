// Typed reading of YAML values: every getter either sets its target or notes a problem that says how to repair it.
// Next: config.cpp, whose tables name the getter of each key.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/config.h"
#include "exporter/yaml_tree.h"

namespace mtasts {

enum class NamedKind { file, trust_store, secret };  // secret: a file that only some may read

/// A file that the configuration names and that has to be there.
struct NamedFile {
  std::string path{};
  std::size_t line{};
  std::string key{};
  NamedKind kind{NamedKind::file};
};

/// What is collected while a file is read.
struct ConfigReading {
  std::string file{};
  std::string base_directory{};
  std::vector<ConfigProblem> problems{};
  std::vector<ConfigProblem> warnings{};
  std::vector<NamedFile> named_files{};
  ConfigLines lines{};
};

/// Most problems that are kept of one file; nobody reads more.
constexpr std::size_t kMaxConfigProblems = 1000;

/// "15m", "1h30m", "500ms" and so on: the largest unit first, each unit once. Errors: nullopt.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// "65536", "64KiB", "1MiB", "1GiB". Errors: nullopt.
std::optional<std::size_t> parse_size(std::string_view text);

/// "7d", "1h30m", "500ms": what parse_duration reads back.
std::string render_duration(std::chrono::milliseconds duration);

/// The word of `known` that `word` was probably meant to be. Errors: nullopt when none is close.
std::optional<std::string> nearest_word(std::string_view word, std::span<const std::string> known);

/// One value of the tree with the dotted key that leads to it.
class ConfigValue {
 public:
  ConfigValue(const YamlNode& node, std::string key, ConfigReading& reading)
      : node_(node), key_(std::move(key)), reading_(reading) {}

  const YamlNode& node() const { return node_; }
  const std::string& key() const { return key_; }
  ConfigReading& reading() const { return reading_; }
  ConfigValue child(const YamlNode& node, const std::string& name) const;

  void problem(std::string_view message) const;
  void problem_at(std::size_t line, std::string_view key, std::string_view message) const;
  void warning(std::string_view message) const;
  /// Remembers where the key is written, unless it was written before.
  void note_line() const;

  /// Is it of this kind? An empty section or list counts as not written. Errors: noted.
  bool is_map() const;
  bool is_sequence() const;

  void get(bool& target) const;
  void get(std::string& target) const;
  template <class Number>
  void get_number(Number& target, std::uint64_t least, std::uint64_t most) const {
    if (const auto number = number_between(least, most)) target = static_cast<Number>(*number);
  }
  template <class Duration>
  void get_duration(Duration& target, std::chrono::milliseconds least, std::chrono::milliseconds most) const {
    if (const auto duration = duration_between(least, most)) {
      target = std::chrono::duration_cast<Duration>(*duration);
      if (target != *duration) problem("'" + node_.text + "' is not whole seconds; write for example 1s");
    }
  }
  void get_size(std::size_t& target, std::size_t least, std::size_t most) const;
  template <class Value>
  void get_choice(Value& target, std::initializer_list<std::pair<std::string_view, Value>> choices) const {
    std::vector<std::string> words;
    for (const auto& [word, value] : choices) words.emplace_back(word);
    const auto index = choice_of(words);
    if (index) target = (choices.begin() + *index)->second;
  }
  /// A path, made absolute; not empty.
  void get_path(std::string& target) const;
  /// Each element of a list. Errors: noted when it is no list.
  void each(const std::function<void(const ConfigValue&)>& visit) const;
  /// The text of a scalar. Errors: noted.
  const std::string* scalar(std::string_view what) const;

 private:
  std::optional<std::uint64_t> number_between(std::uint64_t least, std::uint64_t most) const;
  std::optional<std::chrono::milliseconds> duration_between(std::chrono::milliseconds least,
                                                            std::chrono::milliseconds most) const;
  std::optional<std::size_t> choice_of(const std::vector<std::string>& words) const;

  const YamlNode& node_;
  std::string key_;
  ConfigReading& reading_;
};

/// Takes over what parse_yaml had to say.
void note_yaml_problems(const YamlResult& yaml, ConfigReading& reading);

/// Looks for every named file, and into every trust store. Errors: noted.
void check_named_files(ConfigReading& reading);

/// Brings problems and warnings into the order of the file.
void sort_by_line(ConfigReading& reading);

/// How one key of a section is read.
template <class Section>
struct ConfigField {
  std::string_view key{};
  void (*read)(Section& section, const ConfigValue& value){};
};

/// Notes a key that no table has. `elsewhere` are dotted keys in which a misplaced key is looked up.
void note_unknown_key(const ConfigValue& section, const YamlNode& child, std::span<const std::string> known,
                      std::span<const std::string> elsewhere);

/// Reads a map by its table of fields. Errors: noted, unknown keys among them.
template <class Section, class Fields>
void read_fields(Section& section, const ConfigValue& value, const Fields& fields,
                 std::span<const std::string> elsewhere = {}) {
  if (!value.is_map()) return;
  std::vector<std::string> known;
  for (const auto& field : fields) known.emplace_back(field.key);
  for (const YamlNode& node : value.node().children) {
    const auto is_named = [&](const auto& field) { return field.key == node.key; };
    const auto field = std::find_if(std::begin(fields), std::end(fields), is_named);
    if (field == std::end(fields)) {
      note_unknown_key(value, node, known, elsewhere);
    } else {
      const ConfigValue child = value.child(node, node.key);
      child.note_line();
      field->read(section, child);
    }
  }
}

}  // namespace mtasts
