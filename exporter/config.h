// The configuration: YAML text to a checked Config, or every problem found, each with its line and its repair.
// Next: config.cpp for the rules of each key, docs/configuration.md for their meaning.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/labels.h"
#include "probes/core/ip_address.h"
#include "probes/core/sts_policy.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// One watched domain. `name` has the form of parse_domain_name; `labels` are free labels of mtasts_domain_info.
struct DomainConfig {
  std::string name{};
  Labels labels{};
  std::optional<StsMode> expect_mode{};
  bool require_dane{};

  bool operator==(const DomainConfig&) const = default;
};

constexpr std::size_t kMostProbeThreads = 64;

struct ProbeConfig {
  std::chrono::seconds interval{std::chrono::minutes{15}};
  std::chrono::seconds retry_interval{std::chrono::minutes{5}};  // see RFC 8461 section 3.3
  std::chrono::milliseconds timeout{std::chrono::seconds{60}};
  std::size_t concurrency{};         // 0: by the number of domains
  std::size_t threads{1};            // that probe
  std::size_t max_per_network{64};   // connections at once to one /24 or /48; 0: no limit
  std::size_t max_per_provider{64};  // to hosts under one registered domain; 0: no limit
  std::vector<Nat64Prefix> nat64_prefixes{};
  bool allow_private{};
  bool allow_unconfigured{};

  bool operator==(const ProbeConfig&) const = default;
};

struct DnsServer {
  IpAddress address{};
  std::uint16_t port{53};

  bool operator==(const DnsServer&) const = default;
};

/// Whether the AD bit of an answer is believed; automatic: from a validating resolver on this machine, or one that
/// resolv.conf marks `trust-ad`.
/// Who validates DNSSEC: the resolver, this process, or nobody.
enum class DnsValidation { resolver, local, off };

enum class TrustAd { automatic, always, never };

struct DnsConfig {
  std::vector<DnsServer> servers{};  // empty: those of /etc/resolv.conf
  std::chrono::milliseconds timeout{std::chrono::seconds{5}};
  unsigned attempts{3};
  std::size_t max_rate{};  // queries per second; 0: no limit
  TrustAd trust_ad{TrustAd::automatic};
  DnsValidation validate{DnsValidation::resolver};
  std::string trust_anchor{};  // file of DNSKEY or DS records, for local validation; empty: the root's, built in

  bool operator==(const DnsConfig&) const = default;
};

struct PolicyConfig {
  std::uint16_t port{443};
  std::uint16_t http_port{80};                                 // looked at by probes on demand, 0: not at all
  std::chrono::milliseconds timeout{std::chrono::minutes{1}};  // RFC 8461 section 3.3
  std::size_t max_size{64 * 1024};                             // RFC 8461 section 3.3

  bool operator==(const PolicyConfig&) const = default;
};

/// Which addresses of an MX host are probed: every one up to max_addresses per family, or the first of each family.
enum class AddressChoice { all, first };

struct SmtpConfig {
  std::uint16_t port{25};
  std::string helo{};  // empty: the name of this machine
  std::chrono::milliseconds timeout{std::chrono::seconds{30}};
  std::vector<IpFamily> ip_families{IpFamily::ipv4, IpFamily::ipv6};  // without duplicates, never empty
  AddressChoice addresses{AddressChoice::all};
  std::size_t max_addresses{4};
  std::size_t max_hosts{32};
  std::optional<IpAddress> source_address{};

  bool operator==(const SmtpConfig&) const = default;
};

enum class TlsVersion { tls1_2, tls1_3 };

struct TlsConfig {
  std::string ca_file{};  // empty: the system's trust store
  TlsVersion min_version{TlsVersion::tls1_2};

  bool operator==(const TlsConfig&) const = default;
};

struct ClassifyConfig {
  ResultType incomplete_chain{ResultType::validation_failure};  // or certificate_not_trusted: RFC 8460 section 4.3.1

  bool operator==(const ClassifyConfig&) const = default;
};

struct FindingsConfig {
  std::chrono::seconds testing_longer_than{std::chrono::days{90}};
  std::chrono::seconds ready_after{std::chrono::days{14}};
  std::chrono::seconds expiry_warning{std::chrono::days{21}};
  std::chrono::seconds expiry_high{std::chrono::days{7}};
  std::chrono::seconds min_max_age_enforce{std::chrono::days{14}};
  std::chrono::seconds min_max_age_testing{std::chrono::days{1}};

  bool operator==(const FindingsConfig&) const = default;
};

struct TlsrptHttpConfig {
  bool enabled{};
  std::string path{"/tlsrpt"};
  std::vector<std::string> tokens{};
  std::string listen_address{};  // empty: the main listeners

  bool operator==(const TlsrptHttpConfig&) const = default;
};

/// A mailbox. Folder names are as the server has them: ASCII, other letters in modified UTF-7 (RFC 3501 section 5.1.3).
struct TlsrptImapConfig {
  std::string server{};  // HOST:PORT
  std::string host{};    // a name or an address, without brackets
  std::uint16_t port{993};
  bool starttls{};        // false: TLS from the first octet
  std::string ca_file{};  // empty: the system's trust store
  std::string user{};
  std::string password_file{};
  std::string folder{"INBOX"};
  std::string done_folder{};     // empty: messages stay where they are, marked as taken
  std::string refused_folder{};  // the same
  std::chrono::milliseconds poll_interval{std::chrono::minutes{5}};

