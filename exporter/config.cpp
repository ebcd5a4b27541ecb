// SPDX-License-Identifier: Apache-2.0
#include "exporter/config.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <functional>
#include <unordered_map>

#include "exporter/config_value.h"
#include "exporter/file_text.h"
#include "exporter/http_server.h"
#include "exporter/postgresql_url.h"
#include "probes/core/domain_name.h"
#include "probes/core/entered_domain.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

constexpr std::uint64_t kMostPort = 65535;
constexpr std::size_t kMaxLabels = 32;        // per domain; a label is a column of every join
constexpr std::size_t kMaxLabelOctets = 256;  // of a value
constexpr std::size_t kMaxImapTextOctets = 1000;

bool is_label_name(std::string_view name) {
  const auto is_word = [](unsigned char c) { return c < 0x80 && (std::isalnum(c) != 0 || c == '_'); };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name.front())) == 0 &&
         std::all_of(name.begin(), name.end(), is_word);
}

/// Why a label cannot have this name, "" when it can. Source: the Prometheus data model.
std::string label_name_fault(std::string_view name) {
  if (name.starts_with("__")) return "label names that start with '__' belong to Prometheus; rename it";
  if (name == "domain" || name == "job" || name == "instance") return "this label is set already; rename it";
  if (!is_label_name(name)) return "not a label name; use letters, digits and '_', not a digit first";
  return "";
}

void read_label(DomainConfig& domain, const ConfigValue& value) {
  const std::string fault = label_name_fault(value.node().key);
  if (!fault.empty()) return value.problem_at(value.node().key_line, value.key(), fault);
  std::string text;
  value.get(text);
  if (text.size() > kMaxLabelOctets) {
    return value.problem("longer than " + std::to_string(kMaxLabelOctets) + " octets; shorten it");
  }
  domain.labels[value.node().key] = std::move(text);
}

void read_labels(DomainConfig& domain, const ConfigValue& value) {
  if (!value.is_map()) return;
  if (value.node().children.size() > kMaxLabels) {
    return value.problem("more than " + std::to_string(kMaxLabels) + " labels; remove some");
  }
  for (const YamlNode& node : value.node().children) read_label(domain, value.child(node, node.key));
}

void read_domain_name(std::string& target, const ConfigValue& value) {
  const std::string* text = value.scalar("a domain name");
  if (text == nullptr) return;
  Parsed<std::string> name = parse_entered_domain_name(*text);
  if (name.has_value()) {
    target = std::move(*name);
  } else {
    value.problem(name.error().detail + "; write a domain name such as example.org");
  }
}

constexpr ConfigField<DomainConfig> kDomainFields[] = {
    {"name", [](DomainConfig& to, const ConfigValue& value) { read_domain_name(to.name, value); }},
    {"labels", [](DomainConfig& to, const ConfigValue& value) { read_labels(to, value); }},
    {"expect_mode",
     [](DomainConfig& to, const ConfigValue& value) {
       value.get_choice(to.expect_mode,
                        {{"enforce", StsMode::enforce}, {"testing", StsMode::testing}, {"none", StsMode::none}});
     }},
    {"require_dane", [](DomainConfig& to, const ConfigValue& value) { value.get(to.require_dane); }},
};

bool has_key(const YamlNode& map, std::string_view key) {
  return std::any_of(map.children.begin(), map.children.end(), [&](const YamlNode& node) { return node.key == key; });
}

DomainConfig read_domain(const ConfigValue& value) {
  DomainConfig domain;
  if (value.node().kind != YamlNode::Kind::map) {
    read_domain_name(domain.name, value);
    return domain;
  }
  read_fields(domain, value, kDomainFields);
  if (!has_key(value.node(), "name")) value.problem("has no name; add 'name: DOMAIN'");
  return domain;
}

void read_domains(Config& config, const ConfigValue& value) {
  std::unordered_map<std::string, std::size_t> lines;
  value.each([&](const ConfigValue& element) {
    DomainConfig domain = read_domain(element);
    if (domain.name.empty()) return;
    const auto [first, is_new] = lines.emplace(domain.name, element.node().line);
    if (!is_new) {
      return element.problem("'" + domain.name + "' is listed already in line " + std::to_string(first->second) +
                             "; remove one");
    }
    config.domains.push_back(std::move(domain));
  });
}

void read_paths(std::vector<std::string>& target, const ConfigValue& value) {
  value.each([&](const ConfigValue& element) {
    std::string path;
    element.get_path(path);
    if (path.empty()) return;
    value.reading().lines.emplace(value.key() + "[" + std::to_string(target.size()) + "]", element.node().line);
    target.push_back(std::move(path));
  });
}

/// A path to something that load_config makes sure of.
void read_existing(std::string& target, const ConfigValue& value, NamedKind kind) {
  std::string path;
  value.get_path(path);
  if (path.empty()) return;
  value.reading().named_files.push_back({path, value.node().line, value.key(), kind});
  target = std::move(path);
}

