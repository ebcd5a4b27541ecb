// Our own ways out, judged by all probes together: what looks like many peers' fault at once is ours.
// Next: probes/core/egress_window.h for when a way counts as lost; probe_loop.h, which asks before it judges.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "exporter/metrics.h"
#include "probes/core/egress_window.h"
#include "probes/core/observations.h"

namespace mtasts {

/// One window per way out, and what the silence of its suspects has done to verdicts so far. Before a loss shows, the
/// first silent peers look as if they were down themselves; once it shows, their verdicts are taken back.
class Egress {
 public:
  /// Takes back what a peer's silence has done since it began.
  using TakeBack = std::function<void()>;
  /// Called when a peer falls silent, before its verdict changes; the result is called if the way turns out to be lost,
  /// within a later call here, and not for a peer that was forgotten.
  using Suspected = std::function<TakeBack()>;

  /// Notes the policy host's attempts, and takes those out of the observation that our own trouble made fail.
  void note_policy(DomainObservation& seen, const Suspected& suspected);
  /// The same for an MX host's sessions.
  void note_mx_host(MxHostObservation& seen, const Suspected& suspected);
  /// The same for a domain's lookups: a resolver that fails for everybody is ours to repair, even if it answers.
  void note_lookups(DomainObservation& seen, const Suspected& suspected);

  /// The same for the HTTPS hosts that reports are to be sent to. They are no witnesses: what was seen of them may be
  /// as old as the other domains' that name them. Input: after note_policy() of the same domain.
  void note_report_targets(DomainObservation& seen, const Suspected& suspected);

  /// Takes out what a lost way made fail, for a verdict that cannot be taken back: where nobody ever answered, this
  /// silence is enough. Counts as no evidence.
  void excuse(DomainObservation& seen) const;
  void excuse(MxHostObservation& seen) const;

  /// An earlier run of the program reached this MX host.
  void was_reached(IpFamily family, const std::string& mx_host);

  /// The domain or MX host is watched no longer.
  void forget_domain(const std::string& domain);
  void forget_mx_host(const std::string& host);

  /// By kind and family: is the way open? nullopt while nothing is known.
  [[nodiscard]] std::optional<bool> open(EgressKind kind, IpFamily family) const;
  /// True while lookups fail for every domain.
  [[nodiscard]] bool lookups_lost() const { return lookups_.window.lost(); }

 private:
  struct Way {
    EgressWindow window;
    std::map<std::string, TakeBack> suspects{};

    void reached(const std::string& peer);
    void silent(const std::string& peer, const Suspected& suspected);
    /// It took the connection: the way was open then, and may have been lost before the peer could say more.
    void cut_off(const std::string& peer, const Suspected& suspected);
    /// Its verdict is taken back with the others', but its silence proves nothing.
    void silent_besides(const std::string& peer, const Suspected& suspected);
    void forget(const std::string& peer);
  };

  void note_host_lookup(MxHostObservation& seen, const Suspected& suspected);
  template <class Attempts>
  void note(EgressKind kind, IpFamily family, const std::string& peer, Attempts& attempts, const Suspected& suspected);
  void excuse_report_targets(DomainObservation& seen) const;
  template <class Attempts>
  void excuse(EgressKind kind, IpFamily family, const std::string& peer, Attempts& attempts) const;
  [[nodiscard]] const Way& way(EgressKind kind, IpFamily family) const;
  Way& way(EgressKind kind, IpFamily family);

  // One silent host is enough to doubt ourselves while port 25 has never worked: many networks block it.
  static constexpr std::size_t kDoubtSmtpAfter = 1;
  static constexpr std::size_t kDoubtAfter = 2;

  Way https4_{EgressWindow{kDoubtAfter}};
  Way https6_{EgressWindow{kDoubtAfter}};
  Way smtp4_{EgressWindow{kDoubtSmtpAfter}};
  Way smtp6_{EgressWindow{kDoubtSmtpAfter}};
  // A domain none of whose lookups is answered is no witness against its own name servers, however few domains we
  // watch.
  Way lookups_{EgressWindow{1, EgressWindow::kEnoughLookups, 1}};
};

}  // namespace mtasts
