// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>

#include "probes/core/domain_name.h"
#include "tests/fuzz/config_problems.h"
#include "tests/fuzz/memory_file.h"

using namespace mtasts;
using mtasts::fuzz::expect;

namespace {

bool holds(const std::vector<std::string>& domains, const std::string& domain) {
  return std::binary_search(domains.begin(), domains.end(), domain);
}

/// A line that is a name and nothing else counts, whatever the others are.
void expect_plain_lines(std::string_view text, const std::vector<std::string>& domains) {
  for (const std::string& line : fuzz::records_of(text)) {
    const auto domain = parse_domain_name(line);
    if (domain) expect(holds(domains, *domain));
  }
}

/// What was read reads the same when it is written.
void expect_same_again(const fuzz::MemoryFile& file, const std::vector<std::string>& domains) {
  std::string lines;
  for (const std::string& domain : domains) lines += domain + "\n";
  file.write(lines);
  const DomainFiles again = load_domain_files({file.path()}, {});
  expect(again.domains == domains && again.problems.empty());
}

/// The new set cannot be trusted when nothing is left of it.
void expect_fallback(const fuzz::MemoryFile& file, bool has_domains) {
  const DomainFiles previous{.domains = {"previous.example"}};
  const DomainFiles next = load_domain_files({file.path()}, previous);
  expect(next.kept_previous == !has_domains);
  if (next.kept_previous) expect(next.domains == previous.domains && !next.problems.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::MemoryFile file;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  file.write(text);
  const DomainFiles read = load_domain_files({file.path()}, {});
  expect(std::is_sorted(read.domains.begin(), read.domains.end()));
  expect(std::adjacent_find(read.domains.begin(), read.domains.end()) == read.domains.end());
  for (const std::string& domain : read.domains) expect(parse_domain_name(domain).value() == domain);
  fuzz::expect_config_problems(read.problems, file.path(), text);
  fuzz::expect_config_problems(read.warnings, file.path(), text);
  expect_plain_lines(text, read.domains);
  expect_fallback(file, !read.domains.empty());
  expect_same_again(file, read.domains);
  return 0;
}
