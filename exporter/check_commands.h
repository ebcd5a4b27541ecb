// The dig, curl and openssl commands that show a person what a probe saw.
// Next: explanation.h for which command belongs to which code; check_report.h, which prints them beside each fault.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "exporter/check_status.h"
#include "exporter/config.h"

namespace mtasts {

/// Where the probe looked, as far as it differs from what the commands would do by themselves.
struct CheckPlaces {
  std::uint16_t policy_port{443};
  std::uint16_t http_port{80};  // of the policy host, in clear text
  std::uint16_t smtp_port{25};
  std::string dns_server{};  // "ADDRESS:PORT", "" for the system's
  std::string ca_file{};     // "" for the system's trust store
  std::string helo{};        // what the probe calls itself to MX hosts, "" for the machine's name
};

/// Where a program with this configuration looks.
CheckPlaces places_of(const Config& config);

/// Commands for one domain, fit to be pasted into a shell: "" where a name in them is not.
class CheckCommands {
 public:
  /// Input: both outlive the object.
  CheckCommands(const CheckResult& result, const CheckPlaces& places, FindCode find = find_code)
      : result_(result), places_(places), find_(std::move(find)) {}

  /// Shows the TXT records at _mta-sts.
  [[nodiscard]] std::string record() const;
  /// Shows the fault. Which command that is, the catalogue says.
  [[nodiscard]] std::string of(const Fault& fault) const;
  /// Shows what the finding is about; "" where the report says it all.
  [[nodiscard]] std::string of(const Finding& finding) const;
  /// Input: the host of the fault or finding, and its message, in which host_lookup finds the record type.
  [[nodiscard]] std::string show(Look look, const std::string& host, const std::string& message) const;

 private:
  [[nodiscard]] std::string dig(std::string_view what, const std::string& name) const;
  [[nodiscard]] std::string dig_addresses(const std::string& host) const;
  [[nodiscard]] std::string dig_tlsa(std::string_view flags, const std::string& host) const;
  [[nodiscard]] std::string base_domain(const std::string& host) const;
  [[nodiscard]] std::string curl(std::string_view options) const;
  [[nodiscard]] std::string policy_octets() const;
  [[nodiscard]] std::string curl_over_http() const;
  [[nodiscard]] std::string resolved(const std::string& host, std::uint16_t port, const std::string& address) const;
  [[nodiscard]] std::string curl_to_mx(const std::string& host) const;
  [[nodiscard]] std::string openssl_to_policy_host() const;
  [[nodiscard]] std::string openssl_to_report_host(const std::string& host) const;
  [[nodiscard]] std::string openssl_to_mx(const std::string& host) const;
  [[nodiscard]] std::string openssl_to(const std::string& host) const;
  [[nodiscard]] std::string openssl(const std::string& host, const std::string& address, std::uint16_t port,
                                    std::string_view extra) const;
  [[nodiscard]] std::string policy_host() const;
  [[nodiscard]] std::string policy_address() const;
  [[nodiscard]] std::string mx_address(const std::string& host) const;

  const CheckResult& result_;
  const CheckPlaces& places_;
  FindCode find_;
};

}  // namespace mtasts
