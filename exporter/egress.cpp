// SPDX-License-Identifier: Apache-2.0
#include "exporter/egress.h"

#include <string_view>

#include "probes/core/own_trouble.h"

namespace mtasts {
namespace {

constexpr std::string_view kLookupsLost = "lookups fail for every domain";

bool says_nothing(const std::optional<NetFailure>& failure) {
  return failure && (failure->error == NetError::address_refused || failure->error == NetError::local);
}

std::string lost_text(EgressKind kind, IpFamily family) {
  const std::string over = std::string(to_string(family));
  return kind == EgressKind::https ? "no policy host answers over " + over + "; is outgoing HTTPS blocked here?"
                                   : "no MX host answers over " + over + "; is outgoing port 25 blocked here?";
}

/// It took the connection and fell silent: as a tarpit does, and as everybody does when our way out is lost meanwhile.
bool cut_off(const std::optional<NetFailure>& failure) {
  return failure && failure->stage != NetStage::connect && failure->error == NetError::timeout;
}

struct Heard {
  bool reached{};
  bool silent{};
  bool cut_off{};
};

/// What the attempts over one family tell of the way there.
template <class Attempts>
Heard heard(IpFamily family, const Attempts& attempts) {
  Heard heard;
  for (const auto& attempt : attempts) {
    if (attempt.address.family != family || says_nothing(attempt.failure)) continue;
    (silent(attempt.failure) ? heard.silent : cut_off(attempt.failure) ? heard.cut_off : heard.reached) = true;
  }
  return heard;
}

template <class Attempts>
void blame_the_way(EgressKind kind, IpFamily family, Attempts& attempts) {
  for (auto& attempt : attempts) {
    const bool unheard = silent(attempt.failure) || cut_off(attempt.failure);
    if (attempt.address.family != family || !unheard) continue;
    attempt.failure->error = NetError::no_route;
    attempt.failure->text = lost_text(kind, family);
  }
}

/// Its key among the domains: a domain without MX records is its own MX host.
std::string as_host(const std::string& mx_host) { return "mx:" + mx_host; }

/// The key of a domain whose reports go to a silent host, apart from that of its policy host.
std::string as_reported(const std::string& domain) { return "rua:" + domain; }

/// Did the peer answer at no address of the family, and keep silent at one?
template <class Attempts>
bool silent_over(IpFamily family, const Attempts& attempts) {
  const Heard all = heard(family, attempts);
  return all.silent && !all.reached;
}

bool own_lookups_failed(const DomainObservation& seen) {
  return lookup_failed(seen.sts.lookup) || lookup_failed(seen.tlsrpt.lookup) || lookup_failed(seen.mx.lookup);
}

bool no_lookup_answered(const DomainObservation& seen) {
  return lookup_failed(seen.sts.lookup) && lookup_failed(seen.tlsrpt.lookup) && lookup_failed(seen.mx.lookup);
}

/// Bogus records are an answer of a kind.
bool any_lookup_failed(const MxHostObservation& seen) {
  const bool tlsa_failed = seen.tlsa && lookup_failed(seen.tlsa->lookup);
  return lookup_failed(seen.lookup) || (tlsa_failed && seen.tlsa->lookup.security != DnsSecurity::bogus);
}

bool any_lookup_failed(const DomainObservation& seen) {
  return own_lookups_failed(seen) || (seen.policy && lookup_failed(seen.policy->lookup));
}

}  // namespace

void Egress::Way::reached(const std::string& peer) {
  window.reached(peer);
  suspects.clear();
}

void Egress::Way::silent(const std::string& peer, const Suspected& suspected) {
  const bool lost_before = window.lost();
  window.silent(peer);
  if (!window.lost()) {
    if (!suspects.contains(peer)) suspects.emplace(peer, suspected());
  } else if (!lost_before) {
    for (const auto& [suspect, take_back] : std::exchange(suspects, {})) take_back();
  }
}

void Egress::Way::cut_off(const std::string& peer, const Suspected& suspected) {
  if (!window.doubted()) window.reached(peer);
  silent_besides(peer, suspected);
}

void Egress::Way::silent_besides(const std::string& peer, const Suspected& suspected) {
  if (!suspects.contains(peer)) suspects.emplace(peer, suspected());
}

void Egress::Way::forget(const std::string& peer) {
  window.forget(peer);
  suspects.erase(peer);
}

Egress::Way& Egress::way(EgressKind kind, IpFamily family) {
  return const_cast<Way&>(std::as_const(*this).way(kind, family));
}

const Egress::Way& Egress::way(EgressKind kind, IpFamily family) const {
  if (kind == EgressKind::https) return family == IpFamily::ipv4 ? https4_ : https6_;
  return family == IpFamily::ipv4 ? smtp4_ : smtp6_;
}

template <class Attempts>
void Egress::note(EgressKind kind, IpFamily family, const std::string& peer, Attempts& attempts,
                  const Suspected& suspected) {
  const Heard all = heard(family, attempts);
  Way& taken = way(kind, family);
  if (all.reached) return taken.reached(peer);  // an address of it is dead, then
  if (!all.silent && !all.cut_off) return;
  all.silent ? taken.silent(peer, suspected) : taken.cut_off(peer, suspected);
  if (taken.window.lost()) blame_the_way(kind, family, attempts);
}

template <class Attempts>
void Egress::excuse(EgressKind kind, IpFamily family, const std::string& peer, Attempts& attempts) const {
  const Heard all = heard(family, attempts);
  if (all.reached) return;
  EgressWindow with_this = way(kind, family).window;
  if (all.silent) with_this.silent(peer);
  if (with_this.lost()) blame_the_way(kind, family, attempts);
}

void Egress::note_policy(DomainObservation& seen, const Suspected& suspected) {
  if (!seen.policy || seen.spoiled) return;
  for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6})
    note(EgressKind::https, family, seen.domain, seen.policy->attempts, suspected);
  seen.spoiled = take_out_own_trouble(*seen.policy);
}

