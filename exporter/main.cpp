// The program: reads the command line and does what it says. Start reading at daemon.h, or at
// probes/net/domain_probe.h.
// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <iterator>
#include <variant>

#include "exporter/advise_command.h"
#include "exporter/check_command.h"
#include "exporter/config.h"
#include "exporter/daemon.h"
#include "exporter/file_text.h"
#include "exporter/ingest_command.h"
#include "exporter/lint_command.h"
#include "exporter/options.h"
#include "exporter/report_command.h"
#include "exporter/report_history.h"
#include "probes/net/tls_memory.h"

namespace {

using namespace mtasts;

int print(const CommandResult& result) {
  std::cout << result.output;
  return result.exit_status;
}

struct Run {
  int operator()(const ServeOptions& options) const { return run_serve(options); }
  int operator()(const ConfigCheckOptions& options) const { return run_config_check(options); }
  int operator()(const CheckOptions& options) const { return run_check(options, std::cout, std::cerr); }
  int operator()(const AdviseOptions& options) const { return run_advise(options, std::cout, std::cerr); }
  int operator()(const LintPolicyOptions& options) const { return run_lint_policy_file(options); }
  int operator()(const LintRecordOptions& options) const {
    return print(run_lint_record(options.records, options.format));
  }
  int operator()(const LintTlsrptOptions& options) const {
    return print(run_lint_tlsrpt(options.records, options.format));
  }
  int operator()(const MatchOptions& options) const { return print(run_match(options.pattern, options.host)); }
  int operator()(const ReportOptions& options) const { return run_report(options, std::cin, std::cout, std::cerr); }
  int operator()(const IngestOptions& options) const { return run_ingest(options, std::cin, std::cout, std::cerr); }
  int operator()(const ExportOptions& options) const { return run_export(options, std::cout, std::cerr); }
  int operator()(const CodesOptions& options) const { return print(run_codes(options.format)); }
  int operator()(const ExitOptions& options) const {
    std::cout << options.output;
    std::cerr << options.error;
    return options.status;
  }

 private:
  static int run_lint_policy_file(const LintPolicyOptions& options) {
    FileText input;
    if (options.file == "-") {
      input.text.assign(std::istreambuf_iterator<char>(std::cin), {});
    } else {
      input = read_input_text(options.file, kMaxConfigBytes);
    }
    if (input.fault.empty()) return print(run_lint_policy(input.text, options.format));
    std::cerr << "mtasts_exporter: " << options.file << ": " << input.fault << '\n';
    return kUsageErrorOfChecks;
  }
};

}  // namespace

int main(int argc, char** argv) {
  watch_tls_memory();
  return std::visit(Run{}, parse_options(argc, argv));
}
