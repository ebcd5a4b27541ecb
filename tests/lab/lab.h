// The lab: DNS, policy hosts and MX hosts on loopback in one thread, for tests, demonstrations and load.
// Next: scenario.h for the domains; README.md for the program.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/lab/scenario.h"

namespace mtasts::lab {

/// Many generated domains d0.bulk.test, d1.bulk.test, … in place of the table: all healthy but for some hosts.
struct BulkOptions {
  std::size_t domains{};                // 0: the table instead
  std::size_t dead{};                   // so many MX hosts, from the first one on, never answer a SYN
  std::size_t tarpit{};                 // so many after them accept and never greet
  std::size_t dead_policy{};            // so many policy hosts, from the first one on, never answer a SYN
  std::size_t hostile_mx{};             // so many MX hosts, from the first one on, do what hostile_kind says
  std::size_t hostile_policy{};         // the same of policy hosts
  std::string hostile_kind{"none"};     // one of the table's words for SMTP or HTTP, or "cut": see cut_relay.h
  std::size_t shared_mx{};              // 0: every domain has its own MX host
  std::chrono::milliseconds latency{};  // before each reply
  std::string certificate{"good"};      // the kind, for all hosts
};

struct LabOptions {
  std::string scenarios{MTASTS_LAB_SCENARIOS};
  std::string dir{};         // gets ca.pem and config.yaml; "": no files
  std::uint16_t dns_port{};  // 0 picks a free port, here and below
  std::uint16_t https_port{};
  std::uint16_t smtp_port{};
  std::uint16_t control_port{};  // 0: no control port
  BulkOptions bulk{};
};

/// Serves from construction to destruction on a thread of its own. All members may be called from any thread.
class Lab {
 public:
  /// Errors: boost::system::system_error when a port is taken, std::runtime_error for a broken table.
  explicit Lab(LabOptions options);
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  std::uint16_t dns_port() const;
  std::uint16_t https_port() const;
  std::uint16_t smtp_port() const;
  const std::string& ca_pem() const;

  /// The table as loaded; empty in bulk mode.
  const std::vector<Scenario>& scenarios() const;
  /// The names to probe, in the table's order.
  std::vector<std::string> domains() const;

  /// Makes the domain behave like another scenario of the table. Errors: std::runtime_error when there is none.
  void set(const std::string& domain, const std::string& scenario);
  /// Stops, spoils or restarts all of DNS.
  void set_dns(DnsMode mode);
  /// DNS queries received over UDP and TCP so far.
  std::uint64_t dns_queries();
  /// Connections to policy hosts and MX hosts so far.
  std::uint64_t connections();

  /// Carries out one line: `set DOMAIN SCENARIO`, `dns start|stop|servfail|cut`, `heal`, after which no peer of
  /// BulkOptions is hostile, `queries`, or `sessions`, which counts TLS handshakes. Answers `ok`, a number, or `error:
  /// …`.
  std::string control(const std::string& line);

  /// A ready configuration for mtasts_exporter. Input: ca_file and storage are paths to write into it.
  std::string config_yaml(const std::string& ca_file, const std::string& storage) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mtasts::lab
