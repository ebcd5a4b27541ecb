// A domain of which a table says only what its providers are told by: MX hosts, CNAMEs, addresses, Server header.
// Next: tests/data/providers.yaml, where the notation is explained and used.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

#include "probes/core/observations.h"
#include "tests/support/cases.h"

namespace mtasts::test {

inline DnsLookup lookup_through(const std::vector<std::string>& aliases) {
  return {.status = DnsStatus::answered, .aliases = aliases};
}

/// Errors: std::runtime_error that begins with FILE:LINE for what is no address.
inline IpAddress address_of(const Case& entry, const std::string& text) {
  const auto address = parse_ip_address(text);
  if (!address) throw std::runtime_error(entry.where + ": no address: " + text);
  return *address;
}

/// The domain example.org. Its MX records have ascending preferences.
inline DomainObservation observation_of(const Case& entry) {
  DomainObservation seen{.domain = "example.org"};
  std::uint16_t preference = 0;
  for (const std::string& host : list_of(entry, "mx")) seen.mx.records.push_back({preference++, host});
  seen.sts.lookup = lookup_through(list_of(entry, "record_aliases"));
  seen.policy = PolicyObservation{.lookup = {.ipv4 = lookup_through(list_of(entry, "aliases"))}};
  const auto server = entry.node["server"].as<std::string>("");
  for (const std::string& text : list_of(entry, "addresses")) {
    seen.policy->lookup.addresses.push_back(address_of(entry, text));
    seen.policy->attempts.push_back({.address = seen.policy->lookup.addresses.back(), .server = server});
  }
  return seen;
}

}  // namespace mtasts::test
