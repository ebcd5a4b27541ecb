// SPDX-License-Identifier: Apache-2.0
#include "exporter/snapshot.h"

#include <algorithm>
#include <set>
#include <utility>

namespace mtasts {
namespace {

using DomainPointer = std::shared_ptr<const DomainEntry>;
using MxPointer = std::shared_ptr<const MxEntry>;

DomainPointer make_entry(std::string name, Labels labels, std::shared_ptr<const DomainVerdict> verdict) {
  return std::make_shared<const DomainEntry>(DomainEntry{std::move(name), std::move(labels), std::move(verdict)});
}

MxPointer make_entry(std::string host, std::shared_ptr<const MxVerdict> verdict) {
  return std::make_shared<const MxEntry>(MxEntry{std::move(host), std::move(verdict)});
}

template <class Table>
typename Table::mapped_type find_in(const Table& table, std::string_view name) {
  const auto slot = table.find(name);
  return slot == table.end() ? nullptr : slot->second;
}

/// Puts `next` into its slot if that still holds `expected`.
template <class Table>
bool swap_slot(Table& table, std::string_view name, const typename Table::mapped_type& expected,
               typename Table::mapped_type next) {
  const auto slot = table.find(name);
  if (slot == table.end() || slot->second != expected) return false;
  slot->second = std::move(next);
  return true;
}

template <class Entry, class Name>
std::shared_ptr<const Entry> find_sorted(const std::vector<std::shared_ptr<const Entry>>& entries,
                                         std::string_view wanted, Name name) {
  const auto less = [&](const auto& entry, std::string_view value) { return (*entry).*name < value; };
  const auto found = std::lower_bound(entries.begin(), entries.end(), wanted, less);
  return found != entries.end() && (**found).*name == wanted ? *found : nullptr;
}

template <class Table, class Entries>
void copy_slots(const Table& table, Entries& entries) {
  entries.reserve(table.size());
  for (const auto& [name, entry] : table) entries.push_back(entry);
}

}  // namespace

const DomainEntry* Snapshot::find_domain(std::string_view name) const {
  return find_sorted(domains, name, &DomainEntry::name).get();
}

const MxEntry* Snapshot::find_mx(std::string_view host) const {
  return find_sorted(mx_hosts, host, &MxEntry::host).get();
}

void SnapshotStore::set_domains(std::vector<DomainSlot> domains) {
  const std::scoped_lock lock{mutex_};
  Table<DomainEntry> next;
  for (DomainSlot& slot : domains) {
    DomainPointer entry = find_in(domains_, slot.name);
    if (!entry || entry->labels != slot.labels) {
      entry = make_entry(slot.name, std::move(slot.labels), entry ? entry->verdict : nullptr);
    }
    next.insert_or_assign(entry->name, entry);
  }
  domains_.swap(next);
}

void SnapshotStore::add_mx_host(const std::string& host) {
  MxPointer pending = make_entry(host, nullptr);
  const std::scoped_lock lock{mutex_};
  mx_hosts_.try_emplace(host, std::move(pending));
}

void SnapshotStore::remove_mx_host(const std::string& host) {
  const std::scoped_lock lock{mutex_};
  mx_hosts_.erase(host);
}

std::shared_ptr<const DomainEntry> SnapshotStore::domain_slot(std::string_view name) const {
  const std::scoped_lock lock{mutex_};
  return find_in(domains_, name);
}

bool SnapshotStore::publish(std::shared_ptr<const DomainVerdict> verdict) {
  for (;;) {  // again only when the labels changed meanwhile
    const DomainPointer old = domain_slot(verdict->domain);
    if (!old) return false;
    DomainPointer next = make_entry(old->name, old->labels, verdict);
    const std::scoped_lock lock{mutex_};
    if (swap_slot(domains_, verdict->domain, old, std::move(next))) return true;
  }
}

bool SnapshotStore::publish(std::shared_ptr<const MxVerdict> verdict) {
  const std::string& host = verdict->host;
  MxPointer next = make_entry(host, verdict);
  const std::scoped_lock lock{mutex_};
  const auto slot = mx_hosts_.find(host);
  if (slot == mx_hosts_.end()) return false;
  slot->second.swap(next);
  return true;
}

Snapshot SnapshotStore::snapshot() const {
  Snapshot copy;
  const std::scoped_lock lock{mutex_};
  copy_slots(domains_, copy.domains);
  copy_slots(mx_hosts_, copy.mx_hosts);
  return copy;
}

Snapshot snapshot_of_domains(const Snapshot& all, std::span<const std::string> names) {
  Snapshot some;
  std::set<std::string_view> hosts;
  for (const std::string& name : std::set<std::string>{names.begin(), names.end()}) {
    DomainPointer entry = find_sorted(all.domains, name, &DomainEntry::name);
    if (!entry) continue;
    if (entry->verdict) {
      for (const MxMembership& mx : entry->verdict->mx) hosts.insert(mx.host);
    }
    some.domains.push_back(std::move(entry));
  }
  for (const std::string_view host : hosts) {
    MxPointer entry = find_sorted(all.mx_hosts, host, &MxEntry::host);
    if (entry) some.mx_hosts.push_back(std::move(entry));
  }
  return some;
}

Snapshot snapshot_of_domain(const Snapshot& all, std::string_view domain) {
  const std::string name{domain};
  return snapshot_of_domains(all, std::span{&name, 1});
}

Snapshot snapshot_of_verdicts(const DomainSlot& slot, DomainVerdict verdict, std::vector<MxVerdict> mx_hosts) {
  SnapshotStore store;
  for (const MxVerdict& mx_host : mx_hosts) store.add_mx_host(mx_host.host);
  store.set_domains({slot});
  verdict.domain = slot.name;
  store.publish(std::move(verdict));
  for (MxVerdict& mx_host : mx_hosts) store.publish(std::move(mx_host));
  return store.snapshot();
}

}  // namespace mtasts
