// SPDX-License-Identifier: Apache-2.0
#include "exporter/page_data.h"

namespace mtasts {
namespace {

constexpr std::size_t kMostReports = 500;  // of a domain's last 30 days, for the sums on its page

std::string pem_of(const std::optional<TlsObservation>& tls) {
  std::string pem;
  if (!tls) return pem;
  for (const Certificate& certificate : tls->chain) pem += certificate.pem;
  return pem;
}

template <class Attempts>
std::string pem_at(const Attempts& attempts, const std::string& address) {
  for (const auto& attempt : attempts) {
    if (to_string(attempt.address) == address) return pem_of(attempt.tls);
  }
  return "";
}

}  // namespace

template <class Reader, class Open, class Use>
std::string PageData::with(std::optional<Reader>& reader, Open open, Use use) {
  try {
    if (!reader) reader.emplace(open());
    use(*reader);
    return "";
  } catch (const StoreError& error) {
    return error.what();
  }
}

template <class Use>
std::string PageData::with_state(Use use) {
  std::string trouble = with(
      state_, [this] { return StateReader::open(storage_.path); }, use);
  if (!trouble.empty()) state_.reset();
  return trouble;
}

template <class Use>
std::string PageData::with_reports(Use use) {
  const auto open = [this] { return ReportStore::attach_existing(report_database_of(storage_)); };
  std::string trouble = with(reports_, open, use);
  // A PostgreSQL is connected to anew by itself, but not for every page while it is away.
  if (!trouble.empty() && storage_.url.empty()) reports_.reset();
  return trouble;
}

void PageData::add_observations(CheckResult& result) {
  if (auto seen = state_->observation(result.verdict.domain)) result.seen = std::move(*seen);
  for (const MxMembership& mx : result.verdict.mx) {
    if (auto seen = state_->mx_observation(mx.host)) result.host_observations.push_back(std::move(*seen));
  }
}

void PageData::add_history(DomainPageInput& input) {
  input.history.policies = state_->policies(input.name);
  input.history.episodes = state_->episodes(input.name);
  input.history.changes = state_->changes(input.name);
  if (auto row = state_->domain(input.name)) input.history.memory = std::move(row->memory);
}

void PageData::complete(DomainPageInput& input) {
  const std::lock_guard lock(mutex_);
  input.history.trouble = with_state([&](StateReader&) {
    add_history(input);
    if (!input.live && input.judged) add_observations(input.result);
  });
  const std::string trouble = with_reports([&](ReportStore& reports) {
    reports.for_each_counted(input.name, kMostReports,
                             [&](const FiledReport& report) { input.history.reports.push_back(report); });
  });
  if (input.history.trouble.empty()) input.history.trouble = trouble;
}

ReportsPageInput PageData::reports(const std::string& domain, std::size_t page) {
  const std::lock_guard lock(mutex_);
  ReportsPageInput input{.domain = domain};
  input.trouble = with_reports([&](ReportStore& reports) {
    input.paging = paging_of(reports.number_of(domain), kReportsPageSize, page);
    reports.for_each(
        domain, kReportsPageSize, [&](const FiledReport& report) { input.reports.push_back(report); },
        input.paging.first);
  });
  return input;
}

std::string chain_pem(const DomainPageInput& input, const std::string& host, const std::string& address) {
  const CheckResult& result = input.result;
  if (host == "mta-sts." + input.name && result.seen.policy) return pem_at(result.seen.policy->attempts, address);
  for (const MxHostObservation& seen : result.host_observations) {
    if (seen.host == host) return pem_at(seen.sessions, address);
  }
  return "";
}

}  // namespace mtasts
