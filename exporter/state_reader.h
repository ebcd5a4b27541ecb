// What the daemon keeps of single domains, read back for pages and commands.
// Next: store.h for what writes it; probes/core/domain_history.h for what an episode and a change are.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/store.h"
#include "probes/core/domain_history.h"
#include "probes/core/observations.h"

namespace mtasts {

/// A read-only connection of its own to the database of storage.path, beside a daemon or without one. Used by one
/// thread at a time. Errors of every function: StoreError.
class StateReader {
 public:
  /// Errors: StoreError when the database is not there, or not of the current schema.
  static StateReader open(const std::string& path);

  StateReader(StateReader&&) noexcept;
  StateReader& operator=(StateReader&&) noexcept;
  ~StateReader();

  /// The last verdict on a domain and what is remembered of it; nullopt when it was never probed.
  std::optional<DomainRow> domain(std::string_view name);
  /// The last verdict on an MX host.
  std::optional<MxHostRow> mx_host(std::string_view host);
  /// The policies that a domain served, oldest first.
  std::vector<PolicyRow> policies(std::string_view domain);
  /// Newest first, open ones before the others; a bounded number.
  std::vector<FaultEpisode> episodes(std::string_view domain);
  /// Newest first; a bounded number.
  std::vector<DomainChange> changes(std::string_view domain);
  /// What the last probe saw that was not spoiled: records, policy, chains with their PEM forms. Durations are not
  /// kept.
  std::optional<DomainObservation> observation(std::string_view domain);
  /// The same of an MX host: each address with its transcript and chain.
  std::optional<MxHostObservation> mx_observation(std::string_view host);

 private:
  struct State;
  explicit StateReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mtasts
