// What is known of every domain and MX host right now: a table of slots, each swapped as one pointer.
// Next: exposition.h and fleet_page.h, which are views of a Snapshot; probe_loop.h, which publishes into the store.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/block_text.h"
#include "exporter/series.h"
#include "exporter/slot_table.h"
#include "probes/core/verdicts.h"

namespace mtasts {

/// A configured domain and its last verdict; never changed once published.
struct DomainEntry {
  std::string name{};
  Labels labels{};
  std::shared_ptr<const DomainVerdict> verdict{};  // nullptr before the first
};

/// An MX host that some domain uses, and its last verdict; never changed once published.
struct MxEntry {
  std::string host{};
  std::shared_ptr<const MxVerdict> verdict{};  // nullptr before the first
};

/// The lines of one family about an entry at `now`. Input: a family of domains, or of MX hosts.
inline void append_family(std::string& out, Metric family, const DomainEntry& entry, UnixTime now) {
  append_domain_family(out, family, {entry.name, entry.labels, entry.verdict.get()}, now);
}
inline void append_family(std::string& out, Metric family, const MxEntry& entry, UnixTime now) {
  append_mx_family(out, family, entry.host, entry.verdict.get(), now);
}

/// All slots at one moment, sorted by name.
struct Snapshot {
  using Domains = SlotTable<DomainEntry, &DomainEntry::name, BlockText>;
  using MxHosts = SlotTable<MxEntry, &MxEntry::host, BlockText>;

  Domains domains{};
  MxHosts mx_hosts{};
  std::size_t pending{};  // of a store's: domains in state pending

  /// The entry of that name, nullptr when there is none.
  const DomainEntry* find_domain(std::string_view name) const { return domains.find(name).get(); }
  const MxEntry* find_mx(std::string_view host) const { return mx_hosts.find(host).get(); }
};

/// A domain that has its slot without a verdict.
struct DomainSlot {
  std::string name{};  // lower-case A-labels, no final dot
  Labels labels{};
};

/// Where the probe thread and the HTTP threads meet. Every function may be called from any thread; none waits for
/// longer than a change of one slot takes, or of all domains at a reload.
class SnapshotStore {
 public:
  /// Makes these the configured domains: new ones start without a verdict, the others keep theirs, the rest go at once.
  void set_domains(std::vector<DomainSlot> domains);
  /// Gives an MX host a slot without a verdict; one that has a slot keeps it.
  void add_mx_host(const std::string& host);
  /// Takes the slot away, and its series with it.
  void remove_mx_host(const std::string& host);

  /// Puts a verdict into its slot. Returns false when there is no such slot (removed meanwhile).
  bool publish(std::shared_ptr<const DomainVerdict> verdict);
  bool publish(std::shared_ptr<const MxVerdict> verdict);
  bool publish(DomainVerdict verdict) { return publish(std::make_shared<const DomainVerdict>(std::move(verdict))); }
  bool publish(MxVerdict verdict) { return publish(std::make_shared<const MxVerdict>(std::move(verdict))); }

  Snapshot snapshot() const;

 private:
  mutable std::mutex mutex_{};
  Snapshot now_{};
};

/// A snapshot of some domains and those of their MX hosts that are known. Input: names in any order; those that are not
/// there are left out.
Snapshot snapshot_of_domains(const Snapshot& all, std::span<const std::string> names);
Snapshot snapshot_of_domain(const Snapshot& all, std::string_view domain);

/// A snapshot made of verdicts alone, for a domain that has no slot (/probe of an unconfigured domain).
Snapshot snapshot_of_verdicts(const DomainSlot& slot, DomainVerdict verdict, std::vector<MxVerdict> mx_hosts);

}  // namespace mtasts
