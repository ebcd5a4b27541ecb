// Validates DNSSEC in this process: asks the resolvers for the data and its signatures, and follows the chain of trust
// by itself. The only door to libunbound.
// Next: resolver.h, which asks it instead of the resolvers where `dns.validate: local` says so.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "probes/net/dns_message.h"

namespace mtasts {

struct DnsValidatorOptions {
  std::vector<boost::asio::ip::udp::endpoint> servers{};  // that are asked; at least one
  std::string trust_anchor_file{};                        // DNSKEY or DS records; "": the root's, built in
};

/// An answer whose authentic_data is this process' own finding.
struct ValidatedAnswer {
  DnsAnswer answer{};  // of a bogus one its error_text says why
  bool bogus{};
};

/// Belongs to one loop. Asked questions are answered on a thread of libunbound's.
class DnsValidator {
 public:
  /// Errors: std::runtime_error that says what to do, when the trust anchor cannot be read.
  DnsValidator(boost::asio::io_context& io, const DnsValidatorOptions& options);
  ~DnsValidator();
  DnsValidator(const DnsValidator&) = delete;
  DnsValidator& operator=(const DnsValidator&) = delete;

  /// Errors: nullopt when no answer came in time.
  boost::asio::awaitable<std::optional<ValidatedAnswer>> resolve(DnsQuestion question,
                                                                 std::chrono::milliseconds timeout);

  /// Asks for what the trust anchor itself signs.
  boost::asio::awaitable<void> prove(std::chrono::milliseconds timeout);

  /// Was that secure when it was last answered? If not, servers that leave signatures out, or a wrong clock of ours,
  /// make everything look bogus, and nothing must be said of any name.
  [[nodiscard]] bool proved() const;

 private:
  class Context;
  std::unique_ptr<Context> context_;
};

}  // namespace mtasts
