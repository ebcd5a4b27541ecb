// Speaks SMTP to one address of an MX host, up to TLS and QUIT.
// Next: probes/core/smtp_dialogue.h, which decides what is said; domain_probe.h, which calls this for each address.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probes/net/connection.h"

namespace mtasts {

struct SmtpProbeOptions {
  std::uint16_t port{25};
  std::string hello_name{"localhost"};
  std::chrono::milliseconds timeout{30000};  // the whole session
  std::vector<TlsaRecord> tlsa{};            // to match the chain with
};

/// Records one session. Input: `host` goes into SNI and is the name the certificate must carry: the MX host, or the
/// TLSA base domain.
/// Errors: none thrown; a refused or broken session is observation.failure. Source: RFC 3207 section 4.
boost::asio::awaitable<SmtpObservation> observe_smtp(NetContext& net, std::string host, IpAddress address,
                                                     SmtpProbeOptions options);

}  // namespace mtasts
