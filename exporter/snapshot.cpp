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

bool is_pending(const DomainEntry& entry) { return !entry.verdict || entry.verdict->state == DomainState::pending; }

}  // namespace

void SnapshotStore::set_domains(std::vector<DomainSlot> domains) {
  std::sort(domains.begin(), domains.end(),
            [](const DomainSlot& one, const DomainSlot& other) { return one.name < other.name; });
  const std::scoped_lock lock{mutex_};
  std::vector<DomainPointer> entries;
  entries.reserve(domains.size());
  for (DomainSlot& slot : domains) {
    DomainPointer entry = now_.domains.find(slot.name);
    if (!entry || entry->labels != slot.labels) {
      entry = make_entry(slot.name, std::move(slot.labels), entry ? entry->verdict : nullptr);
    }
    entries.push_back(std::move(entry));
  }
  // A configuration that names the same ones leaves what their blocks remember.
  const bool same =
      entries.size() == now_.domains.size() && std::equal(entries.begin(), entries.end(), now_.domains.begin());
  if (!same) now_.domains = Snapshot::Domains(entries);
  now_.pending = static_cast<std::size_t>(
      std::ranges::count_if(entries, [](const DomainPointer& entry) { return is_pending(*entry); }));
}

void SnapshotStore::add_mx_host(const std::string& host) {
  MxPointer pending = make_entry(host, nullptr);
  const std::scoped_lock lock{mutex_};
  if (!now_.mx_hosts.find(host)) now_.mx_hosts.put(std::move(pending));
}

void SnapshotStore::remove_mx_host(const std::string& host) {
  const std::scoped_lock lock{mutex_};
  now_.mx_hosts.erase(host);
}

bool SnapshotStore::publish(std::shared_ptr<const DomainVerdict> verdict) {
  DomainPointer old;  // ends after the lock
  const std::scoped_lock lock{mutex_};
  old = now_.domains.update(
      verdict->domain, [&verdict](const DomainEntry& entry) { return make_entry(entry.name, entry.labels, verdict); });
  if (!old) return false;
  if (is_pending(*old)) --now_.pending;
  if (verdict->state == DomainState::pending) ++now_.pending;
  return true;
}

bool SnapshotStore::publish(std::shared_ptr<const MxVerdict> verdict) {
  MxPointer next = make_entry(verdict->host, verdict);
  MxPointer old;
  const std::scoped_lock lock{mutex_};
  old = now_.mx_hosts.update(verdict->host, [&next](const MxEntry&) { return next; });
  return old != nullptr;
}

Snapshot SnapshotStore::snapshot() const {
  const std::scoped_lock lock{mutex_};
  return now_;
}

Snapshot snapshot_of_domains(const Snapshot& all, std::span<const std::string> names) {
  std::vector<DomainPointer> domains;
  std::set<std::string_view> hosts;
  for (const std::string& name : std::set<std::string>{names.begin(), names.end()}) {
    DomainPointer entry = all.domains.find(name);
    if (!entry) continue;
    if (entry->verdict) {
      for (const MxMembership& mx : entry->verdict->mx) hosts.insert(mx.host);
    }
    domains.push_back(std::move(entry));
  }
  std::vector<MxPointer> mx_hosts;
  for (const std::string_view host : hosts) {
    MxPointer entry = all.mx_hosts.find(host);
    if (entry) mx_hosts.push_back(std::move(entry));
  }
  return {.domains = Snapshot::Domains(domains), .mx_hosts = Snapshot::MxHosts(mx_hosts)};
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
