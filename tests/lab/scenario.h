// The table of domains: what each one shows on the wire, and what a prober must say about it.
// Next: tests/data/lab/scenarios.yaml, which is the table; lab.h, which brings it to life.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/lab/dns_server.h"
#include "tests/lab/mx_server.h"
#include "tests/lab/policy_server.h"

namespace mtasts::lab {

/// A TLSA record for what the host's first server shows, or for something else.
struct TlsaSpec {
  int usage{};
  int selector{};
  int matching_type{};
  bool wrong{};
};

/// One name in the MX set. Without servers it has no address here (another scenario may own it).
struct MxHostSpec {
  std::string host{};
  std::uint16_t preference{10};
  bool listed{true};  // false: it has an address but no MX record
  std::vector<TlsaSpec> tlsa{};
  std::string tlsa_base{};  // whose records they are, "" for the host's own
  std::vector<MxServerSpec> servers{};
};

/// A fault as the exporter must report it; `host` is a full name.
struct ExpectedFault {
  std::string result_type{};
  std::string host{};
  std::string reason{};

  auto operator<=>(const ExpectedFault&) const = default;
};

/// What a prober that starts afresh must find; nullopt is not asserted. `mode` is "" without a valid policy.
struct Expectation {
  std::optional<std::string> state{};
  std::optional<std::string> record{"valid"};
  std::optional<std::string> tlsrpt{"valid"};
  std::optional<std::string> mode{"enforce"};
  std::optional<bool> success{};
  std::optional<bool> deliverable{true};
  std::optional<std::vector<ExpectedFault>> faults{};              // all of them, in any order
  std::vector<std::pair<std::string, std::string>> unreachable{};  // MX host and reason, "" for any reason
  std::vector<std::string> findings{};                             // some that must be there
};

/// One domain of the lab.
struct Scenario {
  std::string name{};    // first label
  std::string domain{};  // full name
  std::string about{};   // one sentence
  bool is_signed{};      // DNSSEC
  bool require_dane{};
  std::vector<PolicyServerSpec> policy{};
  std::vector<MxHostSpec> mx{};
  std::vector<std::pair<std::string, DnsSet>> dns{};  // what differs from the records that follow from the servers
  Expectation expect{};
};

/// Reads the table. Input: path of the YAML file. Errors: std::runtime_error that names file, line and key.
std::vector<Scenario> load_scenarios(const std::string& path);

/// The scenario with the same behaviour under another scenario's domain.
/// Errors: std::runtime_error when the table has no such scenario.
Scenario load_scenario_as(const std::string& path, const std::string& name, const std::string& domain);

/// The table's words for what a server does wrong. Errors: std::runtime_error for another word.
SmtpFault smtp_fault(const std::string& word);
HttpFault http_fault(const std::string& word);

}  // namespace mtasts::lab
