// SPDX-License-Identifier: Apache-2.0
#include "exporter/ingest_command.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <istream>
#include <optional>
#include <ostream>
#include <utility>

#include "exporter/file_text.h"
#include "exporter/report_intake.h"
#include "exporter/serve_config.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kInputsPerCommit = 256;
constexpr std::size_t kBytesPerCommit = std::size_t{16} * 1024 * 1024;  // as they come, and unpacked
constexpr std::size_t kCommitsPerExpiry = 100;

UnixTime system_now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

/// The files of the open database, which must not be read beside SQLite: see database_path_fault().
class DatabaseFiles {
 public:
  explicit DatabaseFiles(const std::string& path) {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      if (const auto file = identify(path + suffix)) files_.push_back(*file);
    }
  }

  bool contain(const std::string& path) const {
    const auto file = identify(path);
    return file && std::ranges::find(files_, *file) != files_.end();
  }

 private:
  using Identity = std::pair<dev_t, ino_t>;

  static std::optional<Identity> identify(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return std::nullopt;
    return Identity{status.st_dev, status.st_ino};
  }

  std::vector<Identity> files_{};
};

/// Collects inputs, and files them many at a time: the disk is waited for once per transaction.
class Ingestion {
 public:
  Ingestion(ReportIntake& intake, const std::string& database, std::istream& in, std::ostream& out, std::ostream& err)
      : intake_{intake}, database_{database}, in_{in}, out_{out}, err_{err} {}

  void take(const std::string& input) {
    std::error_code error;
    if (input == "-") {
      take_text(input, read_stream_text(in_, limit_));
    } else if (fs::is_directory(input, error)) {
      take_directory(input);
    } else {
      take_file(input, read_input_text);
    }
  }

  /// Files what is left. Returns the exit status.
  int finish() {
    commit();
    expire();
    return bad_ ? 1 : 0;
  }

 private:
  void complain(const std::string& name, const std::string& fault) {
    bad_ = true;
    err_ << "mtasts_exporter: " << escape_unprintable(name) << ": " << escape_unprintable(fault) << '\n';
  }

  /// Takes a directory's files by name. Only the names of one directory at each depth are held.
  void take_directory(const fs::path& directory) {
    std::vector<std::string> names;  // paths would need ten times the memory
    std::error_code error;
    for (fs::directory_iterator entry{directory, error}, end; !error && entry != end; entry.increment(error))
      names.push_back(entry->path().filename().string());
    if (error) complain(directory.string(), "cannot be listed: " + error.message());
    std::ranges::sort(names);
    for (const std::string& name : names) take_entry(directory / name);
  }

  void take_entry(const fs::path& entry) {
    std::error_code error;
    const fs::file_status status = fs::symlink_status(entry, error);
    if (fs::is_directory(status)) {
      take_directory(entry);
    } else if (fs::is_regular_file(status)) {
      take_file(entry.string(), read_file_text);
    } else {
      err_ << "mtasts_exporter: " << escape_unprintable(entry.string())
           << ": left out, because it is neither a file nor a directory; name it to ingest what it leads to\n";
    }
  }

  void take_file(const std::string& path, FileText (*read)(const std::string&, std::size_t)) {
    if (database_.contain(path)) return complain(path, "belongs to the database of storage.path, and was not read");
    take_text(path, read(path, limit_));
  }

  void take_text(const std::string& name, const FileText& input) {
    if (!input.fault.empty()) return complain(name, input.fault);
    names_.push_back(name);
    deliveries_.push_back({intake_.read(input.text), {.channel = ReportChannel::ingest, .name = name}});
    bytes_ += input.text.size();
    for (const ReadReport& read : deliveries_.back().read.reports) bytes_ += read.octets;
    if (names_.size() >= kInputsPerCommit || bytes_ >= kBytesPerCommit) commit();
  }

  void commit() {
    const std::vector<IntakeResult> results = intake_.take_all(std::exchange(deliveries_, {}), system_now());
    for (std::size_t i = 0; i < results.size(); ++i) {
      for (const TakenReport& report : results[i].reports) print(names_[i], report);
    }
    out_.flush();
    names_.clear();
    bytes_ = 0;
    if (++commits_ % kCommitsPerExpiry == 0) expire();
  }

  void expire() {
    while (intake_.expire(system_now())) {
    }
  }

  void print(const std::string& name, const TakenReport& report) {
    bad_ = bad_ || !is_kept(report.outcome);
    out_ << escape_unprintable(name) << ": " << to_string(report.outcome) << ": "
         << (report.domain.empty() ? "" : escape_unprintable(report.domain) + ": ")
         << escape_unprintable(report.message) << '\n';
  }

  ReportIntake& intake_;
  const DatabaseFiles database_;
  std::istream& in_;
  std::ostream& out_;
  std::ostream& err_;
  const std::size_t limit_{ReaderOptions{}.max_input_bytes};
  std::vector<std::string> names_{};
  std::vector<Delivery> deliveries_{};
  std::size_t bytes_{};
  std::size_t commits_{};
  bool bad_{};
};

int ingest(const IngestOptions& options, const ServeConfig& config, std::istream& in, std::ostream& out,
           std::ostream& err) {
  const StorageConfig& storage = config.config.storage;
  ReportIntake intake{ReportStore::open(report_database_of(storage)),
                      {.now = system_now, .on_trouble = [&err](const std::string& error) {
                         if (!error.empty()) err << "mtasts_exporter: " << error << '\n';
                       }}};
  intake.set_rules(intake_rules_of(config));
  Ingestion ingestion{intake, storage.path, in, out, err};
  for (const std::string& input : options.inputs) ingestion.take(input);
  return ingestion.finish();
}

}  // namespace

int run_ingest(const IngestOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  const ServeConfigResult loaded = load_serve_config(options.config_file, nullptr, options.shard);
  for (const ConfigProblem& problem : loaded.problems) err << to_string(problem) << '\n';
  if (!loaded.config) return 1;
  try {
    return ingest(options, *loaded.config, in, out, err);
  } catch (const StoreError& error) {
    err << "mtasts_exporter: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace mtasts
