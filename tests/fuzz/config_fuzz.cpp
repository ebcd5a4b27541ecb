// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <set>

#include "exporter/http_text.h"
#include "exporter/postgresql_url.h"
#include "probes/core/domain_name.h"
#include "tests/fuzz/config_problems.h"

using namespace mtasts;
using mtasts::fuzz::expect;
using namespace std::chrono_literals;

namespace {

constexpr const char* kFile = "config.yaml";
constexpr const char* kFolder = "/etc/fuzz";

std::size_t values_of(const YamlNode& node, std::size_t depth, std::size_t last_line) {
  expect(depth <= kMaxYamlDepth + 1 && node.line <= last_line && node.key_line <= last_line);
  std::size_t values = 1;
  for (const YamlNode& child : node.children) values += values_of(child, depth + 1, last_line);
  return values;
}

void expect_tree(std::string_view text) {
  const YamlResult yaml = parse_yaml(text);
  const std::size_t lines = fuzz::lines_of(text);
  expect(!yaml.error || !yaml.root);
  if (yaml.error) expect(yaml.error->line <= lines && !yaml.error->message.empty());
  if (yaml.root) expect(values_of(*yaml.root, 1, lines + 1) <= kMaxYamlValues);
}

/// Within its limits, and as anybody may write it.
template <class Duration>
void expect_duration(Duration duration, std::chrono::milliseconds least, std::chrono::milliseconds most) {
  expect(duration >= least && duration <= most);
  expect(parse_duration(render_duration(duration)) == duration);
}

void expect_probing(const Config& config) {
  expect_duration(config.probe.interval, 1s, std::chrono::days{30});
  expect_duration(config.probe.retry_interval, 1s, config.probe.interval);
  expect_duration(config.probe.timeout, 100ms, 1h);
  expect(config.probe.concurrency <= 65536 && config.probe.threads >= 1 && config.probe.threads <= kMostProbeThreads);
  expect_duration(config.dns.timeout, 10ms, 5min);
  expect(config.dns.attempts >= 1 && config.dns.attempts <= 10);
  expect_duration(config.policy.timeout, 100ms, 10min);
  expect(config.policy.port != 0 && config.smtp.port != 0);
  expect(config.policy.max_size >= 1024 && config.policy.max_size <= 16 * 1024 * 1024);
  expect_duration(config.smtp.timeout, 100ms, 10min);
  expect(!config.smtp.ip_families.empty() && config.smtp.ip_families.size() <= 2);
  expect(config.smtp.max_addresses >= 1 && config.smtp.max_hosts >= 1);
  fuzz::expect_printable(config.smtp.helo);  // it is sent in a line
  expect(config.findings.expiry_high < config.findings.expiry_warning);
  expect(config.sharding.index < config.sharding.count && config.sharding.count <= kMostShards);
}

void expect_domains(const Config& config) {
  std::set<std::string> names;
  for (const DomainConfig& domain : config.domains) {
    expect(names.insert(domain.name).second);
    expect(parse_domain_name(domain.name).value() == domain.name);
    for (const auto& [name, value] : domain.labels) {
      fuzz::expect_printable(name);
      expect(find_not_utf8(value) == std::string_view::npos && value.size() <= 256);
    }
  }
}

/// Whatever IMAP, HTTP and files get of it cannot be taken for more than it is.
void expect_ways_in(const TlsrptConfig& tlsrpt) {
  for (const auto* paths : {&tlsrpt.maildirs, &tlsrpt.spools})
    for (const std::string& path : *paths) expect(path.starts_with('/'));
  for (const std::string& token : tlsrpt.http.tokens) fuzz::expect_printable(token);
  fuzz::expect_printable(tlsrpt.http.path);
  expect(tlsrpt.http.path.starts_with('/'));
  if (!tlsrpt.http.listen_address.empty()) expect(parse_listen_address(tlsrpt.http.listen_address).has_value());
  for (const TlsrptImapConfig& account : tlsrpt.imap) {
    fuzz::expect_printable(account.server);
    expect(account.port != 0 && account.password_file.starts_with('/'));
    for (const std::string* folder : {&account.folder, &account.done_folder, &account.refused_folder})
      fuzz::expect_printable(*folder);
    expect(std::none_of(account.user.begin(), account.user.end(), is_control));
    expect_duration(account.poll_interval, 1s, std::chrono::days{1});
  }
}

void expect_config(const Config& config) {
  expect_probing(config);
  expect_domains(config);
  expect_ways_in(config.tlsrpt);
  expect(config.storage.path.starts_with('/'));
  expect(config.storage.url.empty() || postgresql_url_fault(config.storage.url).empty());
  for (const std::string& glob : config.domain_files) expect(glob.starts_with('/'));
}

void expect_lines(const ConfigLines& lines, std::size_t last_line) {
  const std::vector<std::string> known = known_config_keys();
  for (const auto& [key, line] : lines) {
    expect(line >= 1 && line <= last_line);
    const bool is_known = std::find(known.begin(), known.end(), key) != known.end();
    expect(is_known || std::find(known.begin(), known.end(), key.substr(0, key.find('['))) != known.end());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!fuzz::has_few_aliases(text)) return 0;
  expect_tree(text);
  const ConfigResult result = parse_config(text, kFile, kFolder);
  expect(result.config.has_value() == result.problems.empty());
  fuzz::expect_config_problems(result.problems, kFile, text);
  fuzz::expect_config_problems(result.warnings, kFile, text);
  expect_lines(result.lines, fuzz::lines_of(text));
  if (result.config) expect_config(*result.config);
  return 0;
}
