// A policy host: HTTPS that serves one file, or fails to.
// Next: scenario.h for the domains that use it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "tests/lab/listener.h"
#include "tests/lab/tls.h"

namespace mtasts::lab {

/// normal: Content-Length and body; chunked: the same in chunks; endless: chunks for ever; endless_header: one field
/// without an end; lying_length: says 20 octets and sends the body and 1 MiB more; short_body: says more than it sends,
/// then closes; drip: one octet a second; garbage: bytes that are not HTTP; silent: reads the request and says nothing;
/// hang_up: closes.
enum class HttpFault {
  none,
  chunked,
  endless,
  endless_header,
  lying_length,
  huge,
  short_body,
  drip,
  garbage,
  silent,
  hang_up
};

/// One address of a policy host. `{domain}` in the body becomes the Host header without "mta-sts.".
struct PolicyServerSpec {
  Listening listening{Listening::open};
  bool ipv6{};
  TlsSpec tls{};
  HttpFault http{HttpFault::none};
  int status{200};
  std::string content_type{"text/plain"};
  std::string location{};
  std::string body{};
  std::chrono::milliseconds latency{};
};

/// Serves one connection. Input: tls outlives the session.
boost::asio::awaitable<void> serve_policy(TlsServer& tls, std::shared_ptr<const PolicyServerSpec> spec,
                                          boost::asio::ip::tcp::socket client);

}  // namespace mtasts::lab
