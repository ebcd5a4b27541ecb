// SPDX-License-Identifier: Apache-2.0
#include "exporter/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#ifndef MTASTS_VERSION
#define MTASTS_VERSION "unknown"
#endif

namespace mtasts {
namespace {

using Words = std::vector<std::string>;

/// A mistake in the command line that CLI11 does not know of.
struct UsageError {
  std::string message;
};

/// Everything the flags can set, whichever command they belong to.
struct Flags {
  ServeOptions serve{};
  std::string shard_index{};
  std::string shard_count{};
  bool config_check{};
  bool version{};
  OutputFormat format{OutputFormat::text};
  std::string since{};
  bool rollback{};
  std::string write_folder{};
};

const std::map<std::string, OutputFormat> kOutputFormats{{"text", OutputFormat::text}, {"json", OutputFormat::json}};
const std::map<std::string, LogFormat> kLogFormats{{"logfmt", LogFormat::logfmt}, {"json", LogFormat::json}};
const std::map<std::string, LogLevel> kLogLevels{
    {"debug", LogLevel::debug}, {"info", LogLevel::info}, {"warn", LogLevel::warn}, {"error", LogLevel::error}};

/// A flag whose value is one of a few words.
template <class Value>
void add_choice(CLI::App& app, const std::string& flag, Value& target, const std::map<std::string, Value>& choices,
                const std::string& help) {
  std::string words;
  for (const auto& [word, value] : choices) words += (words.empty() ? "" : "|") + word;
  app.add_option_function<std::string>(
         flag,
         [&target, &choices, flag, words](const std::string& word) {
           const auto found = choices.find(word);
           if (found == choices.end()) throw CLI::ValidationError(flag, "'" + word + "' is none of " + words);
           target = found->second;
         },
         help)
      ->type_name(words);
}

void add_config_file(CLI::App& app, Flags& flags, const std::string& help) {
  app.add_option("--config.file", flags.serve.config_file, help)->type_name("FILE");
}

void add_format(CLI::App& app, Flags& flags) {
  add_choice(app, "--format", flags.format, kOutputFormats, "What to print (default: text)");
}

void add_sharding(CLI::App& app, Flags& flags) {
  app.add_option("--sharding.index", flags.shard_index,
                 "Which of the shards this exporter is, from 0, or a name that ends in it, such as mtasts-exporter-3 "
                 "(default: $MTASTS_SHARDING_INDEX, then the configuration)")
      ->type_name("N|NAME-N");
  app.add_option("--sharding.count", flags.shard_count,
                 "How many exporters share the domains (default: $MTASTS_SHARDING_COUNT, then the configuration)")
      ->type_name("N");
}

void add_serve_flags(CLI::App& app, Flags& flags) {
  ServeOptions& serve = flags.serve;
  add_config_file(app, flags, "The configuration (default: " + std::string(kDefaultConfigFile) + ")");
  app.add_option("--web.listen-address", serve.listen_addresses,
                 "HOST:PORT to listen on; may be repeated (default: " + std::string(kDefaultListenAddress) + ")")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  app.add_option("--web.config.file", serve.web_config_file,
                 "TLS and basic authentication, in the format of the Prometheus exporter toolkit")
      ->type_name("FILE");
  app.add_option("--web.external-url", serve.external_url, "The address people reach this exporter under")
      ->type_name("URL");
  app.add_flag("--web.enable-lifecycle", serve.enable_lifecycle, "Allow reloading by POST or PUT to /-/reload");
  add_sharding(app, flags);
  add_choice(app, "--log.level", serve.log_level, kLogLevels, "Write events of this level and above (default: info)");
  add_choice(app, "--log.format", serve.log_format, kLogFormats, "How to write events (default: logfmt)");
  app.add_flag("--config.check", flags.config_check, "Check the configuration and exit: 0 valid, 1 not");
}

/// Names the operands in the usage line, which CLI11 does not know.
class UsageWithOperands : public CLI::Formatter {
 public:
  explicit UsageWithOperands(std::string operands) : operands_(std::move(operands)) {}
  std::string make_usage(const CLI::App*, std::string name) const override {
    return "Usage: " + name + operands_ + " [OPTIONS]\n";
  }