void read_nat64_prefixes(ProbeConfig& to, const ConfigValue& value) {
  value.each([&](const ConfigValue& element) {
    const std::string* text = element.scalar("a prefix");
    if (text == nullptr) return;
    const auto prefix = parse_nat64_prefix(*text);
    if (!prefix) {
      return element.problem(
          "'" + *text +
          "' is not a NAT64 prefix; write an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits with zeros "
          "behind it, such as \"2001:db8:64::/96\"");
    }
    if (std::find(to.nat64_prefixes.begin(), to.nat64_prefixes.end(), *prefix) != to.nat64_prefixes.end()) {
      return element.problem("'" + *text + "' is listed already; remove one");
    }
    to.nat64_prefixes.push_back(*prefix);
  });
}

constexpr ConfigField<ProbeConfig> kProbeFields[] = {
    {"interval", [](ProbeConfig& to, const ConfigValue& value) { value.get_duration(to.interval, 1s, days{30}); }},
    {"retry_interval",
     [](ProbeConfig& to, const ConfigValue& value) { value.get_duration(to.retry_interval, 1s, days{30}); }},
    {"timeout", [](ProbeConfig& to, const ConfigValue& value) { value.get_duration(to.timeout, 100ms, 1h); }},
    {"concurrency", [](ProbeConfig& to, const ConfigValue& value) { value.get_number(to.concurrency, 1, 65536); }},
    {"threads", [](ProbeConfig& to, const ConfigValue& value) { value.get_number(to.threads, 1, kMostProbeThreads); }},
    {"max_per_network",
     [](ProbeConfig& to, const ConfigValue& value) { value.get_number(to.max_per_network, 0, 65536); }},
    {"max_per_provider",
     [](ProbeConfig& to, const ConfigValue& value) { value.get_number(to.max_per_provider, 0, 65536); }},
    {"nat64_prefixes", [](ProbeConfig& to, const ConfigValue& value) { read_nat64_prefixes(to, value); }},
    {"allow_private", [](ProbeConfig& to, const ConfigValue& value) { value.get(to.allow_private); }},
    {"allow_unconfigured", [](ProbeConfig& to, const ConfigValue& value) { value.get(to.allow_unconfigured); }},
};

std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || text.find_first_not_of("0123456789") != std::string_view::npos) return {};
  const unsigned long port = std::stoul(std::string(text));
  if (port < 1 || port > kMostPort) return {};
  return static_cast<std::uint16_t>(port);
}

/// "192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]:53". Errors: nullopt.
std::optional<DnsServer> parse_dns_server(std::string_view text) {
  if (const auto bare = parse_ip_address(text)) return DnsServer{*bare};
  std::string_view port;
  const bool bracketed = text.starts_with('[');
  const std::size_t end = bracketed ? text.find(']') : text.rfind(':');
  if (end == std::string_view::npos) return std::nullopt;
  const auto address = parse_ip_address(text.substr(bracketed ? 1 : 0, bracketed ? end - 1 : end));
  port = text.substr(bracketed ? end + 1 : end);
  if (!address || bracketed != (address->family == IpFamily::ipv6)) return std::nullopt;
  if (port.empty()) return DnsServer{*address};
  if (port.front() != ':') return std::nullopt;
  const auto number = parse_port(port.substr(1));
  if (!number) return std::nullopt;
  return DnsServer{*address, *number};
}

void read_dns_servers(DnsConfig& to, const ConfigValue& value) {
  value.each([&](const ConfigValue& element) {
    const std::string* text = element.scalar("an IP address");
    if (text == nullptr) return;
    const auto server = parse_dns_server(*text);
    if (!server) {
      return element.problem("'" + *text +
                             "' is not an IP address with an optional port; write \"127.0.0.1:53\" or \"[::1]:53\"");
    }
    if (std::find(to.servers.begin(), to.servers.end(), *server) != to.servers.end()) {
      return element.problem("'" + *text + "' is listed already; remove one");
    }
    to.servers.push_back(*server);
  });
}

constexpr ConfigField<DnsConfig> kDnsFields[] = {
    {"servers", [](DnsConfig& to, const ConfigValue& value) { read_dns_servers(to, value); }},
    {"timeout", [](DnsConfig& to, const ConfigValue& value) { value.get_duration(to.timeout, 10ms, 5min); }},
    {"attempts", [](DnsConfig& to, const ConfigValue& value) { value.get_number(to.attempts, 1, 10); }},
    {"max_rate", [](DnsConfig& to, const ConfigValue& value) { value.get_number(to.max_rate, 0, 1'000'000); }},
    {"trust_ad",
     [](DnsConfig& to, const ConfigValue& value) {
       value.get_choice(to.trust_ad,
                        {{"auto", TrustAd::automatic}, {"true", TrustAd::always}, {"false", TrustAd::never}});
     }},
    {"validate",
     [](DnsConfig& to, const ConfigValue& value) {
       value.get_choice(
           to.validate,
           {{"resolver", DnsValidation::resolver}, {"local", DnsValidation::local}, {"off", DnsValidation::off}});
     }},
    {"trust_anchor", [](DnsConfig& to, const ConfigValue& value) { value.get(to.trust_anchor); }},
};

