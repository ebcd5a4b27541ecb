// A scrape, written piece by piece from a snapshot: memory and the time to the first octet do not grow with the fleet.
// Next: series.h for the lines of one family; routes.h, which sends the pieces.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/gzip_stream.h"
#include "exporter/report_board.h"
#include "exporter/series.h"
#include "exporter/snapshot.h"

namespace mtasts {

/// What one scrape shows.
struct ScrapeInput {
  Snapshot snapshot{};
  ReportView reports{};
  std::chrono::seconds ready_after{};  // of the rollout
  UnixTime now{};
  FamilyNames names{};
};

/// The text exposition 0.0.4 of verdicts, reports and the rollout: one HELP and TYPE for each family, families without
/// series left out, byte for byte as prometheus-cpp would write it.
class Exposition {
 public:
  explicit Exposition(ScrapeInput input);
  Exposition(const Exposition&) = delete;
  Exposition& operator=(const Exposition&) = delete;

  /// Appends the next piece, of whole lines and about 256 KiB. Returns false when that was the last one.
  bool next(std::string& out);
  /// The same to be compressed, in larger pieces: what no probe has changed since another scrape is ready. Input: one
  /// of the two is asked for all pieces.
  bool next(GzipStream& out);

 private:
  /// One family: `append` writes the lines of an entry, asked for in order, from 0 to `entries` - 1; `part` has those
  /// of a whole block, asked for in order, from 0 to `blocks` - 1, where lines are kept from scrape to scrape.
  struct Family {
    Metric metric{};
    std::size_t entries{};
    std::function<void(std::string& out, std::size_t entry)> append{};
    std::size_t blocks{};
    std::function<std::shared_ptr<const Deflated>(std::size_t block)> part{};
  };

  const DomainEntry& domain(std::size_t entry);
  const MxEntry& mx_host(std::size_t entry);
  void add_verdicts();
  void add_reports();
  void add_rollout();
  bool is_wanted(Metric metric) const;
  void add(Metric metric, std::size_t entries, std::function<void(std::string&, std::size_t)> append);
  template <class Table, class Entry>
  void add_families(MetricGroup group, const Table& table, std::vector<Metric>& steady,
                    const Entry& (Exposition::*entry_at)(std::size_t));
  template <class Block>
  std::shared_ptr<const Deflated> part_of(Metric family, const Block& block, std::span<const Metric> steady);
  template <class Write>
  bool walk(const Write& write);
  void append_entry(std::string& out, const Family& family);
  void add_entry(GzipStream& out, const Family& family);
  void add_part(GzipStream& out, const Family& family);
  const ReportEntry* report_of(const DomainEntry& domain, std::size_t entry);

  ScrapeInput input_;
  std::vector<Family> families_{};
  // Those of them that do not move with time.
  std::vector<Metric> domain_families_{};
  std::vector<Metric> mx_families_{};
  std::size_t family_{};
  std::size_t step_{};            // the entry or block of the family that comes next
  bool begun_{};                  // the family's header is written
  std::size_t written_octets_{};  // of this piece
  std::string lines_{};           // room for what is written for one step
  // Where domain(), mx_host() and report_of() are: entries are asked for in order.
  Snapshot::Domains::Iterator domain_{};
  Snapshot::MxHosts::Iterator mx_host_{};
  std::size_t report_{};
};

/// All pieces in one.
std::string whole_text(Exposition& exposition);

/// Two lines about one family, HELP and TYPE.
void append_header(std::string& out, const MetricDefinition& family);

/// The result of /probe: the families of the snapshot, probe_success and probe_duration_seconds.
std::string render_probe_metrics(Snapshot snapshot, UnixTime now, bool success, std::chrono::milliseconds duration);

/// docs/metrics.md, from the metric table.
std::string render_metrics_doc();

}  // namespace mtasts
