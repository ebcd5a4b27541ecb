// An MX host: SMTP with STARTTLS, or one of its failures. It takes no mail.
// Next: scenario.h for the domains that use it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/lab/listener.h"
#include "tests/lab/tls.h"

namespace mtasts::lab {

/// silent: never greets; endless_banner: continuation lines for ever; endless_line: one line without an end; drip: the
/// greeting, one octet a second; hang_up: closes without a word; reset: the same with a TCP RST.
enum class SmtpFault { none, silent, endless_banner, endless_line, drip, hang_up, reset };

/// One address of an MX host. Each reply is a list of lines without CRLF.
struct MxServerSpec {
  Listening listening{Listening::open};
  bool ipv6{};
  TlsSpec tls{};
  SmtpFault smtp{SmtpFault::none};
  std::vector<std::string> greeting{"220 mx.lab.test ESMTP mtasts-lab"};
  std::vector<std::string> ehlo{"250-mx.lab.test", "250-PIPELINING", "250-SIZE 10240000", "250-8BITMIME",
                                "250 STARTTLS"};
  std::vector<std::string> helo{"250 mx.lab.test"};
  std::vector<std::string> starttls{"220 2.0.0 ready to start TLS"};
  std::chrono::milliseconds latency{};
};

/// Serves one connection. Input: tls outlives the session.
boost::asio::awaitable<void> serve_mx(TlsServer& tls, std::shared_ptr<const MxServerSpec> spec,
                                      boost::asio::ip::tcp::socket client);

}  // namespace mtasts::lab