constexpr ConfigField<PolicyConfig> kPolicyFields[] = {
    {"port", [](PolicyConfig& to, const ConfigValue& value) { value.get_number(to.port, 1, kMostPort); }},
    {"http_port", [](PolicyConfig& to, const ConfigValue& value) { value.get_number(to.http_port, 0, kMostPort); }},
    {"timeout", [](PolicyConfig& to, const ConfigValue& value) { value.get_duration(to.timeout, 100ms, 10min); }},
    {"max_size",
     [](PolicyConfig& to, const ConfigValue& value) { value.get_size(to.max_size, 1024, 16 * 1024 * 1024); }},
};

bool is_address_literal(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return false;
  std::string_view inner = text.substr(1, text.size() - 2);
  if (inner.starts_with("IPv6:")) inner.remove_prefix(5);
  return parse_ip_address(inner).has_value();
}

/// What EHLO may say: a domain or an address literal (RFC 5321 section 4.1.1.1).
void read_helo(SmtpConfig& to, const ConfigValue& value) {
  std::string text;
  value.get(text);
  const Parsed<std::string> name = parse_domain_name(text);
  if (text.empty() || is_address_literal(text)) {
    to.helo = text;
  } else if (name.has_value()) {
    to.helo = *name;
  } else {
    value.problem(name.error().detail + "; write this machine's full host name, or \"\" to look it up");
  }
}

void read_ip_families(SmtpConfig& to, const ConfigValue& value) {
  if (value.node().kind == YamlNode::Kind::sequence) to.ip_families.clear();
  value.each([&](const ConfigValue& element) {
    std::optional<IpFamily> family;
    element.get_choice(family, {{"ipv4", IpFamily::ipv4}, {"ipv6", IpFamily::ipv6}});
    if (!family) return;
    if (std::find(to.ip_families.begin(), to.ip_families.end(), *family) != to.ip_families.end()) {
      return element.problem("'" + element.node().text + "' is listed already; remove one");
    }
    to.ip_families.push_back(*family);
  });
  if (value.node().kind == YamlNode::Kind::sequence && value.node().children.empty()) {
    value.problem("is empty; write [ipv4], [ipv6] or [ipv4, ipv6]");
  }
}

void read_source_address(SmtpConfig& to, const ConfigValue& value) {
  std::string text;
  value.get(text);
  to.source_address = parse_ip_address(text);
  if (!text.empty() && !to.source_address) {
    value.problem("'" + text + "' is not an IP address; write one of this machine's, or \"\" to let the system choose");
  }
}

constexpr ConfigField<SmtpConfig> kSmtpFields[] = {
    {"port", [](SmtpConfig& to, const ConfigValue& value) { value.get_number(to.port, 1, kMostPort); }},
    {"helo", [](SmtpConfig& to, const ConfigValue& value) { read_helo(to, value); }},
    {"timeout", [](SmtpConfig& to, const ConfigValue& value) { value.get_duration(to.timeout, 100ms, 10min); }},
    {"ip_families", [](SmtpConfig& to, const ConfigValue& value) { read_ip_families(to, value); }},
    {"addresses",
     [](SmtpConfig& to, const ConfigValue& value) {
       value.get_choice(to.addresses, {{"all", AddressChoice::all}, {"first", AddressChoice::first}});
     }},
    {"max_addresses", [](SmtpConfig& to, const ConfigValue& value) { value.get_number(to.max_addresses, 1, 64); }},
    {"max_hosts", [](SmtpConfig& to, const ConfigValue& value) { value.get_number(to.max_hosts, 1, 1000); }},
    {"source_address", [](SmtpConfig& to, const ConfigValue& value) { read_source_address(to, value); }},
};

/// A file of trusted roots, or "" for the default that has none.
void read_optional_trust_store(std::string& target, const ConfigValue& value) {
  if (value.node().kind == YamlNode::Kind::scalar && value.node().text.empty()) return;
  read_existing(target, value, NamedKind::trust_store);
}

constexpr ConfigField<TlsConfig> kTlsFields[] = {
    {"ca_file", [](TlsConfig& to, const ConfigValue& value) { read_optional_trust_store(to.ca_file, value); }},
    {"min_version",
     [](TlsConfig& to, const ConfigValue& value) {
       value.get_choice(to.min_version, {{"1.2", TlsVersion::tls1_2}, {"1.3", TlsVersion::tls1_3}});
     }},
};

constexpr ConfigField<ClassifyConfig> kClassifyFields[] = {
    {"incomplete_chain",
     [](ClassifyConfig& to, const ConfigValue& value) {
       value.get_choice(to.incomplete_chain, {{"validation-failure", ResultType::validation_failure},
                                              {"certificate-not-trusted", ResultType::certificate_not_trusted}});
     }},
};

template <std::chrono::seconds FindingsConfig::*Member>
void read_threshold(FindingsConfig& to, const ConfigValue& value) {
  value.get_duration(to.*Member, 0s, days{3650});
}

