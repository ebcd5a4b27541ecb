// HTTPS GET of the policy, exactly as RFC 8461 section 3.3 asks: no redirects, no cache, bounded in time and size.
// Next: connection.h for the wire; probes/core/sts_policy.h for what the body means.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probes/net/connection.h"

namespace mtasts {

struct PolicyFetchOptions {
  std::uint16_t port{443};
  bool clear_text{};  // http instead of https: what no sender does, and people who look for their policy do
  std::chrono::milliseconds timeout{60000};  // the whole fetch (RFC 8461 section 3.3: one minute)
  std::size_t max_size{64 * 1024};           // RFC 8461 section 3.3: 64 KB
};

/// Fetches https://`host`/.well-known/mta-sts.txt, or http, from one address. Errors: none thrown; see attempt.failure.
boost::asio::awaitable<PolicyFetchAttempt> fetch_policy(NetContext& net, std::string host, IpAddress address,
                                                        PolicyFetchOptions options);

}  // namespace mtasts
