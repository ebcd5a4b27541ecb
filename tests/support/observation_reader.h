// Observations written shortly: a healthy domain or MX host, of which a table spells out only what is different.
// Next: tests/data/classify/domain.yaml, where the notation is explained and used.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "probes/core/classify.h"
#include "probes/core/observations.h"
#include "tests/support/strict_yaml.h"

namespace mtasts::test {

constexpr std::array<Word<StsMode>, 3> kModeWords{
    {{"enforce", StsMode::enforce}, {"testing", StsMode::testing}, {"none", StsMode::none}}};

/// Reads the observations of one probe. Durations in certificates count from `epoch`; the probe ends at `now`.
/// Errors: as StrictYaml has them.
class ObservationReader {
 public:
  ObservationReader(const StrictYaml& yaml, UnixTime epoch, UnixTime now) : yaml_(yaml), epoch_(epoch), now_(now) {}

  /// The domain example.org. Its key `hosts` is left to the caller.
  [[nodiscard]] DomainObservation domain(const YAML::Node& map) const;

  [[nodiscard]] MxHostObservation mx_host(const std::string& host, const YAML::Node& map) const;

 private:
  /// One address and the map that says how it is different, undefined where nothing is.
  struct Target {
    IpAddress address{};
    YAML::Node map{YAML::NodeType::Undefined};
  };
  struct Targets {
    AddressObservation lookup{};
    std::vector<Target> all{};
  };

  [[nodiscard]] TxtObservation txt(const YAML::Node& node, const std::string& healthy) const;
  [[nodiscard]] MxRecord mx_record(const YAML::Node& node) const;
  [[nodiscard]] MxSetObservation mx_set(const YAML::Node& node) const;
  [[nodiscard]] IpAddress address(const YAML::Node& node, std::size_t index) const;
  [[nodiscard]] AddressObservation lookup(const YAML::Node& node, bool ipv4, bool ipv6) const;
  [[nodiscard]] Targets listed_targets(const YAML::Node& list, const YAML::Node& lookup_node) const;
  [[nodiscard]] Targets usual_targets(const YAML::Node& lookup_node) const;
  [[nodiscard]] Targets targets(const YAML::Node& list, const YAML::Node& lookup_node) const;
  [[nodiscard]] std::optional<NetFailure> failure(const YAML::Node& node) const;
  [[nodiscard]] Certificate certificate(const YAML::Node& map, UnixTime not_after) const;
  [[nodiscard]] DaneObservation dane(const YAML::Node& map) const;
  [[nodiscard]] TlsObservation tls(const YAML::Node& map) const;
  [[nodiscard]] TlsaRecord tlsa_record(const YAML::Node& node) const;
  [[nodiscard]] std::optional<TlsaObservation> tlsa(const std::string& host, const YAML::Node& map) const;
  [[nodiscard]] std::string policy_text(const YAML::Node& map, const YAML::Node& around) const;
  [[nodiscard]] PolicyFetchAttempt attempt(const Target& target, const YAML::Node& around) const;
  [[nodiscard]] std::optional<PolicyObservation> policy(const YAML::Node& node) const;
  [[nodiscard]] HandshakeAttempt handshake(const Target& target, const YAML::Node& around) const;
  [[nodiscard]] ReportTargetObservation report_target(const std::string& uri, const YAML::Node& map) const;
  void take_starttls(const YAML::Node& node, SmtpObservation& seen) const;
  [[nodiscard]] SmtpObservation session(const Target& target, const YAML::Node& around) const;

  const StrictYaml& yaml_;
  UnixTime epoch_;
  UnixTime now_;
};

}  // namespace mtasts::test