constexpr ConfigField<FindingsConfig> kFindingsFields[] = {
    {"testing_longer_than", read_threshold<&FindingsConfig::testing_longer_than>},
    {"ready_after", read_threshold<&FindingsConfig::ready_after>},
    {"expiry_warning", read_threshold<&FindingsConfig::expiry_warning>},
    {"expiry_high", read_threshold<&FindingsConfig::expiry_high>},
    {"min_max_age_enforce", read_threshold<&FindingsConfig::min_max_age_enforce>},
    {"min_max_age_testing", read_threshold<&FindingsConfig::min_max_age_testing>},
};

/// Is it one of the paths of the exporter's own pages, or below one?
bool is_own_page(std::string_view path) {
  constexpr std::string_view kPages[] = {"/-",     "/api",     "/check",    "/domains", "/metrics",
                                         "/probe", "/reports", "/runbooks", "/sd",      "/style.css"};
  return std::any_of(std::begin(kPages), std::end(kPages),
                     [&](std::string_view page) { return path == page || path.starts_with(std::string(page) + "/"); });
}

/// Characters that mean nothing else in a URL, and no segment that proxies would take away.
bool is_report_path(std::string_view path) {
  constexpr std::size_t kMostPath = 255;
  const auto is_safe = [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.' || c == '/'; };
  const std::string segments = std::string(path) + "/";
  const auto has = [&](std::string_view part) { return segments.find(part) != std::string::npos; };
  return path.size() <= kMostPath && path.starts_with('/') && all_of(path, is_safe) && !has("//") && !has("/./") &&
         !has("/../");
}

void read_http_path(TlsrptHttpConfig& to, const ConfigValue& value) {
  value.get(to.path);
  if (!is_report_path(to.path)) {
    return value.problem("'" + to.path + "' cannot receive reports; write a path of letters, digits, '-', '_' and '.'" +
                         " such as /tlsrpt, without a slash at its end");
  }
  if (is_own_page(to.path)) {
    value.problem("'" + to.path + "' is a page of the exporter; write a path of its own such as /tlsrpt");
  }
}

void read_token(TlsrptHttpConfig& to, const ConfigValue& value) {
  constexpr std::size_t kLeastToken = 16;  // a token is all that guards the path
  constexpr std::size_t kMostToken = 128;
  std::string token;
  value.get(token);
  const auto is_safe = [](char c) { return is_alnum(c) || c == '-' || c == '_'; };
  if (token.size() < kLeastToken || token.size() > kMostToken || !all_of(token, is_safe)) {
    return value.problem("a token is 16 to 128 letters, digits, '-' or '_'; make one with 'openssl rand -hex 16'");
  }
  if (std::find(to.tokens.begin(), to.tokens.end(), token) != to.tokens.end()) {
    return value.problem("this token is listed already; remove one");
  }
  to.tokens.push_back(std::move(token));
}

void read_report_listener(TlsrptHttpConfig& to, const ConfigValue& value) {
  value.get(to.listen_address);
  if (to.listen_address.empty()) return;
  const auto address = parse_listen_address(to.listen_address);
  if (!address || address->port == 0) {
    value.problem("'" + to.listen_address + "' cannot be listened on; write HOST:PORT, [IPV6]:PORT or :PORT");
  }
}

constexpr ConfigField<TlsrptHttpConfig> kTlsrptHttpFields[] = {
    {"enabled", [](TlsrptHttpConfig& to, const ConfigValue& value) { value.get(to.enabled); }},
    {"path", [](TlsrptHttpConfig& to, const ConfigValue& value) { read_http_path(to, value); }},
    {"tokens",
     [](TlsrptHttpConfig& to, const ConfigValue& value) {
       value.each([&](const ConfigValue& element) { read_token(to, element); });
     }},
    {"listen_address", [](TlsrptHttpConfig& to, const ConfigValue& value) { read_report_listener(to, value); }},
};

constexpr std::size_t kMaxMailboxes = 100;  // each has a thread
constexpr std::uint16_t kImapPort = 143;
constexpr std::uint16_t kImapsPort = 993;

bool is_imap_host(const std::string& host, bool bracketed) {
  if (const auto address = parse_ip_address(host)) return bracketed == (address->family == IpFamily::ipv6);
  return !bracketed && (host == "localhost" || parse_domain_name(host).has_value());
}

/// Reads "[imaps://]HOST[:PORT]", or "imap://HOST[:PORT]" for STARTTLS; an IPv6 address in brackets. Errors: false.
bool parse_imap_server(std::string_view text, TlsrptImapConfig& to) {
  to.starttls = text.starts_with("imap://");
  for (const std::string_view scheme : {"imap://", "imaps://"}) {
    if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
  }
  const bool bracketed = text.starts_with('[') && text.find(']') != std::string_view::npos;
  const std::size_t end = bracketed ? text.find(']') + 1 : std::min(text.find(':'), text.size());
  to.host = bracketed ? text.substr(1, end - 2) : text.substr(0, end);
  to.port = to.starttls ? kImapPort : kImapsPort;
  if (end < text.size()) {
    const auto port = text[end] == ':' ? parse_port(text.substr(end + 1)) : std::nullopt;
    if (!port) return false;
    to.port = *port;
  }
  to.server = std::string(text.substr(0, end)) + ":" + std::to_string(to.port);
  return is_imap_host(to.host, bracketed);
}

void read_imap_server(TlsrptImapConfig& to, const ConfigValue& value) {
  std::string text;
  value.get(text);
  if (parse_imap_server(text, to)) return;
  value.problem("'" + text + "' is not an IMAP server; write HOST, HOST:PORT, or imap://HOST for STARTTLS");
}

void read_imap_user(TlsrptImapConfig& to, const ConfigValue& value) {
  value.get(to.user);
  const bool fits =
      !to.user.empty() && to.user.size() <= kMaxImapTextOctets && all_of(to.user, std::not_fn(is_control));
  if (!fits) value.problem("is empty, too long or holds control characters; write the name to log in with");
}

/// Stands in quotes in IMAP commands. Source: RFC 3501 section 9, `quoted`.
template <std::string TlsrptImapConfig::*Member>
void read_imap_folder(TlsrptImapConfig& to, const ConfigValue& value) {
  std::string& folder = to.*Member;
  value.get(folder);
  const auto fits = [](char c) { return is_ascii(c) && !is_control(c); };
  if (folder.size() > kMaxImapTextOctets || !all_of(folder, fits)) {
    value.problem(
        "is not printable ASCII; write other letters as the server lists them (RFC 3501 section 5.1.3): "
        "Gel&APY-scht");
  }
}

constexpr ConfigField<TlsrptImapConfig> kTlsrptImapFields[] = {
    {"server", [](TlsrptImapConfig& to, const ConfigValue& value) { read_imap_server(to, value); }},
    {"ca_file", [](TlsrptImapConfig& to, const ConfigValue& value) { read_optional_trust_store(to.ca_file, value); }},
    {"user", read_imap_user},
    {"password_file",
     [](TlsrptImapConfig& to, const ConfigValue& value) { read_existing(to.password_file, value, NamedKind::secret); }},
    {"folder", read_imap_folder<&TlsrptImapConfig::folder>},
    {"done_folder", read_imap_folder<&TlsrptImapConfig::done_folder>},
    {"refused_folder", read_imap_folder<&TlsrptImapConfig::refused_folder>},
    {"poll_interval",
     [](TlsrptImapConfig& to, const ConfigValue& value) { value.get_duration(to.poll_interval, 1s, days{1}); }},
};

/// INBOX is the one folder whose name knows no case (RFC 3501 section 5.1). Unnamed folders differ from all.
bool same_folder(const std::string& a, const std::string& b) {
  return !a.empty() && (a == b || (to_lower(a) == "inbox" && to_lower(b) == "inbox"));
}

void check_imap(const TlsrptImapConfig& account, const ConfigValue& element) {
  for (const std::string_view key : {"server", "user", "password_file"}) {
    if (!has_key(element.node(), key)) element.problem("has no " + std::string(key) + "; add it");
  }
  if (account.folder.empty()) element.problem("folder is empty; name one, or remove the key for INBOX");
  const bool clash = same_folder(account.folder, account.done_folder) ||
                     same_folder(account.folder, account.refused_folder) ||
                     same_folder(account.done_folder, account.refused_folder);
  if (clash) element.problem("folder, done_folder and refused_folder must be different; name three, or leave two out");
}

bool same_mailbox(const TlsrptImapConfig& a, const TlsrptImapConfig& b) {
  return a.server == b.server && a.user == b.user && same_folder(a.folder, b.folder);
}

void read_imap(TlsrptConfig& to, const ConfigValue& value) {
  value.each([&](const ConfigValue& element) {
    TlsrptImapConfig account;
    read_fields(account, element, kTlsrptImapFields);
    check_imap(account, element);
    const auto twin = std::find_if(to.imap.begin(), to.imap.end(),
                                   [&](const TlsrptImapConfig& other) { return same_mailbox(other, account); });
    if (twin != to.imap.end() && !account.server.empty()) element.problem("this mailbox is listed already; remove one");
    if (to.imap.size() == kMaxMailboxes) {
      element.problem("more than " + std::to_string(kMaxMailboxes) + " mailboxes; let the mail server collect them");
    }
    to.imap.push_back(std::move(account));
  });
}

/// Folders that reports are taken from. They need not be there yet: a maildir often comes with its first mail.
void read_folders(std::vector<std::string>& target, const ConfigValue& value) {
  read_paths(target, value);
  for (std::string& path : target) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  }
}

