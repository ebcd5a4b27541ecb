// SPDX-License-Identifier: Apache-2.0
#include "probes/core/own_trouble.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace mtasts {
namespace {

bool no_route(const std::optional<NetFailure>& failure) { return failure && failure->error == NetError::no_route; }
bool local(const std::optional<NetFailure>& failure) { return failure && failure->error == NetError::local; }

template <class Attempt>
void take_out_attempt(const Attempt& gone, const std::vector<Attempt>& left, AddressObservation& lookup) {
  const IpFamily family = gone.address.family;
  std::erase(lookup.addresses, gone.address);
  const bool family_left = std::any_of(left.begin(), left.end(),
                                       [family](const Attempt& attempt) { return attempt.address.family == family; });
  if (!family_left) (family == IpFamily::ipv4 ? lookup.ipv4 : lookup.ipv6).reset();
}

template <class Attempt>
std::optional<std::string> take_out(std::vector<Attempt>& attempts, AddressObservation& lookup) {
  for (const Attempt& attempt : attempts) {
    if (local(attempt.failure)) return "this machine: " + attempt.failure->text;
  }
  const auto first_gone = std::stable_partition(attempts.begin(), attempts.end(),
                                                [](const Attempt& attempt) { return !no_route(attempt.failure); });
  if (first_gone == attempts.end()) return std::nullopt;
  if (first_gone == attempts.begin()) return "this machine: " + first_gone->failure->text;
  const std::vector<Attempt> gone(std::make_move_iterator(first_gone), std::make_move_iterator(attempts.end()));
  attempts.erase(first_gone, attempts.end());
  for (const Attempt& attempt : gone) take_out_attempt(attempt, attempts, lookup);
  return std::nullopt;
}

}  // namespace

bool lookup_failed(const DnsLookup& lookup) {
  return lookup.status == DnsStatus::servfail || lookup.status == DnsStatus::timeout;
}

bool lookup_failed(const AddressObservation& seen) {
  return (seen.ipv4 && lookup_failed(*seen.ipv4)) || (seen.ipv6 && lookup_failed(*seen.ipv6));
}

std::optional<std::string> family_left_out(const std::string& host, const AddressObservation& seen) {
  const bool asked = seen.ipv4 || seen.ipv6;
  if (!asked || !seen.addresses.empty() || lookup_failed(seen) || lookup_empty(seen)) return std::nullopt;
  const auto [none, unasked] = seen.ipv4 ? std::pair("IPv4", "IPv6") : std::pair("IPv6", "IPv4");
  return host + " has no " + none + " address, and smtp.ip_families leaves out " + unasked;
}

bool resolver_down(const AddressObservation& seen) {
  return (seen.ipv4 && seen.ipv4->resolver_down) || (seen.ipv6 && seen.ipv6->resolver_down);
}

bool resolver_down(const DomainObservation& seen) {
  return seen.sts.lookup.resolver_down || seen.tlsrpt.lookup.resolver_down || seen.mx.lookup.resolver_down ||
         (seen.policy && resolver_down(seen.policy->lookup));
}

bool silent(const std::optional<NetFailure>& failure) {
  if (!failure || failure->stage != NetStage::connect) return false;
  return failure->error == NetError::timeout || failure->error == NetError::unreachable ||
         failure->error == NetError::no_route;
}

bool lookup_empty(const AddressObservation& seen) {
  const auto no_such_name = [](const std::optional<DnsLookup>& one) {
    return one && one->status == DnsStatus::nxdomain;
  };
  if (!seen.addresses.empty() || lookup_failed(seen)) return false;
  return (seen.ipv4 && seen.ipv6) || no_such_name(seen.ipv4) || no_such_name(seen.ipv6);
}

std::optional<std::string> take_out_own_trouble(PolicyObservation& seen) {
  return take_out(seen.attempts, seen.lookup);
}

std::optional<std::string> take_out_own_trouble(MxHostObservation& seen) {
  AddressObservation same = seen.lookup;  // both kinds of sessions are with its addresses
  const auto trouble = take_out(seen.base_domain_sessions, same);
  return trouble ? trouble : take_out(seen.sessions, seen.lookup);
}

std::optional<std::string> take_out_own_trouble(ReportTargetObservation& seen) {
  return take_out(seen.attempts, seen.lookup);
}

ReportTargetObservation& own_copy(std::shared_ptr<const ReportTargetObservation>& shared) {
  const auto copy = std::make_shared<ReportTargetObservation>(*shared);
  shared = copy;
  return *copy;
}

}  // namespace mtasts
