// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/scenario.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace mtasts::lab {
namespace {

constexpr std::string_view kZone = ".lab.test";

[[noreturn]] void refuse(const YAML::Node& where, const std::string& what) {
  throw std::runtime_error("scenarios, line " + std::to_string(where.Mark().line + 1) + ": " + what);
}

/// Everything must be spelled right: a misspelt key would make a scenario healthy.
void check_keys(const YAML::Node& map, std::initializer_list<std::string_view> known) {
  if (!map.IsMap()) refuse(map, "a map is wanted here");
  for (const auto& entry : map) {
    const auto key = entry.first.as<std::string>();
    if (std::find(known.begin(), known.end(), key) == known.end()) refuse(entry.first, "unknown key '" + key + "'");
  }
}

template <class Value, std::size_t kCount>
Value look_up(const YAML::Node& node, const std::array<std::pair<std::string_view, Value>, kCount>& words) {
  const auto text = node.as<std::string>();
  for (const auto& [word, value] : words) {
    if (word == text) return value;
  }
  refuse(node, "unknown word '" + text + "'");
}

constexpr auto kListening = std::to_array<std::pair<std::string_view, Listening>>(
    {{"open", Listening::open}, {"refused", Listening::refused}, {"dead", Listening::dead}});
constexpr auto kTlsFaults =
    std::to_array<std::pair<std::string_view, TlsFault>>({{"none", TlsFault::none},
                                                          {"alert", TlsFault::alert},
                                                          {"old-version", TlsFault::old_version},
                                                          {"not-tls", TlsFault::not_tls},
                                                          {"silent", TlsFault::silent},
                                                          {"hang-up", TlsFault::hang_up}});
constexpr auto kHttpFaults =
    std::to_array<std::pair<std::string_view, HttpFault>>({{"none", HttpFault::none},
                                                           {"chunked", HttpFault::chunked},
                                                           {"endless", HttpFault::endless},
                                                           {"endless-header", HttpFault::endless_header},
                                                           {"lying-length", HttpFault::lying_length},
                                                           {"huge", HttpFault::huge},
                                                           {"short-body", HttpFault::short_body},
                                                           {"drip", HttpFault::drip},
                                                           {"garbage", HttpFault::garbage},
                                                           {"silent", HttpFault::silent},
                                                           {"hang-up", HttpFault::hang_up}});
constexpr auto kSmtpFaults =
    std::to_array<std::pair<std::string_view, SmtpFault>>({{"none", SmtpFault::none},
                                                           {"silent", SmtpFault::silent},
                                                           {"endless-banner", SmtpFault::endless_banner},
                                                           {"endless-line", SmtpFault::endless_line},
                                                           {"drip", SmtpFault::drip},
                                                           {"hang-up", SmtpFault::hang_up},
                                                           {"reset", SmtpFault::reset}});
constexpr auto kDnsFaults = std::to_array<std::pair<std::string_view, DnsFault>>({{"none", DnsFault::none},
                                                                                  {"nxdomain", DnsFault::nxdomain},
                                                                                  {"nodata", DnsFault::nodata},
                                                                                  {"servfail", DnsFault::servfail},
                                                                                  {"refused", DnsFault::refused},
                                                                                  {"silent", DnsFault::silent},
                                                                                  {"truncate", DnsFault::truncate},
                                                                                  {"spoof", DnsFault::spoof},
                                                                                  {"lose-first", DnsFault::lose_first},
                                                                                  {"slow", DnsFault::slow},
                                                                                  {"garbage", DnsFault::garbage}});

constexpr auto kSecurities = std::to_array<std::pair<std::string_view, DnsSecurity>>(
    {{"of-zone", DnsSecurity::of_zone}, {"insecure", DnsSecurity::insecure}, {"bogus", DnsSecurity::bogus}});

/// "3 1 1", and "3 1 1 wrong" for a key that nobody has.
TlsaSpec tlsa_spec(const YAML::Node& node) {
  std::istringstream words(node.as<std::string>());
  TlsaSpec spec;
  std::string wrong;
  if (!(words >> spec.usage >> spec.selector >> spec.matching_type)) refuse(node, "a TLSA record is three numbers");
  words >> wrong;
  spec.wrong = wrong == "wrong";
  return spec;
}

/// One entry of the table on its way to a Scenario; knows the domain, which names and texts refer to.
class EntryReader {
 public:
  EntryReader(const YAML::Node& entry, std::string domain) : entry_{entry}, domain_{std::move(domain)} {}

  Scenario read() const;

 private:
  std::string name(const std::string& written) const;
  std::string text(std::string written) const;
  std::vector<std::string> texts(const YAML::Node& node) const;
  TlsSpec tls(const YAML::Node& node, const std::string& host) const;
  PolicyServerSpec policy_server(const YAML::Node& node, const std::string& body) const;
  std::string policy_body(const YAML::Node& node, const std::vector<MxHostSpec>& mx) const;
  std::vector<PolicyServerSpec> policy(const YAML::Node& node, const std::vector<MxHostSpec>& mx) const;
  MxServerSpec mx_server(const YAML::Node& node, const std::string& host) const;
  MxHostSpec mx_host(const YAML::Node& node) const;
  std::vector<MxHostSpec> mx() const;
  DnsSet dns_set(const YAML::Node& node) const;
  std::vector<ExpectedFault> faults(const YAML::Node& node) const;
  Expectation expectation(const YAML::Node& node) const;

