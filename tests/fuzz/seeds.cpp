// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/seeds.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace mtasts::fuzz {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

Words split_at_commas(const std::string& text) {
  Words words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
  return words;
}

/// A text, or a list of lines.
std::string text_of(const YAML::Node& value) {
  if (!value.IsSequence()) return value.as<std::string>();
  std::string lines;
  for (const YAML::Node& line : value) lines += line.as<std::string>() + '\n';
  if (!lines.empty()) lines.pop_back();
  return lines;
}

/// Cases without one of the fields, or with a map there, are none for a fuzz target.
void add_cases(const std::string& file, const Words& fields, std::vector<Seed>& seeds) {
  for (const YAML::Node& entry : YAML::LoadFile(file)) {
    const auto is_there = [&](const std::string& field) { return entry[field] && !entry[field].IsMap(); };
    if (!entry.IsMap() || !std::all_of(fields.begin(), fields.end(), is_there)) continue;
    std::string input;
    for (const std::string& field : fields) input += (input.empty() ? "" : "\n\n") + text_of(entry[field]);
    seeds.push_back({.input = std::move(input)});
  }
}

void add_file(const fs::path& file, std::vector<Seed>& seeds) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + file.string());
  seeds.push_back({.input = {std::istreambuf_iterator<char>(stream), {}}, .whole = true});
}

void add_whole(const fs::path& path, std::vector<Seed>& seeds) {
  if (!fs::is_directory(path)) return add_file(path, seeds);
  std::vector<fs::path> files(fs::directory_iterator{path}, {});
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) add_file(file, seeds);
}

}  // namespace

std::vector<Seed> read_seeds(const std::vector<std::string>& arguments) {
  std::vector<Seed> seeds;
  Words fields;  // none: whole files
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--cases") {
      fields = {"input"};
    } else if (argument == "--fields") {
      fields = split_at_commas(arguments.at(++i));
    } else if (argument == "--whole") {
      fields.clear();
    } else if (fields.empty()) {
      add_whole(argument, seeds);
    } else {
      add_cases(argument, fields, seeds);
    }
  }
  return seeds;
}

}  // namespace mtasts::fuzz