constexpr ConfigField<TlsrptConfig> kTlsrptFields[] = {
    {"accept_unauthenticated",
     [](TlsrptConfig& to, const ConfigValue& value) { value.get(to.accept_unauthenticated); }},
    {"http", [](TlsrptConfig& to, const ConfigValue& value) { read_fields(to.http, value, kTlsrptHttpFields); }},
    {"maildirs", [](TlsrptConfig& to, const ConfigValue& value) { read_folders(to.maildirs, value); }},
    {"spools", [](TlsrptConfig& to, const ConfigValue& value) { read_folders(to.spools, value); }},
    {"imap", [](TlsrptConfig& to, const ConfigValue& value) { read_imap(to, value); }},
    {"authserv_id", [](TlsrptConfig& to, const ConfigValue& value) { value.get(to.authserv_id); }},
};

/// No message repeats the URL, in which a password may be.
void read_storage_url(std::string& target, const ConfigValue& value) {
  constexpr const char* kRemedy =
      "; write postgresql://USER@HOST:PORT/DATABASE, or remove the key to keep reports in storage.path";
  value.get(target);
  if (!is_postgresql_url(target))
    return value.problem(std::string{"is no URL that begins with postgresql:// or postgres://"} + kRemedy);
  const std::string fault = postgresql_url_fault(target);
  if (!fault.empty()) value.problem("PostgreSQL's library cannot take this URL: " + fault + kRemedy);
}

