// The command line as values: which command, with which flags; or what to print and the status to exit with.
// Next: main.cpp, which does what the options say; options.cpp, the only file that knows CLI11.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "exporter/config.h"
#include "exporter/log.h"
#include "exporter/output_format.h"

namespace mtasts {

constexpr std::string_view kDefaultConfigFile = "/etc/mtasts_exporter/config.yaml";
constexpr std::string_view kDefaultListenAddress = ":9974";

/// `mtasts_exporter [serve]`
struct ServeOptions {
  std::string config_file{kDefaultConfigFile};
  std::vector<std::string> listen_addresses{std::string(kDefaultListenAddress)};  // HOST:PORT, [IPV6]:PORT or :PORT
  std::string web_config_file{};                                                  // empty: clear text, nobody asked
  std::string external_url{};
  bool enable_lifecycle{};
  LogLevel log_level{LogLevel::info};
  LogFormat log_format{LogFormat::logfmt};
  ShardChoice shard{};
};

/// `mtasts_exporter --config.check --config.file=F`; the web configuration is checked too when it is named.
struct ConfigCheckOptions {
  std::string config_file{};
  std::string web_config_file{};
  ShardChoice shard{};
};

/// `mtasts_exporter check DOMAIN...`
struct CheckOptions {
  std::vector<std::string> domains{};  // as typed, at least one
  std::string config_file{};           // empty: defaults
  OutputFormat format{OutputFormat::text};
  std::string since{};  // a duration, as typed; "": only what is seen now
};

/// `mtasts_exporter advise DOMAIN... [--rollback] [--write DIR]`
struct AdviseOptions {
  std::vector<std::string> domains{};  // as typed, at least one
  std::string config_file{};           // empty: defaults, and no memory of the domains
  OutputFormat format{OutputFormat::text};
  bool rollback{};
  std::string write_folder{};  // empty: nothing is written; only for one domain
};

/// `mtasts_exporter lint policy FILE|-`
struct LintPolicyOptions {
  std::string file{};  // "-" is standard input
  OutputFormat format{OutputFormat::text};
};

/// `mtasts_exporter lint record TXT...`
struct LintRecordOptions {
  std::vector<std::string> records{};  // one per record, may be empty
  OutputFormat format{OutputFormat::text};
};

/// `mtasts_exporter lint tlsrpt TXT...`
struct LintTlsrptOptions {
  std::vector<std::string> records{};
  OutputFormat format{OutputFormat::text};
};

/// `mtasts_exporter match PATTERN HOST`
struct MatchOptions {
  std::string pattern{};
  std::string host{};
};

/// `mtasts_exporter report FILE|-...`
struct ReportOptions {
  std::vector<std::string> files{};  // at least one; "-" is standard input
  OutputFormat format{OutputFormat::text};
};

/// `mtasts_exporter ingest FILE|DIR|-... --config.file=F`
struct IngestOptions {
  std::vector<std::string> inputs{};  // at least one; "-" is standard input
  std::string config_file{};
  ShardChoice shard{};  // whose database it is
};

/// `mtasts_exporter export --config.file=F [--since=DURATION]`
struct ExportOptions {
  std::string config_file{};
  std::string since{};  // a duration, as typed; "" for everything
};

/// `mtasts_exporter codes`
struct CodesOptions {
  OutputFormat format{OutputFormat::text};
};

/// Nothing to run: --help, --version or a usage error. Print and exit.
struct ExitOptions {
  int status{};
  std::string output{};  // for standard output
  std::string error{};   // for standard error
};

using Options = std::variant<ServeOptions, ConfigCheckOptions, CheckOptions, AdviseOptions, LintPolicyOptions,
                             LintRecordOptions, LintTlsrptOptions, MatchOptions, ReportOptions, IngestOptions,
                             ExportOptions, CodesOptions, ExitOptions>;

/// Exit status of a usage error: UNKNOWN in the words of Nagios for check, advise, lint, match and report, else 1.
constexpr int kUsageErrorOfChecks = 3;
constexpr int kUsageError = 1;

/// Reads the command line; `--` ends the flags. The environment's MTASTS_SHARDING_INDEX and MTASTS_SHARDING_COUNT stand
/// for flags that are not there. Input: as main receives it, the program's name first. Errors: an
/// ExitOptions that names the mistake and where to find help.
Options parse_options(int argc, const char* const* argv);

}  // namespace mtasts
