// Observations of one domain, one MX host, one place for reports: what a sending MTA would look at, in its order.
// Next: resolver.h, policy_fetch.h, smtp_probe.h for the parts; probes/core/classify.h for what follows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "probes/net/policy_fetch.h"
#include "probes/net/resolver.h"
#include "probes/net/smtp_probe.h"

namespace mtasts {

struct ProbeOptions {
  bool ipv4{true};
  bool ipv6{true};
  bool first_address_only{};                 // one address per family instead of all
  std::size_t max_addresses{4};              // per family
  std::chrono::milliseconds timeout{60000};  // of all connections; shared fairly among the addresses
  PolicyFetchOptions policy{};
  std::uint16_t http_port{80};  // of observe_clear_text, 0: it looks nowhere
  SmtpProbeOptions smtp{};
};

/// The limit of one connection: an even share of the time left for each address still to come, and a fair least; what
/// one leaves over serves the others. Input: `spent` is what connections have taken so far: neither lookups nor queues
/// here are the peer's fault; `most` is what is configured for one connection.
Milliseconds share_of(Milliseconds total, Milliseconds spent, std::size_t addresses_left, Milliseconds most);

/// Looks at the domain's records and policy, not at its MX hosts. The policy is fetched even without a TXT record, but
/// not when the record's id is `not_for_id`: a fetch for it failed less than five minutes ago (RFC 8461 section 3.3).
boost::asio::awaitable<DomainObservation> observe_domain(NetContext& net, Resolver& resolver, std::string domain,
                                                         ProbeOptions options, std::optional<std::string> not_for_id);

/// What clear-text HTTP says at the first address of the policy host, with a short patience: no sender asks there.
/// Input: `seen` is what observe_domain saw. Errors: nullopt when there is no address to ask, or no port to ask at.
boost::asio::awaitable<std::optional<PolicyFetchAttempt>> observe_clear_text(NetContext& net,
                                                                             const DomainObservation& seen,
                                                                             const ProbeOptions& options);

/// Looks at every address of one MX host, one connection at a time.
boost::asio::awaitable<MxHostObservation> observe_mx_host(NetContext& net, Resolver& resolver, std::string host,
                                                          ProbeOptions options);

/// Looks where reports are to be sent: the MX records of a mailbox's domain, its addresses where there are none; or an
/// HTTPS host's addresses, up to the first that completes a handshake with a certificate that verifies. Nothing is sent
/// to it: whether it takes a report, only a report would show. Input: `options.timeout` is for all connections
/// together, `options.policy.port` the port, as a lab has all its HTTPS elsewhere.
boost::asio::awaitable<ReportTargetObservation> observe_report_target(NetContext& net, Resolver& resolver,
                                                                      ReportTarget target, ProbeOptions options);

}  // namespace mtasts