constexpr ConfigField<StorageConfig> kStorageFields[] = {
    {"path", [](StorageConfig& to, const ConfigValue& value) { value.get_path(to.path); }},
    {"url", [](StorageConfig& to, const ConfigValue& value) { read_storage_url(to.url, value); }},
};

constexpr ConfigField<ShardingConfig> kShardingFields[] = {
    {"index", [](ShardingConfig& to, const ConfigValue& value) { value.get_number(to.index, 0, kMostShards - 1); }},
    {"count", [](ShardingConfig& to, const ConfigValue& value) { value.get_number(to.count, 1, kMostShards); }},
};

constexpr ConfigField<Config> kFields[] = {
    {"domains", [](Config& to, const ConfigValue& value) { read_domains(to, value); }},
    {"domain_files", [](Config& to, const ConfigValue& value) { read_paths(to.domain_files, value); }},
    {"probe", [](Config& to, const ConfigValue& value) { read_fields(to.probe, value, kProbeFields); }},
    {"dns", [](Config& to, const ConfigValue& value) { read_fields(to.dns, value, kDnsFields); }},
    {"policy", [](Config& to, const ConfigValue& value) { read_fields(to.policy, value, kPolicyFields); }},
    {"smtp", [](Config& to, const ConfigValue& value) { read_fields(to.smtp, value, kSmtpFields); }},
    {"tls", [](Config& to, const ConfigValue& value) { read_fields(to.tls, value, kTlsFields); }},
    {"classify", [](Config& to, const ConfigValue& value) { read_fields(to.classify, value, kClassifyFields); }},
    {"findings", [](Config& to, const ConfigValue& value) { read_fields(to.findings, value, kFindingsFields); }},
    {"tlsrpt", [](Config& to, const ConfigValue& value) { read_fields(to.tlsrpt, value, kTlsrptFields); }},
    {"storage", [](Config& to, const ConfigValue& value) { read_fields(to.storage, value, kStorageFields); }},
    {"sharding", [](Config& to, const ConfigValue& value) { read_fields(to.sharding, value, kShardingFields); }},
};

/// The node under a dotted key of two parts, nullptr when it is not written.
const YamlNode* find_node(const YamlNode& root, std::string_view section, std::string_view key) {
  for (const YamlNode& node : root.children) {
    if (node.key != section) continue;
    for (const YamlNode& child : node.children) {
      if (child.key == key) return &child;
    }
  }
  return nullptr;
}

/// Notes two values that cannot both be meant, where the later of the two is written, if any is.
struct Contradictions {
  const YamlNode& root;
  const ConfigValue& whole;

  void forbid(bool contradicts, std::string_view section, std::string_view key, std::string_view other,
              const std::string& message) const {
    const YamlNode* node = find_node(root, section, key);
    if (node == nullptr) node = find_node(root, section, other);
    if (!contradicts || node == nullptr) return;
    whole.problem_at(node->line, std::string(section) + "." + node->key, message);
  }
};

void check_contradictions(const Config& config, const YamlNode& root, const ConfigValue& whole) {
  const Contradictions check{root, whole};
  const FindingsConfig& findings = config.findings;
  check.forbid(config.probe.retry_interval > config.probe.interval, "probe", "retry_interval", "interval",
               "the retry interval (" + render_duration(config.probe.retry_interval) +
                   ") is longer than probe.interval (" + render_duration(config.probe.interval) + "); shorten it");
  check.forbid(findings.expiry_high >= findings.expiry_warning, "findings", "expiry_high", "expiry_warning",
               "expiry_high (" + render_duration(findings.expiry_high) + ") must be less than expiry_warning (" +
                   render_duration(findings.expiry_warning) + "); change one");
  check.forbid(findings.ready_after > findings.testing_longer_than, "findings", "ready_after", "testing_longer_than",
               "ready_after (" + render_duration(findings.ready_after) + ") must not exceed testing_longer_than (" +
                   render_duration(findings.testing_longer_than) + "); change one");
  check.forbid(config.sharding.index >= config.sharding.count, "sharding", "index", "count",
               "index (" + std::to_string(config.sharding.index) + ") must be less than count (" +
                   std::to_string(config.sharding.count) + "); indexes start at 0");
  const bool family_is_probed =
      !config.smtp.source_address || std::count(config.smtp.ip_families.begin(), config.smtp.ip_families.end(),
                                                config.smtp.source_address->family) > 0;
  check.forbid(!family_is_probed, "smtp", "source_address", "ip_families",
               "its address family is not among smtp.ip_families; change one");
}