 private:
  std::string operands_;
};

/// A command; what is not a flag becomes an operand, untouched by CLI11, which reads meaning into brackets.
CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& operands, const std::string& help,
                      const std::string& footer) {
  CLI::App* command = app.add_subcommand(name, help);
  command->allow_extras();
  command->formatter(std::make_shared<UsageWithOperands>(operands));
  command->footer(footer);
  return command;
}

struct CommandLine {
  CLI::App app{"Watches the MTA-STS and TLS-RPT set-up of mail domains and exports it to Prometheus.",
               "mtasts_exporter"};
  CLI::App* serve{};
  CLI::App* check{};
  CLI::App* advise{};
  CLI::App* lint{};
  CLI::App* lint_policy{};
  CLI::App* lint_record{};
  CLI::App* lint_tlsrpt{};
  CLI::App* match{};
  CLI::App* report{};
  CLI::App* ingest{};
  CLI::App* history{};
  CLI::App* codes{};
};

void add_lint_commands(CommandLine& line, Flags& flags) {
  const std::string status = "Exit status: 0 valid, 1 not, 3 usage error.";
  line.lint = line.app.add_subcommand("lint", "Check a policy file or TXT records without the network");
  line.lint->require_subcommand(1);
  line.lint->footer("lint COMMAND --help tells more. " + status);
  line.lint_policy = add_command(*line.lint, "policy", " FILE|-", "Check a policy file (RFC 8461 section 3.2)", status);
  line.lint_record =
      add_command(*line.lint, "record", " TXT...",
                  "Check the TXT set of _mta-sts, one argument per record (RFC 8461 section 3.1)", status);
  line.lint_tlsrpt =
      add_command(*line.lint, "tlsrpt", " TXT...",
                  "Check the TXT set of _smtp._tls, one argument per record (RFC 8460 section 3)", status);
  for (CLI::App* command : {line.lint_policy, line.lint_record, line.lint_tlsrpt}) add_format(*command, flags);
}

void add_advise_command(CommandLine& line, Flags& flags) {
  line.advise = add_command(line.app, "advise", " DOMAIN...",
                            "Which step of the rollout may a domain take next, and what to publish for it",
                            "Exit status: 0 the next step may be taken, or none is left, 1 not yet, 2 something is "
                            "broken, 3 UNKNOWN or usage error. With --rollback: 0 nothing to roll back, 2 there is.");
  add_config_file(*line.advise, flags,
                  "Take the dns, tls, smtp, policy, probe and findings sections from this configuration, and what is "
                  "remembered of the domain from its storage.path");
  add_format(*line.advise, flags);
  line.advise->add_flag("--rollback", flags.rollback,
                        "The way back instead: what to publish, and until when senders may still enforce");
  line.advise
      ->add_option("--write", flags.write_folder, "Also write the policy file into this directory, as mta-sts.txt")
      ->type_name("DIR");
}

/// Commands that work on the reports in the database.
void add_store_commands(CommandLine& line, Flags& flags) {
  line.ingest = add_command(line.app, "ingest", " FILE|DIR|-...",
                            "File TLS reports into the database: JSON, gzip, mail messages, or directories of them. "
                            "Safe beside a running daemon, which shows them within seconds",
                            "Exit status: 0, 1 if any was refused.");
  line.history = add_command(line.app, "export", "",
                             "Write what was reported, by the day it concerns, as OpenMetrics text for promtool tsdb "
                             "create-blocks-from openmetrics",
                             "Exit status: 0, 1 on an error.");
  for (CLI::App* command : {line.ingest, line.history})
    add_config_file(*command, flags, "The configuration (default: " + std::string(kDefaultConfigFile) + ")");
  add_sharding(*line.ingest, flags);
  line.history->add_option("--since", flags.since, "Only the last days, as in 30d (default: all that is kept)")
      ->type_name("DURATION");
}

void add_commands(CommandLine& line, Flags& flags) {
  line.app.require_subcommand(0, 1);
  line.app.add_flag("--version", flags.version, "Print the version and exit");
  add_serve_flags(line.app, flags);
  line.serve = line.app.add_subcommand("serve", "Probe the configured domains and serve their metrics (the default)");
  add_serve_flags(*line.serve, flags);
  line.check =
      add_command(line.app, "check", " DOMAIN...", "Probe domains now and explain what is wrong",
                  "Exit status: 0 OK, 1 WARNING, 2 CRITICAL: mail is or will be refused, or the record, policy "
                  "or policy certificate is broken, 3 UNKNOWN or usage error.");
  add_config_file(*line.check, flags, "Take the dns, tls, smtp, policy and probe sections from this configuration");
  add_format(*line.check, flags);
  line.check->add_option("--since", flags.since, "When each fault was last seen by probe and by report, as in 48h")
      ->type_name("DURATION");
  add_advise_command(line, flags);
  add_lint_commands(line, flags);
  line.match = add_command(line.app, "match", " PATTERN HOST", "Does a policy's mx pattern match a host name?",
                           "Exit status: 0 match, 1 no match, 3 usage error.");
  line.report = add_command(line.app, "report", " FILE|-...",
                            "Read and explain TLS reports: JSON, gzip, or a whole mail message (RFC 8460 section 4)",
                            "Exit status: 0 valid, 1 if any is not or cannot be read, 3 usage error.");
  add_format(*line.report, flags);
  line.codes = add_command(line.app, "codes", "", "List every result type, reason and finding with its meaning", "");
  add_format(*line.codes, flags);
  add_store_commands(line, flags);
  line.app.footer("Without a command: serve. COMMAND --help tells more.");  // last: commands inherit what is set
}

/// The operands: what CLI11 left over, where a word that looks like a flag is one misspelt, then all behind `--`.
Words operands_of(const CLI::App& command, const Words& behind_dashes) {
  Words operands = command.remaining();
  for (const std::string& word : operands) {
    if (word.size() > 1 && word.front() == '-') throw UsageError{"unknown flag " + word};
  }
  operands.insert(operands.end(), behind_dashes.begin(), behind_dashes.end());
  return operands;
}

void expect(bool fits, const std::string& message) {
  if (!fits) throw UsageError{message};
}

std::optional<std::size_t> number_in(std::string_view text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

/// The flag, else the variable, else "".
std::string flag_or_variable(const std::string& flag, const char* variable) {
  if (!flag.empty()) return flag;
  const char* value = std::getenv(variable);
  return value != nullptr ? value : "";
}

/// Pods of a Kubernetes StatefulSet know their number as the end of their name.
ShardChoice shard_choice(const Flags& flags) {
  ShardChoice choice;
  const std::string index = flag_or_variable(flags.shard_index, "MTASTS_SHARDING_INDEX");
  const std::string count = flag_or_variable(flags.shard_count, "MTASTS_SHARDING_COUNT");
  if (!index.empty()) {
    choice.index = number_in(std::string_view(index).substr(index.rfind('-') + 1));  // npos + 1 is 0
    expect(choice.index && *choice.index < kMostShards, "--sharding.index: '" + index + "' is neither a number below " +
                                                            std::to_string(kMostShards) +
                                                            " nor a name that ends in one, such as mtasts-exporter-3");
  }
  if (!count.empty()) {
    choice.count = number_in(count);
    expect(choice.count && *choice.count >= 1 && *choice.count <= kMostShards,
           "--sharding.count: '" + count + "' is not a number from 1 to " + std::to_string(kMostShards));
  }
  return choice;
}

Options serve_or_config_check(const Flags& flags, const Words& operands) {
  expect(operands.empty(), operands.empty() ? "" : "serve takes no arguments, but got '" + operands.front() + "'");
  const ShardChoice shard = shard_choice(flags);
  if (flags.config_check) return ConfigCheckOptions{flags.serve.config_file, flags.serve.web_config_file, shard};
  ServeOptions serve = flags.serve;
  serve.shard = shard;
  return serve;
}

Options check_options(const CommandLine& line, const Flags& flags, Words operands) {
  expect(!operands.empty(), "check needs at least one domain");
  const bool config_named = line.check->count("--config.file") + line.app.count("--config.file") > 0;
  const bool with_past = !flags.since.empty();  // which is where the daemon's configuration says
  return CheckOptions{std::move(operands), config_named || with_past ? flags.serve.config_file : "", flags.format,
                      flags.since};
}

Options advise_options(const CommandLine& line, const Flags& flags, Words operands) {
  expect(!operands.empty(), "advise needs at least one domain");
  expect(flags.write_folder.empty() || operands.size() == 1, "--write is for one domain");
  const bool config_named = line.advise->count("--config.file") + line.app.count("--config.file") > 0;
  return AdviseOptions{std::move(operands), config_named ? flags.serve.config_file : "", flags.format, flags.rollback,
                       flags.write_folder};
}

Options lint_options(const CommandLine& line, const Flags& flags, const Words& behind_dashes) {
  if (line.lint_record->parsed()) return LintRecordOptions{operands_of(*line.lint_record, behind_dashes), flags.format};
  if (line.lint_tlsrpt->parsed()) return LintTlsrptOptions{operands_of(*line.lint_tlsrpt, behind_dashes), flags.format};
  const Words operands = operands_of(*line.lint_policy, behind_dashes);
  expect(operands.size() == 1, "lint policy needs one file, or - for standard input");
  return LintPolicyOptions{operands.front(), flags.format};
}

Options match_options(const Words& operands) {
  expect(operands.size() == 2, "match needs a pattern and a host name");
  return MatchOptions{operands[0], operands[1]};
}

Options report_options(const Flags& flags, Words operands) {
  expect(!operands.empty(), "report needs at least one file, or - for standard input");
  return ReportOptions{std::move(operands), flags.format};
}

Options ingest_options(const Flags& flags, Words operands) {
  expect(!operands.empty(), "ingest needs at least one file or directory, or - for standard input");
  return IngestOptions{std::move(operands), flags.serve.config_file, shard_choice(flags)};
}

Options export_options(const Flags& flags, const Words& operands) {
  expect(operands.empty(), operands.empty() ? "" : "export takes no arguments, but got '" + operands.front() + "'");
  return ExportOptions{flags.serve.config_file, flags.since};
}

Options codes_options(const Flags& flags, const Words& operands) {
  expect(operands.empty(), operands.empty() ? "" : "codes takes no arguments, but got '" + operands.front() + "'");
  return CodesOptions{flags.format};
}

Options options_of(const CommandLine& line, const Flags& flags, const Words& behind_dashes) {
  if (flags.version) return ExitOptions{0, "mtasts_exporter " MTASTS_VERSION "\n", ""};
  if (line.check->parsed()) return check_options(line, flags, operands_of(*line.check, behind_dashes));
  if (line.advise->parsed()) return advise_options(line, flags, operands_of(*line.advise, behind_dashes));
  if (line.lint->parsed()) return lint_options(line, flags, behind_dashes);
  if (line.match->parsed()) return match_options(operands_of(*line.match, behind_dashes));
  if (line.report->parsed()) return report_options(flags, operands_of(*line.report, behind_dashes));
  if (line.ingest->parsed()) return ingest_options(flags, operands_of(*line.ingest, behind_dashes));
  if (line.history->parsed()) return export_options(flags, operands_of(*line.history, behind_dashes));
  if (line.codes->parsed()) return codes_options(flags, operands_of(*line.codes, behind_dashes));
  return serve_or_config_check(flags, behind_dashes);
}

ExitOptions usage_error(const CommandLine& line, const std::string& message) {
  const bool is_check = line.check->parsed() || line.advise->parsed() || line.lint->parsed() || line.match->parsed() ||
                        line.report->parsed();
  return {is_check ? kUsageErrorOfChecks : kUsageError, "",
          "mtasts_exporter: " + message + "\nTry 'mtasts_exporter --help'.\n"};
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
  Words words(argv + std::min(argc, 1), argv + argc);
  const auto dashes = std::find(words.begin(), words.end(), "--");
  const Words behind_dashes(dashes == words.end() ? dashes : dashes + 1, words.end());
  words.erase(dashes, words.end());
  std::reverse(words.begin(), words.end());  // CLI11 takes a vector from its back

  Flags flags;
  CommandLine line;
  add_commands(line, flags);
  try {
    line.app.parse(std::move(words));
    return options_of(line, flags, behind_dashes);
  } catch (const CLI::CallForHelp&) {
    return ExitOptions{0, line.app.help(), ""};
  } catch (const CLI::ParseError& error) {
    return usage_error(line, error.what());
  } catch (const UsageError& error) {
    return usage_error(line, error.message);
  }
}

}  // namespace mtasts
