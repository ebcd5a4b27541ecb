// What pages show besides verdicts, read from the database as it is needed: evidence, history, reports.
// Next: state_reader.h and report_store.h, which read; page_routes.h, which asks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "exporter/config.h"
#include "exporter/domain_page.h"
#include "exporter/report_store.h"
#include "exporter/reports_page.h"
#include "exporter/state_reader.h"

namespace mtasts {

/// A connection to the database of the state and one to that of reports, opened at the first question and again after
/// an error. Any thread may ask; one is answered after the other. No error is thrown: what could not be read is
/// missing, and the result says why.
class PageData {
 public:
  explicit PageData(StorageConfig storage) : storage_(std::move(storage)) {}

  /// Adds the history, and, unless the domain was probed for the page, what its last probes saw. Input: `input` holds
  /// name and verdict.
  void complete(DomainPageInput& input);

  /// A page of the filed reports of a domain, "" for all. Input: pages count from 1; one beyond the last is the last.
  ReportsPageInput reports(const std::string& domain, std::size_t page);

 private:
  void add_observations(CheckResult& result);
  void add_history(DomainPageInput& input);
  template <class Reader, class Open, class Use>
  static std::string with(std::optional<Reader>& reader, Open open, Use use);
  template <class Use>
  std::string with_state(Use use);
  template <class Use>
  std::string with_reports(Use use);

  const StorageConfig storage_;
  std::mutex mutex_{};
  std::optional<StateReader> state_{};
  std::optional<ReportStore> reports_{};
};

/// The PEM forms of the chain that a host of the domain showed at an address, leaf first; "" when none is known. Input:
/// `input` is completed.
std::string chain_pem(const DomainPageInput& input, const std::string& host, const std::string& address);

}  // namespace mtasts