/// Notes folders that two would take the same files from.
class FolderCheck {
 public:
  explicit FolderCheck(const ConfigValue& whole) : whole_{whole} {}

  /// Input: `own` are what each of them keeps below itself.
  void add(const std::string& key, const std::vector<std::string>& paths, std::initializer_list<const char*> own) {
    for (std::size_t i = 0; i < paths.size(); ++i) {
      const std::string element = key + "[" + std::to_string(i) + "]";
      const Folder folder{paths[i], element, whole_.reading().lines[element]};
      folders_.push_back(folder);
      for (const char* name : own) owners_.emplace(paths[i] + "/" + name, folder);
    }
  }

  void check() const {
    std::unordered_map<std::string, Folder> taken;
    for (const Folder& folder : folders_) {
      const auto [first, is_new] = taken.emplace(folder.path, folder);
      if (!is_new) refuse(folder, "is listed already as " + where(first->second) + "; remove one");
      const auto owner = owners_.find(folder.path);
      if (owner == owners_.end()) continue;
      refuse(folder, "belongs to " + where(owner->second) + "; remove it, or name a folder of its own");
    }
  }

  /// The database must be neither read beside SQLite nor moved away.
  void keep_off(const std::string& database) const {
    std::error_code error;
    const auto home = std::filesystem::weakly_canonical(std::filesystem::path{database}.parent_path(), error);
    for (const Folder& folder : folders_) {
      if (std::filesystem::weakly_canonical(folder.path, error) != home) continue;
      refuse(folder, "holds the database of storage.path; name a folder of its own");
    }
  }

 private:
  struct Folder {
    std::string path{};
    std::string key{};
    std::size_t line{};
  };

  static std::string where(const Folder& folder) { return folder.key + " in line " + std::to_string(folder.line); }
  void refuse(const Folder& folder, const std::string& why) const {
    whole_.problem_at(folder.line, folder.key, "'" + folder.path + "' " + why);
  }

  const ConfigValue& whole_;
  std::vector<Folder> folders_{};
  std::unordered_map<std::string, Folder> owners_{};
};

void check_folders(const Config& config, const ConfigValue& whole) {
  FolderCheck check{whole};
  check.add("tlsrpt.maildirs", config.tlsrpt.maildirs, {"new", "cur", "tmp"});
  check.add("tlsrpt.spools", config.tlsrpt.spools, {"done", "refused"});
  check.check();
  check.keep_off(config.storage.path);
}

/// A key that is taken and has no effect, in this version or beside the other keys.
struct IdleKey {
  std::string key{};
  std::string message{};
  bool (*is_set)(const Config& config){};
};

template <std::chrono::seconds FindingsConfig::*Member>
bool is_threshold_set(const Config& config) {
  return config.findings.*Member != FindingsConfig{}.*Member;
}

bool dane_is_never_judged(const Config& config) {
  const bool by_resolver = config.dns.validate == DnsValidation::resolver && config.dns.trust_ad != TrustAd::never;
  const bool validated = by_resolver || config.dns.validate == DnsValidation::local;
  return !validated && std::any_of(config.domains.begin(), config.domains.end(),
                                   [](const DomainConfig& domain) { return domain.require_dane; });
}

bool anchor_is_not_used(const Config& config) {
  return !config.dns.trust_anchor.empty() && config.dns.validate != DnsValidation::local;
}

/// Reports by mail of which none could ever count.
template <class Way>
bool never_authenticated(const TlsrptConfig& tlsrpt, const Way& way_in) {
  return !way_in.empty() && tlsrpt.authserv_id.empty() && !tlsrpt.accept_unauthenticated;
}

bool maildirs_never_count(const Config& config) { return never_authenticated(config.tlsrpt, config.tlsrpt.maildirs); }

bool spools_never_count(const Config& config) { return never_authenticated(config.tlsrpt, config.tlsrpt.spools); }

bool imap_never_counts(const Config& config) { return never_authenticated(config.tlsrpt, config.tlsrpt.imap); }

bool http_never_counts(const Config& config) {
  const TlsrptHttpConfig& http = config.tlsrpt.http;
  return http.enabled && http.tokens.empty() && !config.tlsrpt.accept_unauthenticated;
}