void Egress::note_mx_host(MxHostObservation& seen, const Suspected& suspected) {
  if (seen.spoiled) return;
  for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6})
    note(EgressKind::smtp, family, seen.host, seen.sessions, suspected);
  seen.spoiled = take_out_own_trouble(seen);
  if (any_lookup_failed(seen)) note_host_lookup(seen, suspected);
}

/// Hosts are no witnesses of their own: the names of many may hang on the name servers of one domain.
void Egress::note_host_lookup(MxHostObservation& seen, const Suspected& suspected) {
  if (lookups_lost()) {
    seen.spoiled = std::string(kLookupsLost);
  } else {
    lookups_.silent_besides(as_host(seen.host), suspected);
  }
}

void Egress::note_lookups(DomainObservation& seen, const Suspected& suspected) {
  if (seen.spoiled) return;
  // The resolver's cache may answer in part; among a few domains one that fails in part is more likely at fault itself.
  const bool silent = no_lookup_answered(seen) || (own_lookups_failed(seen) && lookups_.window.crowded());
  if (silent) {
    lookups_.silent(seen.domain, suspected);
  } else if (any_lookup_failed(seen)) {  // the loss may have begun between two lookups
    lookups_.silent_besides(seen.domain, suspected);
  } else {
    lookups_.reached(seen.domain);
  }
  if (any_lookup_failed(seen) && lookups_lost()) seen.spoiled = std::string(kLookupsLost);
}

void Egress::note_report_targets(DomainObservation& seen, const Suspected& suspected) {
  if (seen.spoiled) return;
  for (auto& target : seen.report_targets) {
    if (target->spoiled) continue;
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
      if (!silent_over(family, target->attempts)) continue;
      Way& taken = way(EgressKind::https, family);
      if (!taken.window.lost()) {
        taken.silent_besides(as_reported(seen.domain), suspected);
        continue;
      }
      ReportTargetObservation& own = own_copy(target);
      blame_the_way(EgressKind::https, family, own.attempts);
      own.spoiled = take_out_own_trouble(own);
    }
  }
}

/// The domain's policy host is a witness for its own targets.
void Egress::excuse_report_targets(DomainObservation& seen) const {
  for (auto& target : seen.report_targets) {
    if (target->spoiled) continue;
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
      if (!silent_over(family, target->attempts)) continue;
      if (seen.policy && heard(family, seen.policy->attempts).reached) continue;
      ReportTargetObservation& own = own_copy(target);
      excuse(EgressKind::https, family, as_reported(seen.domain), own.attempts);
      own.spoiled = take_out_own_trouble(own);
    }
  }
}

void Egress::excuse(DomainObservation& seen) const {
  if (seen.spoiled) return;
  if (seen.policy) {
    for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6})
      excuse(EgressKind::https, family, seen.domain, seen.policy->attempts);
    seen.spoiled = take_out_own_trouble(*seen.policy);
  }
  excuse_report_targets(seen);
  if (any_lookup_failed(seen) && lookups_lost()) seen.spoiled = std::string(kLookupsLost);
}

void Egress::excuse(MxHostObservation& seen) const {
  if (seen.spoiled) return;
  for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6})
    excuse(EgressKind::smtp, family, seen.host, seen.sessions);
  seen.spoiled = take_out_own_trouble(seen);
  if (any_lookup_failed(seen) && lookups_lost()) seen.spoiled = std::string(kLookupsLost);
}

void Egress::was_reached(IpFamily family, const std::string& mx_host) {
  way(EgressKind::smtp, family).reached(mx_host);
}

void Egress::forget_domain(const std::string& domain) {
  for (Way* taken : {&https4_, &https6_, &lookups_}) taken->forget(domain);
  for (Way* taken : {&https4_, &https6_}) taken->forget(as_reported(domain));
}

void Egress::forget_mx_host(const std::string& host) {
  smtp4_.forget(host);
  smtp6_.forget(host);
  lookups_.forget(as_host(host));
}

std::optional<bool> Egress::open(EgressKind kind, IpFamily family) const {
  switch (kind) {
    case EgressKind::https:
    case EgressKind::smtp:
      return way(kind, family).window.open();
    case EgressKind::dns:
      break;
  }
  return std::nullopt;
}

}  // namespace mtasts