  bool operator==(const TlsrptImapConfig&) const = default;
};

struct TlsrptConfig {
  bool accept_unauthenticated{};
  TlsrptHttpConfig http{};
  std::vector<std::string> maildirs{};  // each holds new/, cur/ and tmp/; no folder twice, nor in `spools` too
  std::vector<std::string> spools{};
  std::vector<TlsrptImapConfig> imap{};
  std::string authserv_id{};

  bool operator==(const TlsrptConfig&) const = default;
};

/// Where the state is kept: a file; and reports with their totals, where `url` names another place for them.
struct StorageConfig {
  std::string path{"/var/lib/mtasts_exporter/state.db"};
  std::string url{};  // of a PostgreSQL that several exporters share; may hold a password: see shown_postgresql_url

  bool operator==(const StorageConfig&) const = default;
};

/// The path or the URL of the database that holds reports: what ReportStore opens.
inline const std::string& report_database_of(const StorageConfig& storage) {
  return storage.url.empty() ? storage.path : storage.url;
}

constexpr std::size_t kMostShards = 1024;

struct ShardingConfig {
  std::size_t index{};
  std::size_t count{1};

  bool operator==(const ShardingConfig&) const = default;
};

/// A shard named outside the file, which is the same for all of them: by a flag, or by the environment.
struct ShardChoice {
  std::optional<std::size_t> index{};
  std::optional<std::size_t> count{};

  bool operator==(const ShardChoice&) const = default;
};

/// A checked configuration: every path absolute, every name normalized, no domain twice.
struct Config {
  std::vector<DomainConfig> domains{};
  std::vector<std::string> domain_files{};  // glob patterns, absolute
  ProbeConfig probe{};
  DnsConfig dns{};
  PolicyConfig policy{};
  SmtpConfig smtp{};
  TlsConfig tls{};
  ClassifyConfig classify{};
  FindingsConfig findings{};
  TlsrptConfig tlsrpt{};
  StorageConfig storage{};
  ShardingConfig sharding{};

  bool operator==(const Config&) const = default;
};

/// Something wrong with a file. `line` counts from 1 and is 0 where it concerns the whole file; `key` is dotted, as in
/// "smtp.port" or "domains[2].labels", and empty where none applies; `message` says how to repair it.
struct ConfigProblem {
  std::string file{};
  std::size_t line{};
  std::string key{};
  std::string message{};

  bool operator==(const ConfigProblem&) const = default;
};

/// "FILE:LINE: KEY: MESSAGE" in one line, without the parts that do not apply.
std::string to_string(const ConfigProblem& problem);

/// Where keys are written: keys as in known_config_keys, and each element of a list of paths, as in "domain_files[N]";
/// of a repeated one the first. Keys that
/// are not written are not there.
using ConfigLines = std::map<std::string, std::size_t>;

/// `config` is there exactly when `problems` is empty; warnings stop nothing.
struct ConfigResult {
  std::optional<Config> config{};
  std::vector<ConfigProblem> problems{};
  std::vector<ConfigProblem> warnings{};
  ConfigLines lines{};
};

/// Largest configuration or domain file that is read.
constexpr std::size_t kMaxConfigBytes = 64 * 1024 * 1024;

/// Reads and checks the file, and that the files it names can be used. Relative paths in it start at its own directory.
/// What only `serve` needs is left to load_serve_config. Errors: all at once, in the result.
ConfigResult load_config(const std::string& path);

/// The same from text, without touching the file system: whether the files it names exist is left to load_config.
/// Input: `file` is named in messages; `base_directory` is where relative paths start.
ConfigResult parse_config(std::string_view text, const std::string& file, const std::string& base_directory);

/// Every key that parse_config knows, dotted, list elements as "[]": "domains[].name".
std::vector<std::string> known_config_keys();

/// The domains that `domain_files` named at one moment.
struct DomainFiles {
  std::vector<std::string> domains{};  // sorted, no duplicates
  std::string fingerprint{};           // of the files read: see domain_files_fingerprint
  bool kept_previous{};                // `domains` is that of `previous`, because the new set could not be used
  std::vector<ConfigProblem> problems{};
  std::vector<ConfigProblem> warnings{};
};

/// Reads every file that matches: one domain a line, `#` starts a comment. Errors: an unreadable file, or a set that
/// was not empty and is now, keeps the domains of `previous`; a bad line is a problem, the other lines count.
DomainFiles load_domain_files(const std::vector<std::string>& globs, const DomainFiles& previous);

/// Does any file match the pattern?
bool domain_file_exists(const std::string& glob);

/// Changes whenever a file that matches appears, goes or is written (by name, inode, size and time of change).
/// Cheap enough to be asked every few seconds.
std::string domain_files_fingerprint(const std::vector<std::string>& globs);

}  // namespace mtasts