  YAML::Node entry_;
  std::string domain_;
};

/// As in a zone file: "@" is the domain, a final dot makes a name absolute, everything else is below the domain.
std::string EntryReader::name(const std::string& written) const {
  if (written == "@") return domain_;
  if (written.ends_with('.')) return written.substr(0, written.size() - 1);
  return written + "." + domain_;
}

/// `$D` is the domain.
std::string EntryReader::text(std::string written) const {
  for (auto at = written.find("$D"); at != std::string::npos; at = written.find("$D", at)) {
    written.replace(at, 2, domain_);
  }
  return written;
}

std::vector<std::string> EntryReader::texts(const YAML::Node& node) const {
  std::vector<std::string> all;
  for (const auto& one : node) all.push_back(text(one.as<std::string>()));
  return all;
}

TlsSpec EntryReader::tls(const YAML::Node& node, const std::string& host) const {
  TlsSpec spec;
  spec.name = host;
  if (node["tls"]) spec.fault = look_up(node["tls"], kTlsFaults);
  if (node["cert"]) spec.certificate = node["cert"].as<std::string>();
  if (node["cert_name"]) spec.name = name(node["cert_name"].as<std::string>());
  return spec;
}

std::string EntryReader::policy_body(const YAML::Node& node, const std::vector<MxHostSpec>& mx) const {
  if (node["body"]) return text(node["body"].as<std::string>());
  std::string body = "version: STSv1\r\nmode: " + node["mode"].as<std::string>("enforce") + "\r\n";
  std::vector<std::string> patterns = texts(node["patterns"]);
  if (!node["patterns"]) {
    for (const auto& host : mx) patterns.push_back(host.host);
  }
  for (const auto& pattern : patterns) body += "mx: " + pattern + "\r\n";
  return body + "max_age: " + node["max_age"].as<std::string>("2592000") + "\r\n";
}

PolicyServerSpec EntryReader::policy_server(const YAML::Node& node, const std::string& body) const {
  check_keys(node, {"listen", "ipv6", "tls", "cert", "cert_name", "http", "status", "content_type", "location"});
  PolicyServerSpec spec;
  spec.body = body;
  spec.tls = tls(node, "mta-sts." + domain_);
  if (node["listen"]) spec.listening = look_up(node["listen"], kListening);
  if (node["http"]) spec.http = look_up(node["http"], kHttpFaults);
  spec.ipv6 = node["ipv6"].as<bool>(false);
  spec.status = node["status"].as<int>(spec.status);
  spec.content_type = node["content_type"].as<std::string>(spec.content_type);
  spec.location = text(node["location"].as<std::string>(""));
  return spec;
}

std::vector<PolicyServerSpec> EntryReader::policy(const YAML::Node& node, const std::vector<MxHostSpec>& mx) const {
  if (!node) return {policy_server(YAML::Node(YAML::NodeType::Map), policy_body(YAML::Node(), mx))};
  check_keys(node, {"body", "mode", "patterns", "max_age", "servers"});
  const std::string body = policy_body(node, mx);
  if (!node["servers"]) return {policy_server(YAML::Node(YAML::NodeType::Map), body)};
  std::vector<PolicyServerSpec> all;
  for (const auto& server : node["servers"]) all.push_back(policy_server(server, body));
  return all;
}

MxServerSpec EntryReader::mx_server(const YAML::Node& node, const std::string& host) const {
  check_keys(node, {"listen", "ipv6", "tls", "cert", "cert_name", "smtp", "greeting", "ehlo", "helo", "starttls"});
  MxServerSpec spec;
  spec.tls = tls(node, host);
  if (node["listen"]) spec.listening = look_up(node["listen"], kListening);
  if (node["smtp"]) spec.smtp = look_up(node["smtp"], kSmtpFaults);
  spec.ipv6 = node["ipv6"].as<bool>(false);
  if (node["greeting"]) spec.greeting = texts(node["greeting"]);
  if (node["ehlo"]) spec.ehlo = texts(node["ehlo"]);
  if (node["helo"]) spec.helo = texts(node["helo"]);
  if (node["starttls"]) spec.starttls = texts(node["starttls"]);
  return spec;
}

MxHostSpec EntryReader::mx_host(const YAML::Node& node) const {
  check_keys(node, {"host", "preference", "listed", "servers", "tlsa", "tlsa_base"});
  MxHostSpec host;
  const auto written = node["host"].as<std::string>();
  host.host = name(written);
  host.preference = node["preference"].as<std::uint16_t>(host.preference);
  host.listed = node["listed"].as<bool>(true);
  for (const auto& record : node["tlsa"]) host.tlsa.push_back(tlsa_spec(record));
  if (node["tlsa_base"]) host.tlsa_base = name(node["tlsa_base"].as<std::string>());
  const bool elsewhere = written.ends_with('.');
  if (!node["servers"] && !elsewhere) host.servers.push_back(mx_server(YAML::Node(YAML::NodeType::Map), host.host));
  for (const auto& server : node["servers"]) host.servers.push_back(mx_server(server, host.host));
  return host;
}

std::vector<MxHostSpec> EntryReader::mx() const {
  std::vector<MxHostSpec> all;
  const YAML::Node nodes = entry_["mx"] ? entry_["mx"] : YAML::Load("[{host: mx1}]");
  for (const auto& node : nodes) all.push_back(mx_host(node));
  return all;
}

DnsSet EntryReader::dns_set(const YAML::Node& node) const {
  check_keys(node, {"txt", "mx", "address", "cname", "fault", "security"});
  DnsSet set;
  set.txt = texts(node["txt"]);
  set.addresses = texts(node["address"]);
  if (node["cname"]) set.cname = name(node["cname"].as<std::string>());
  if (node["fault"]) set.fault = look_up(node["fault"], kDnsFaults);
  if (node["security"]) set.security = look_up(node["security"], kSecurities);
  for (const auto& written : texts(node["mx"])) {
    const auto blank = written.find(' ');
    const std::string host = written.substr(blank + 1);
    set.mx.push_back({static_cast<std::uint16_t>(std::stoi(written)), host == "." ? "" : name(host)});
  }
  return set;
}

/// Replaces a default by what is written; null stands for "not asserted".
template <class Value>
void read_optional(const YAML::Node& node, std::optional<Value>& value) {
  if (!node) return;
  value = node.IsNull() ? std::nullopt : std::optional<Value>{node.as<Value>()};
}

std::vector<ExpectedFault> EntryReader::faults(const YAML::Node& node) const {
  std::vector<ExpectedFault> all;
  for (const auto& fault : node) {
    if (!fault.IsSequence() || fault.size() != 3) refuse(fault, "a fault is [result type, host, reason]");
    all.push_back({fault[0].as<std::string>(), name(fault[1].as<std::string>()), fault[2].as<std::string>()});
  }
  return all;
}

Expectation EntryReader::expectation(const YAML::Node& node) const {
  check_keys(node,
             {"state", "record", "tlsrpt", "mode", "success", "deliverable", "faults", "unreachable", "findings"});
  Expectation expect;
  expect.faults = faults(node["faults"]);
  expect.findings = texts(node["findings"]);
  for (const auto& host : node["unreachable"]) {
    expect.unreachable.emplace_back(name(host[0].as<std::string>()), host[1].as<std::string>());
  }
  expect.success = expect.faults->empty();
  expect.state = expect.faults->empty() ? "ok" : "failing";
  if (node["faults"] && node["faults"].IsNull()) expect.faults.reset();
  read_optional(node["record"], expect.record);
  read_optional(node["tlsrpt"], expect.tlsrpt);
  read_optional(node["mode"], expect.mode);
  read_optional(node["state"], expect.state);
  read_optional(node["success"], expect.success);
  read_optional(node["deliverable"], expect.deliverable);
  return expect;
}

Scenario EntryReader::read() const {
  check_keys(entry_, {"name", "about", "signed", "require_dane", "policy", "mx", "dns", "expect"});
  Scenario scenario;
  scenario.name = entry_["name"].as<std::string>();
  scenario.domain = domain_;
  scenario.about = entry_["about"].as<std::string>();
  scenario.is_signed = entry_["signed"].as<bool>(false);
  scenario.require_dane = entry_["require_dane"].as<bool>(false);
  scenario.mx = mx();
  scenario.policy = policy(entry_["policy"], scenario.mx);
  for (const auto& owner : entry_["dns"]) {
    scenario.dns.emplace_back(name(owner.first.as<std::string>()), dns_set(owner.second));
  }
  scenario.expect = expectation(entry_["expect"] ? entry_["expect"] : YAML::Node(YAML::NodeType::Map));
  return scenario;
}

}  // namespace

std::vector<Scenario> load_scenarios(const std::string& path) {
  std::vector<Scenario> all;
  for (const auto& entry : YAML::LoadFile(path)) {
    std::string domain = entry["name"].as<std::string>() + std::string(kZone);
    all.push_back(EntryReader{entry, std::move(domain)}.read());
  }
  return all;
}

Scenario load_scenario_as(const std::string& path, const std::string& name, const std::string& domain) {
  for (const auto& entry : YAML::LoadFile(path)) {
    if (entry["name"].as<std::string>() == name) return EntryReader{entry, domain}.read();
  }
  throw std::runtime_error("no scenario '" + name + "'");
}

SmtpFault smtp_fault(const std::string& word) { return look_up(YAML::Node(word), kSmtpFaults); }
HttpFault http_fault(const std::string& word) { return look_up(YAML::Node(word), kHttpFaults); }

}  // namespace mtasts::lab
