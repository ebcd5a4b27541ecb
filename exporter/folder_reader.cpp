// SPDX-License-Identifier: Apache-2.0
#include "exporter/folder_reader.h"

#include <utility>

#include "exporter/report_reader.h"

namespace mtasts {
namespace {

// After a transaction that failed, files are taken one by one for a while: if one of them is the cause, the others get
// through. So many failures one after another mean that it is none of them.
constexpr std::size_t kTakenSingly = 128;
constexpr std::size_t kMostFailures = 3;

}  // namespace

/// One look at the folder, and the batch that it takes now.
struct FolderReader::Pass {
  struct Taken {
    std::string name{};
    FileIdentity identity{};
  };

  FolderFiles files;
  std::function<std::optional<std::string>()> next_name{};
  bool closed{};  // the names are of files that nobody writes any more
  std::vector<Taken> batch{};
  std::size_t failures{};  // one after another
  FolderPass result{};
};

FolderReader::FolderReader(ReportFolder folder, const FolderReaderOptions& options)
    : folder_{std::move(folder)}, options_{options} {}

FolderPass FolderReader::scan() {
  ++scans_;
  Pass pass{.files = FolderFiles{folder_}};
  pass.next_name = [&pass] { return pass.files.next_name(); };
  run(pass);
  const bool saw_all = !pass.result.interrupted && pass.failures < kMostFailures;
  if (saw_all) std::erase_if(remembered_, [this](const auto& entry) { return entry.second.scan != scans_; });
  tell(pass.files.problem());
  return pass.result;
}

FolderPass FolderReader::take(const std::vector<std::string>& names) {
  Pass pass{.files = FolderFiles{folder_}, .closed = true};
  pass.next_name = [next = names.begin(), end = names.end()]() mutable -> std::optional<std::string> {
    if (next == end) return std::nullopt;
    return *next++;
  };
  run(pass);
  if (!pass.files.problem().what.empty()) tell(pass.files.problem());
  return pass.result;
}

/// Takes batch after batch.
void FolderReader::run(Pass& pass) {
  bool more = true;
  while (more) {
    pass.batch.clear();
    const std::size_t most = singly_ > 0 ? 1 : SIZE_MAX;
    const std::vector<IntakeResult> results =
        options_.take([&] { return pass.batch.size() < most ? next_input(pass) : std::nullopt; });
    more = !results.empty() && finish_batch(pass, results);
  }
}

/// Says whether to go on.
bool FolderReader::finish_batch(Pass& pass, const std::vector<IntakeResult>& results) {
  bool failed = false;
  for (std::size_t i = 0; i < results.size(); ++i) {
    failed = failed || !results[i].stored;
    if (results[i].stored) put_away(pass, i, is_refused(results[i]));
  }
  singly_ = failed ? kTakenSingly : singly_ - (singly_ > 0 ? 1 : 0);
  pass.failures = failed ? pass.failures + 1 : 0;
  pass.result.failed = pass.result.failed || failed;
  return pass.failures < kMostFailures;
}

void FolderReader::put_away(Pass& pass, std::size_t index, bool refused) {
  const Pass::Taken& taken = pass.batch[index];
  ++pass.result.stored;
  if (refused && !std::exchange(has_refused_, true)) options_.on_refused(folder_, taken.name);
  if (!pass.files.put_away(taken.name, taken.identity, refused)) remembered_[taken.identity] = {refused, scans_};
}

std::optional<ArrivedInput> FolderReader::next_input(Pass& pass) {
  while (!pass.result.interrupted) {
    pass.result.interrupted = options_.is_interrupted();
    const std::optional<std::string> name = pass.result.interrupted ? std::nullopt : pass.next_name();
    if (!name) return std::nullopt;
    if (auto input = input_of(pass, *name)) return input;
  }
  return std::nullopt;
}

/// The file as an input; nullopt when it is not to be taken, or not now.
std::optional<ArrivedInput> FolderReader::input_of(Pass& pass, const std::string& name) {
  const std::optional<OpenFile> file = pass.files.open_file(name);
  if (!file || is_remembered(pass, *file)) return std::nullopt;
  std::optional<std::string> text;
  if (!may_be_written(*file, pass)) text = pass.files.read(*file, kMaxInputBytes + 1);
  if (!text) {
    pass.result.settling = true;
    return std::nullopt;
  }
  pass.batch.push_back({name, file->identity});
  return ArrivedInput{std::move(*text), {.channel = folder_.channel, .name = arrivals_of(folder_) + "/" + name}};
}

/// May more be written to the file? An empty one that was closed is often the first step of a script.
bool FolderReader::may_be_written(const OpenFile& file, const Pass& pass) const {
  if (pass.closed) return file.identity.bytes == 0;
  const auto age = options_.now().time_since_epoch() - std::chrono::nanoseconds{file.identity.modified_ns};
  return age >= age.zero() && age < options_.settle.of(folder_);
}

/// Was the file taken before, and could not be moved? Then this tries again. When no more can be remembered, no file is
/// taken until those can be moved.
bool FolderReader::is_remembered(Pass& pass, const OpenFile& file) {
  const auto known = remembered_.find(file.identity);
  if (known == remembered_.end()) return remembered_.size() >= options_.most_remembered;
  known->second.scan = scans_;
  if (pass.files.put_away(file.name, file.identity, known->second.refused)) remembered_.erase(known);
  return true;
}

void FolderReader::tell(const FolderProblem& problem) {
  if (problem_ == problem.what) return;
  problem_ = problem.what;
  options_.on_problem(folder_, problem);
}

}  // namespace mtasts