std::vector<IdleKey> idle_keys() {
  const std::string none = "has no effect yet: this version shows no such finding";
  const std::string mail =
      "none of these reports can count, because nobody's Authentication-Results are believed: they are stored and "
      "shown only; set tlsrpt.authserv_id, or tlsrpt.accept_unauthenticated";
  return {
      {"findings.expiry_high", none, is_threshold_set<&FindingsConfig::expiry_high>},
      {"tlsrpt.maildirs", mail, maildirs_never_count},
      {"tlsrpt.spools", mail, spools_never_count},
      {"tlsrpt.imap", mail, imap_never_counts},
      {"tlsrpt.http.enabled",
       "none of these reports can count, because no path has a token: they are stored and shown only; set "
       "tlsrpt.http.tokens, or tlsrpt.accept_unauthenticated",
       http_never_counts},
      {"domains[].require_dane",
       "can never be judged: nobody's word on DNSSEC counts; set dns.validate: local, or remove dns.validate: off and "
       "dns.trust_ad: false",
       dane_is_never_judged},
      {"dns.trust_anchor", "has no effect without dns.validate: local", anchor_is_not_used}};
}

/// Says what the file asks for and will not get: silence would look like consent.
void warn_of_idle_keys(const Config& config, ConfigReading& reading) {
  for (const IdleKey& idle : idle_keys()) {
    if (idle.is_set(config))
      reading.warnings.push_back({reading.file, reading.lines[idle.key], idle.key, idle.message});
  }
}

/// A shorter interval than the default retry interval shortens that too, unless it is written.
void fit_defaults(Config& config, const YamlNode& root) {
  if (find_node(root, "probe", "retry_interval") != nullptr) return;
  config.probe.retry_interval = std::min(config.probe.retry_interval, config.probe.interval);
}

void read_tree(Config& config, const YamlNode& root, ConfigReading& reading) {
  const ConfigValue whole(root, "", reading);
  const std::vector<std::string> everywhere = known_config_keys();
  if (root.kind == YamlNode::Kind::null) {
    return whole.problem_at(0, "", "the file is empty; list domains under 'domains:' (see config.example.yaml)");
  }
  read_fields(config, whole, kFields, everywhere);
  fit_defaults(config, root);
  check_contradictions(config, root, whole);
  check_folders(config, whole);
  warn_of_idle_keys(config, reading);
  if (reading.problems.empty() && config.domains.empty() && config.domain_files.empty()) {
    reading.warnings.push_back({reading.file, 0, "domains", "no domains to watch; list them here or in domain_files"});
  }
}

Config read_config(std::string_view text, ConfigReading& reading) {
  Config config;
  YamlResult yaml = parse_yaml(text);
  note_yaml_problems(yaml, reading);
  if (!yaml.error) read_tree(config, yaml.root.value_or(YamlNode{}), reading);
  return config;
}

ConfigResult finish(Config config, ConfigReading reading) {
  sort_by_line(reading);
  ConfigResult result;
  if (reading.problems.empty()) result.config = std::move(config);
  result.problems = std::move(reading.problems);
  result.warnings = std::move(reading.warnings);
  result.lines = std::move(reading.lines);
  return result;
}

template <class Fields>
void add_keys(std::vector<std::string>& keys, const std::string& prefix, const Fields& fields) {
  for (const auto& field : fields) keys.push_back(prefix + std::string(field.key));
}

}  // namespace

std::string to_string(const ConfigProblem& problem) {
  std::string text = problem.file;
  if (problem.line > 0) text += ":" + std::to_string(problem.line);
  text += ": ";
  if (!problem.key.empty()) text += problem.key + ": ";
  text += problem.message;
  std::replace_if(text.begin(), text.end(), is_control, ' ');  // which YAML allows in keys and values
  return text;
}

ConfigResult parse_config(std::string_view text, const std::string& file, const std::string& base_directory) {
  ConfigReading reading{.file = file, .base_directory = base_directory};
  Config config = read_config(text, reading);
  return finish(std::move(config), std::move(reading));
}

ConfigResult load_config(const std::string& path) {
  ConfigReading reading{.file = path};
  const FileText read = read_input_text(path, kMaxConfigBytes);
  if (!read.fault.empty()) return {.problems = {{path, 0, "", read.fault}}};
  reading.base_directory = base_directory_of(path);
  Config config = read_config(read.text, reading);
  check_named_files(reading);
  return finish(std::move(config), std::move(reading));
}

std::vector<std::string> known_config_keys() {
  std::vector<std::string> keys;
  add_keys(keys, "", kFields);
  add_keys(keys, "domains[].", kDomainFields);
  add_keys(keys, "probe.", kProbeFields);
  add_keys(keys, "dns.", kDnsFields);
  add_keys(keys, "policy.", kPolicyFields);
  add_keys(keys, "smtp.", kSmtpFields);
  add_keys(keys, "tls.", kTlsFields);
  add_keys(keys, "classify.", kClassifyFields);
  add_keys(keys, "findings.", kFindingsFields);
  add_keys(keys, "tlsrpt.", kTlsrptFields);
  add_keys(keys, "tlsrpt.http.", kTlsrptHttpFields);
  add_keys(keys, "tlsrpt.imap[].", kTlsrptImapFields);
  add_keys(keys, "storage.", kStorageFields);
  add_keys(keys, "sharding.", kShardingFields);
  return keys;
}

}  // namespace mtasts
