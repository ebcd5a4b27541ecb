// SPDX-License-Identifier: Apache-2.0
#include "exporter/config_value.h"

#include <array>
#include <charconv>
#include <filesystem>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "exporter/file_text.h"
#include "probes/net/tls_context.h"

namespace mtasts {
namespace {

using std::chrono::milliseconds;

struct Unit {
  std::string_view name{};
  std::uint64_t factor{};
};

constexpr std::array<Unit, 6> kTimeUnits{
    {{"w", 604'800'000}, {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 5> kSizeUnits{
    {{"", 1}, {"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}}};
constexpr std::uint64_t kMostNumber = 1'000'000'000'000;  // keeps sums and products below far from overflow

/// Takes the digits that `text` starts with. Errors: nullopt when there are none, or too many.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number > kMostNumber) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

/// The beginning of a text in UTF-8, cut between two characters; dots stand for the rest.
std::string beginning_of(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return std::string(text.substr(0, most)) + "...";
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMostShown = 80;
  return "'" + beginning_of(text, kMostShown) + "'";
}

/// Messages and keys repeat what the file says, which may be long.
ConfigProblem problem_in(const ConfigReading& reading, std::size_t line, std::string_view key,
                         std::string_view message) {
  constexpr std::size_t kMostOctets = 2000;
  return {reading.file, line, beginning_of(key, kMostOctets), beginning_of(message, kMostOctets)};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    text += i == 0 ? "" : i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> known) {
  const auto nearest = nearest_word(word, known);
  return nearest ? "; did you mean " + in_quotes(*nearest) + "?" : "";
}

std::string_view name_of(YamlNode::Kind kind) {
  constexpr std::array<std::string_view, 4> names{"nothing", "a single value", "a list", "a map"};
  return names[static_cast<std::size_t>(kind)];
}

/// "domains[2].name" as "domains[].name".
std::string without_indexes(std::string_view key) {
  std::string text;
  for (const char c : key) {
    if (text.ends_with('[') && c >= '0' && c <= '9') continue;
    text += c;
  }
  return text;
}

/// Why the file cannot be the roots that are trusted, "" when it can.
std::string trust_store_fault(const std::string& path) {
  std::string fault = file_fault(path);
  if (!fault.empty()) return fault;
  try {
    const TlsContext context({.ca_file = path});
    return "";
  } catch (const std::runtime_error&) {
    return "holds no certificate that can be read; name a PEM file of the roots to trust";
  }
}

bool anybody_may_read(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  return !error && (status.permissions() & std::filesystem::perms::others_read) != std::filesystem::perms::none;
}

std::string fault_of(const NamedFile& named) {
  return named.kind == NamedKind::trust_store ? trust_store_fault(named.path) : file_fault(named.path);
}

/// The dotted key whose last part is `word`: where a misplaced key belongs.
std::optional<std::string> key_ending_in(std::string_view word, std::span<const std::string> keys) {
  for (const std::string& key : keys) {
    if (key.ends_with("." + std::string(word)) && key.find("[]") == std::string::npos) return key;
  }
  return std::nullopt;
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return milliseconds{0};
  std::uint64_t total = 0;
  auto unit = kTimeUnits.begin();
  do {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    const std::size_t letters = std::min(text.find_first_of("0123456789"), text.size());
    unit = std::find_if(unit, kTimeUnits.end(), [&](const Unit& u) { return u.name == text.substr(0, letters); });
    if (unit == kTimeUnits.end() || *number > kMostNumber / unit->factor) return std::nullopt;
    total += *number * unit->factor;
    text.remove_prefix(letters);
    ++unit;
  } while (!text.empty());
  return milliseconds{total};
}

std::optional<std::size_t> parse_size(std::string_view text) {
  const auto number = take_number(text);
  const auto unit = std::find_if(kSizeUnits.begin(), kSizeUnits.end(), [&](const Unit& u) { return u.name == text; });
  if (!number || unit == kSizeUnits.end() || *number > kMostNumber / unit->factor) return std::nullopt;
  return static_cast<std::size_t>(*number * unit->factor);
}

std::string render_duration(milliseconds duration) {
  auto rest = static_cast<std::uint64_t>(duration.count());
  std::string text;
  for (const Unit& unit : std::span(kTimeUnits).subspan(1)) {
    if (rest >= unit.factor) text += std::to_string(rest / unit.factor) + std::string(unit.name);
    rest %= unit.factor;
  }
  return text.empty() ? "0s" : text;
}

std::optional<std::string> nearest_word(std::string_view word, std::span<const std::string> known) {
  constexpr std::size_t kLongestWord = 64;  // keeps the comparison cheap
  if (word.size() > kLongestWord) return std::nullopt;
  std::size_t best_distance = (word.size() + 2) / 3 + 1;
  std::optional<std::string> best;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

ConfigValue ConfigValue::child(const YamlNode& node, const std::string& name) const {
  return {node, key_.empty() ? name : key_ + "." + name, reading_};
}

void ConfigValue::problem_at(std::size_t line, std::string_view key, std::string_view message) const {
  if (reading_.problems.size() >= kMaxConfigProblems) return;
  reading_.problems.push_back(problem_in(reading_, line, key, message));
}

void ConfigValue::problem(std::string_view message) const { problem_at(node_.line, key_, message); }

void ConfigValue::warning(std::string_view message) const {
  if (reading_.warnings.size() >= kMaxConfigProblems) return;
  reading_.warnings.push_back(problem_in(reading_, node_.line, key_, message));
}

void ConfigValue::note_line() const {
  reading_.lines.emplace(without_indexes(key_), node_.key_line > 0 ? node_.key_line : node_.line);
}

bool ConfigValue::is_map() const {
  if (node_.kind == YamlNode::Kind::map) return true;
  if (node_.kind != YamlNode::Kind::null) {
    problem("must be a map, but is " + std::string(name_of(node_.kind)) + "; write 'key: value' pairs");
  }
  return false;
}

bool ConfigValue::is_sequence() const {
  if (node_.kind == YamlNode::Kind::sequence) return true;
  if (node_.kind != YamlNode::Kind::null) {
    problem("must be a list, but is " + std::string(name_of(node_.kind)) +
            "; write [a, b] or lines that start with '-'");
  }
  return false;
}

const std::string* ConfigValue::scalar(std::string_view what) const {
  if (node_.kind == YamlNode::Kind::scalar) return &node_.text;
  if (node_.kind == YamlNode::Kind::null) {
    problem("has no value; write " + std::string(what) + ", or remove it");
  } else {
    problem("must be " + std::string(what) + ", but is " + std::string(name_of(node_.kind)));
  }
  return nullptr;
}

void ConfigValue::get(bool& target) const {
  const std::string* text = scalar("true or false");
  if (text == nullptr) return;
  if (!node_.plain || (*text != "true" && *text != "false")) {
    problem(in_quotes(*text) + " is not a boolean; write true or false, without quotes");
    return;
  }
  target = *text == "true";
}

void ConfigValue::get(std::string& target) const {
  if (const std::string* text = scalar("a text")) target = *text;
}

std::optional<std::uint64_t> ConfigValue::number_between(std::uint64_t least, std::uint64_t most) const {
  const std::string range = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  const std::string* text = scalar(range);
  if (text == nullptr) return std::nullopt;
  std::string_view rest = *text;
  const auto number = take_number(rest);
  if (!node_.plain || !number || !rest.empty() || *number < least || *number > most) {
    problem(in_quotes(*text) + " is not " + range + (node_.plain ? "" : ", without quotes"));
    return std::nullopt;
  }
  return number;
}

std::optional<milliseconds> ConfigValue::duration_between(milliseconds least, milliseconds most) const {
  const std::string* text = scalar("a duration such as 30s, 15m or 1h30m");
  if (text == nullptr) return std::nullopt;
  const auto duration = parse_duration(*text);
  if (!duration) {
    problem(in_quotes(*text) + " is not a duration; write for example 500ms, 30s, 15m, 1h30m or 7d");
  } else if (*duration < least || *duration > most) {
    problem(in_quotes(*text) + " is out of range; write " + render_duration(least) + " to " + render_duration(most));
  } else {
    return duration;
  }
  return std::nullopt;
}

void ConfigValue::get_size(std::size_t& target, std::size_t least, std::size_t most) const {
  const std::string* text = scalar("a size such as 64KiB");
  if (text == nullptr) return;
  const auto size = parse_size(*text);
  if (!size) {
    problem(in_quotes(*text) + " is not a size; write for example 65536, 64KiB or 1MiB");
  } else if (*size < least || *size > most) {
    problem(in_quotes(*text) + " is out of range; write " + std::to_string(least) + " to " + std::to_string(most) +
            " bytes");
  } else {
    target = *size;
  }
}

std::optional<std::size_t> ConfigValue::choice_of(const std::vector<std::string>& words) const {
  const std::string* text = scalar(joined(words));
  if (text == nullptr) return std::nullopt;
  const auto found = std::find(words.begin(), words.end(), *text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  problem(in_quotes(*text) + " is unknown; write " + joined(words) + did_you_mean(*text, words));
  return std::nullopt;
}

void ConfigValue::get_path(std::string& target) const {
  const std::string* text = scalar("a path");
  if (text == nullptr) return;
  if (text->empty()) {
    problem("is empty; write a path, or remove it");
    return;
  }
  target = (std::filesystem::path(reading_.base_directory) / *text).lexically_normal().string();
}

void ConfigValue::each(const std::function<void(const ConfigValue&)>& visit) const {
  if (!is_sequence()) return;
  for (std::size_t i = 0; i < node_.children.size(); ++i) {
    visit(ConfigValue{node_.children[i], key_ + "[" + std::to_string(i) + "]", reading_});
  }
}

void note_unknown_key(const ConfigValue& section, const YamlNode& child, std::span<const std::string> known,
                      std::span<const std::string> elsewhere) {
  std::string hint = did_you_mean(child.key, known);
  if (hint.empty()) {
    if (const auto home = key_ending_in(child.key, elsewhere)) hint = "; did you mean " + in_quotes(*home) + "?";
  }
  if (hint.empty()) hint = "; remove it, or use one of " + joined({known.begin(), known.end()});
  section.problem_at(child.key_line, section.child(child, child.key).key(), "unknown key" + hint);
}

void note_yaml_problems(const YamlResult& yaml, ConfigReading& reading) {
  for (const YamlProblem& duplicate : yaml.duplicates) {
    if (reading.problems.size() >= kMaxConfigProblems) break;
    reading.problems.push_back(problem_in(reading, duplicate.line, duplicate.key, duplicate.message));
  }
  if (!yaml.error) return;
  reading.problems.push_back(problem_in(reading, yaml.error->line, yaml.error->key, yaml.error->message));
}

void check_named_files(ConfigReading& reading) {
  for (const NamedFile& named : reading.named_files) {
    const std::string fault = fault_of(named);
    if (!fault.empty()) {
      reading.problems.push_back({reading.file, named.line, named.key, "'" + named.path + "' " + fault});
    } else if (named.kind == NamedKind::secret && anybody_may_read(named.path)) {
      reading.warnings.push_back(
          {reading.file, named.line, named.key,
           "'" + named.path + "' can be read by everybody on this machine; take that away: chmod o-r"});
    }
  }
}

void sort_by_line(ConfigReading& reading) {
  const auto is_earlier = [](const ConfigProblem& a, const ConfigProblem& b) { return a.line < b.line; };
  std::stable_sort(reading.problems.begin(), reading.problems.end(), is_earlier);
  std::stable_sort(reading.warnings.begin(), reading.warnings.end(), is_earlier);
}

}  // namespace mtasts
