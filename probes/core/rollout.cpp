// SPDX-License-Identifier: Apache-2.0
#include "probes/core/rollout.h"

#include <algorithm>
#include <array>

#include "probes/core/catalogue.h"
#include "probes/core/date_text.h"

namespace mtasts {
namespace {

using std::chrono::days;
using std::chrono::seconds;

constexpr seconds kInitialMaxAge = days{1};
constexpr seconds kInitialMaxAgeBelow = days{2};  // "a day or so"
constexpr seconds kCautiousMaxAge = days{7};
constexpr seconds kStableMaxAge = days{30};
constexpr seconds kCautiousTime = days{30};
constexpr seconds kReportsAreLate = days{3};  // one a day, up to a day late: RFC 8460 section 4.1
// As many faults as a person reads; each MX host may have several.
constexpr std::size_t kMostFaults = 20;

bool asks_something(const std::optional<PolicyInForce>& in_force) {
  return in_force && in_force->policy.mode != StsMode::none;
}

/// The phase that a policy served with a valid record, and without a fault, is in.
RolloutPhase phase_of(const StsPolicy& policy, const RolloutOptions& options) {
  switch (policy.mode) {
    case StsMode::none:
      return RolloutPhase::leaving;
    case StsMode::testing:
      return policy.max_age < kInitialMaxAgeBelow ? RolloutPhase::initial_testing : RolloutPhase::advanced_testing;
    case StsMode::enforce:
      break;
  }
  return policy.max_age < options.min_max_age_enforce ? RolloutPhase::cautious_enforce : RolloutPhase::stable_enforce;
}

const Finding* no_such_domain(const DomainVerdict& verdict) {
  const auto found = std::ranges::find(verdict.findings, "no-such-domain", &Finding::code);
  return found == verdict.findings.end() ? nullptr : &*found;
}

RolloutPhase phase_of(const DomainVerdict& verdict, const RolloutOptions& options) {
  if (!verdict.record || no_such_domain(verdict) != nullptr) return RolloutPhase::unknown;
  if (*verdict.record == RecordStatus::none)
    return asks_something(verdict.in_force) ? RolloutPhase::broken : RolloutPhase::none;
  if (*verdict.record != RecordStatus::valid || std::ranges::any_of(verdict.faults, is_policy_fault))
    return RolloutPhase::broken;
  if (!verdict.policy) return RolloutPhase::unknown;
  const bool enforces = verdict.policy->mode == StsMode::enforce;
  return enforces && !verdict.faults.empty() ? RolloutPhase::broken : phase_of(*verdict.policy, options);
}

/// The step that follows a phase. Nothing after the last, and while something is broken.
std::optional<RolloutStep> step_after(RolloutPhase phase, const RolloutOptions& options) {
  switch (phase) {
    case RolloutPhase::none:
      return RolloutStep{StsMode::testing,
                         std::max(kInitialMaxAge, options.min_max_age_testing),
                         {},
                         {},
                         "senders begin to report what would fail, and deliver all the same"};
    case RolloutPhase::initial_testing:
      return RolloutStep{StsMode::testing, std::max(kCautiousMaxAge, options.min_max_age_testing), options.ready_after,
                         options.ready_after, "senders that write seldom keep the policy, too, and report"};
    case RolloutPhase::advanced_testing:
      return RolloutStep{StsMode::enforce, kCautiousMaxAge, kCautiousMaxAge, options.ready_after,
                         "senders refuse what fails; a mistake lasts a week at most"};
    case RolloutPhase::cautious_enforce:
      return RolloutStep{StsMode::enforce, std::max(kStableMaxAge, options.min_max_age_enforce), kCautiousTime,
                         kCautiousTime, "senders that write once a month are protected, too"};
    default:
      return std::nullopt;
  }
}

/// Is a policy part of the time that counts for this phase? A longer `enforce` before it does no harm.
bool belongs_to(RolloutPhase phase, const StsPolicy& policy, const RolloutOptions& options) {
  if (phase == RolloutPhase::advanced_testing) return phase_of(policy, options) == phase;
  if (phase == RolloutPhase::initial_testing) return policy.mode == StsMode::testing;
  if (phase == RolloutPhase::leaving) return policy.mode == StsMode::none;
  return policy.mode == StsMode::enforce;
}

/// Since when the policies that were served belong to the phase without a break.
std::optional<UnixTime> began(RolloutPhase phase, const RolloutEvidence& evidence, const RolloutOptions& options,
                              UnixTime now) {
  std::optional<UnixTime> other;  // the last policy of another phase was last seen then
  std::optional<UnixTime> first;
  for (const ServedPolicy& served : evidence.served) {
    if (belongs_to(phase, served.policy, options)) continue;
    const UnixTime seen = std::min(served.last_seen, now);
    other = std::max(other.value_or(seen), seen);
  }
  for (const ServedPolicy& served : evidence.served) {
    const bool ours = belongs_to(phase, served.policy, options);
    if (!ours || (other && served.last_seen <= *other)) continue;
    const UnixTime start = std::max(std::min(served.first_seen, now), other.value_or(UnixTime::min()));
    first = std::min(first.value_or(start), start);
  }
  return first;
}

bool has_policy(RolloutPhase phase) {
  return phase != RolloutPhase::none && phase != RolloutPhase::unknown && phase != RolloutPhase::broken;
}

/// What the catalogue says to do about a fault.
std::string remedy_of(const Fault& fault) {
  for (const CodeKind kind : {CodeKind::reason, CodeKind::policy_error}) {
    const CatalogueEntry* entry = find_code(kind, fault.reason);
    if (entry != nullptr && !entry->remedy.empty()) return std::string(entry->remedy);
  }
  const CatalogueEntry* entry = find_code(CodeKind::result_type, to_string(fault.type));
  return entry != nullptr ? std::string(entry->remedy) : "";
}

/// Collects what speaks against one step.
class Obstacles {
 public:
  Obstacles(const RolloutEvidence& evidence, const RolloutAdvice& advice, UnixTime now)
      : evidence_(evidence), verdict_(evidence.verdict), advice_(advice), now_(now) {}

  std::vector<Obstacle> find() {
    find_not_judged();
    find_record();
    find_faults();
    if (advice_.phase == RolloutPhase::leaving) {
      find_cached();
      find_unwatched();
    } else if (advice_.phase == RolloutPhase::stable_enforce) {
      find_undeliverable();
    } else if (advice_.next) {
      find_hosts();
      find_proposal();
      find_time();
      find_reports();
    }
    std::stable_partition(found_.begin(), found_.end(), [](const Obstacle& obstacle) { return obstacle.blocks; });
    return std::move(found_);
  }

 private:
  void add(Obstacle obstacle) { found_.push_back(std::move(obstacle)); }

  [[nodiscard]] bool begins_to_enforce() const {
    return advice_.next->mode == StsMode::enforce && advice_.phase == RolloutPhase::advanced_testing;
  }

  void find_not_judged() {
    if (advice_.phase != RolloutPhase::unknown && verdict_.state != DomainState::unknown) return;
    const Finding* missing = no_such_domain(verdict_);
    std::string why = verdict_.unknown_reason.empty() ? "DNS did not answer" : verdict_.unknown_reason;
    if (missing != nullptr) why = missing->message;
    add({.kind = ObstacleKind::not_judged,
         .what = "The domain could not be judged: " + why + ".",
         .remedy = "Mend that first, then ask again."});
  }

  void find_record() {
    if (advice_.phase != RolloutPhase::broken || verdict_.record == RecordStatus::valid) return;
    const bool gone = verdict_.record == RecordStatus::none;
    add({.kind = ObstacleKind::record,
         .what = gone ? "The TXT record is gone while senders still hold the policy."
                      : "The TXT record does not count: it is " + std::string(to_string(*verdict_.record)) + ".",
         .remedy =
             gone ? "Publish it again, or leave by a policy of mode none." : "Publish exactly one valid record."});
  }

  void find_faults() {
    const std::size_t shown = std::min(verdict_.faults.size(), kMostFaults);
    for (std::size_t i = 0; i < shown; ++i) {
      const Fault& fault = verdict_.faults[i];
      add({.kind = ObstacleKind::fault,
           .blocks = advice_.phase != RolloutPhase::none,  // what testing is there to find
           .what = fault.host + ": " + std::string(to_string(fault.type)) +
                   (fault.message.empty() ? "." : ", " + fault.message + "."),
           .remedy = remedy_of(fault)});
    }
    if (shown == verdict_.faults.size()) return;
    add({.kind = ObstacleKind::fault,
         .what = std::to_string(verdict_.faults.size() - shown) + " more faults.",
         .remedy = "See `mtasts_exporter check`."});
  }

  void find_hosts() {
    if (!begins_to_enforce()) return;
    if (verdict_.deliverable == false && verdict_.faults.empty())
      add({.kind = ObstacleKind::not_deliverable,
           .what = "No MX host could be reached.",
           .remedy = "Make them reachable, and see with `mtasts_exporter check` that TLS works there."});
    const bool all_probed = verdict_.mx_hosts.value_or(0) <= verdict_.mx.size();
    if (!all_probed)
      add({.kind = ObstacleKind::mx_not_judged,
           .what = "Only " + std::to_string(verdict_.mx.size()) + " of " + std::to_string(*verdict_.mx_hosts) +
                   " MX hosts were probed.",
           .remedy = "Raise smtp.max_hosts."});
  }

  void find_proposal() {
    if (!advice_.proposal || advice_.proposal->publication) return;
    add({.kind = ObstacleKind::nothing_to_publish,
         .what = verdict_.null_mx ? "The domain takes no mail (null MX), so there is nothing to protect."
                                  : "There is no policy to propose: " + advice_.proposal->refusal + ".",
         .remedy = verdict_.null_mx ? "Leave it without MTA-STS." : "Put the MX records right."});
  }

  void find_time() {
    const RolloutStep& next = *advice_.next;
    if (next.in_phase + next.clean == seconds{}) return;
    if (!evidence_.remembered) {
      add({.kind = ObstacleKind::no_memory,
           .what = "Nothing is known of the time before this probe; " +
                   duration_words(std::max(next.in_phase, next.clean)) + " without a failure are asked for.",
           .remedy = "Let the daemon watch the domain, and name its configuration with --config.file."});
      return;
    }
    find_watched(next.clean);
    find_in_phase(next.in_phase);
    find_last_fault(next.clean);
  }

  void find_watched(seconds clean) {
    const auto since = evidence_.memory.watched_since;
    const UnixTime start = since ? std::min(*since, now_) : now_;
    if (now_ - start >= clean) return;
    add({.kind = ObstacleKind::watched_too_short,
         .what = since ? "The domain has been watched for " + duration_words(now_ - start) + " of " +
                             duration_words(clean) + "."
                       : "The domain has not been watched yet.",
         .remedy = since ? "Wait." : "Add it to the configuration of the daemon.",
         .until = since ? std::optional(start + clean) : std::nullopt});
  }

  void find_in_phase(seconds in_phase) {
    const UnixTime start = advice_.phase_since.value_or(now_);
    if (now_ - start >= in_phase) return;
    add({.kind = ObstacleKind::phase_too_short,
         .what = "This phase began " + duration_words(now_ - start) + " ago; it should last " +
                 duration_words(in_phase) + ".",
         .remedy = "Wait.",
         .until = start + in_phase});
  }

  void find_last_fault(seconds clean) {
    const auto last = evidence_.memory.last_fault;
    if (!last || !verdict_.faults.empty()) return;
    const UnixTime seen = std::min(*last, now_);
    if (now_ - seen >= clean) return;
    add({.kind = ObstacleKind::fault_seen,
         .what = "A probe saw a fault " + duration_words(now_ - seen) + " ago (" + time_text(seen) + ").",
         .remedy = "Make sure that its cause is gone; " + duration_words(clean) + " without one are asked for.",
         .until = seen + clean});
  }

  void find_reports() {
    find_reported_failure();
    if (verdict_.tlsrpt && *verdict_.tlsrpt != RecordStatus::valid) {
      add({.kind = ObstacleKind::tlsrpt_record_missing,
           .blocks = begins_to_enforce(),
           .what = "The domain has no valid _smtp._tls record, so senders cannot report what fails.",
           .remedy = "Publish one, v=TLSRPTv1; rua=mailto:MAILBOX, and read what comes before anybody enforces."});
      return;
    }
    if (advice_.phase == RolloutPhase::none) return;  // reports begin with a policy
    if (evidence_.reports.expected && evidence_.remembered) return find_missing_reports();
    find_unread_reports();
  }

  void find_reported_failure() {
    if (!evidence_.reports.last_failure) return;
    const UnixTime seen = std::min(*evidence_.reports.last_failure, now_);
    if (now_ - seen >= advice_.next->clean) return;
    add({.kind = ObstacleKind::failure_reported,
         .what = "A sender reported a failure " + duration_words(now_ - seen) + " ago (" + time_text(seen) + ").",
         .remedy = "Find its cause with `mtasts_exporter report` or on the page of the domain; " +
                   duration_words(advice_.next->clean) + " without one are asked for.",
         .until = seen + advice_.next->clean});
  }

  void find_missing_reports() {
    const auto last = evidence_.reports.last_report;
    if (last && now_ - std::min(*last, now_) <= std::max(advice_.next->clean, kReportsAreLate)) return;
    add({.kind = ObstacleKind::reports_missing,
         .blocks = begins_to_enforce(),
         .what = last ? "The last report of a sender is " + duration_words(now_ - *last) + " old."
                      : "No sender has reported anything yet.",
         .remedy = "See that reports arrive where the _smtp._tls record sends them. Senders of little mail may never "
                   "report: then decide by the probes."});
  }

  void find_unread_reports() {
    add({.kind = ObstacleKind::reports_not_read,
         .blocks = false,
         .what = "The reports of senders are not read here: this judges by probes alone.",
         .remedy = "Look at them before you go on, or give the exporter a way in (docs/reports.md)."});
  }

  /// At the end of the way there is no step to hold up, but mail that does not arrive is no place to be.
  void find_undeliverable() {
    if (verdict_.null_mx)
      return add({.kind = ObstacleKind::nothing_to_publish,
                  .blocks = false,
                  .what = "The domain takes no mail (null MX), so there is nothing to protect."});
    if (verdict_.deliverable == true || !verdict_.faults.empty()) return;
    add({.kind = ObstacleKind::not_deliverable,
         .what =
             verdict_.deliverable ? "No MX host takes mail from here." : "Whether an MX host takes mail is not known.",
         .remedy = "See `mtasts_exporter check`."});
  }

  /// What was served before we looked may still be held.
  void find_unwatched() {
    const UnixTime since = evidence_.memory.watched_since.value_or(now_);
    add({.kind = evidence_.remembered ? ObstacleKind::watched_too_short : ObstacleKind::no_memory,
         .blocks = !evidence_.remembered,
         .what = "What was served before " + time_text(std::min(since, now_)) + " is not known.",
         .remedy = "Where it had a longer max_age, keep serving mode none until that has passed."});
  }

  void find_cached() {
    const UnixTime until = cached_until(evidence_, now_);
    if (until <= now_) return;
    add({.kind = ObstacleKind::still_cached,
         .what = "Senders may hold an earlier policy until " + time_text(until) + ".",
         .remedy = "Keep serving mode none until then; afterwards remove the record, then the file.",
         .until = until});
  }

  const RolloutEvidence& evidence_;
  const DomainVerdict& verdict_;
  const RolloutAdvice& advice_;
  UnixTime now_;
  std::vector<Obstacle> found_{};
};

/// When everything that blocks has gone by itself; nullopt when something waits for a person.
std::optional<UnixTime> come_back(const std::vector<Obstacle>& obstacles) {
  std::optional<UnixTime> latest;
  for (const Obstacle& obstacle : obstacles) {
    if (!obstacle.blocks) continue;
    if (!obstacle.until) return std::nullopt;
    latest = std::max(latest.value_or(*obstacle.until), *obstacle.until);
  }
  return latest;
}

/// After the step has been taken: when the one after it may be due.
std::optional<UnixTime> next_look(const RolloutAdvice& advice, const RolloutOptions& options, UnixTime now) {
  if (!advice.next) return std::nullopt;
  const auto after =
      step_after(phase_of({.mode = advice.next->mode, .max_age = advice.next->max_age}, options), options);
  return after ? std::optional(now + std::max(after->in_phase, after->clean)) : std::nullopt;
}

bool file_is_at_fault(const Fault& fault) {
  return fault.reason == kNotCoveredReason || fault.type == ResultType::sts_policy_invalid;
}

}  // namespace

std::string_view to_string(RolloutPhase phase) {
  constexpr std::array<std::string_view, 8> kWords{
      "unknown",          "none",           "initial-testing", "advanced-testing",
      "cautious-enforce", "stable-enforce", "leaving",         "broken"};
  return kWords[static_cast<std::size_t>(phase)];
}

std::string_view to_string(ObstacleKind kind) {
  constexpr std::array<std::string_view, 15> kWords{"not-judged",
                                                    "record",
                                                    "fault",
                                                    "not-deliverable",
                                                    "mx-not-judged",
                                                    "nothing-to-publish",
                                                    "no-memory",
                                                    "watched-too-short",
                                                    "phase-too-short",
                                                    "fault-seen",
                                                    "failure-reported",
                                                    "tlsrpt-record-missing",
                                                    "reports-missing",
                                                    "reports-not-read",
                                                    "still-cached"};
  return kWords[static_cast<std::size_t>(kind)];
}

RolloutPhase rollout_phase(const DomainVerdict& verdict, const RolloutOptions& options) {
  return phase_of(verdict, options);
}

ProposalNeeds proposal_needs(const RolloutEvidence& evidence) {
  ProposalNeeds needs{.domain = evidence.verdict.domain, .mx_hosts = evidence.mx_hosts};
  if (evidence.verdict.policy) {
    needs.present = evidence.verdict.policy;
  } else if (evidence.verdict.in_force) {
    needs.present = evidence.verdict.in_force->policy;
  }
  needs.taken_ids = {evidence.verdict.record_id, evidence.memory.policy_id};
  for (const ServedPolicy& served : evidence.served) needs.taken_ids.push_back(served.id);
  return needs;
}

std::optional<Proposal> propose_repair(const RolloutEvidence& evidence, UnixTime now) {
  if (std::ranges::none_of(evidence.verdict.faults, file_is_at_fault)) return std::nullopt;
  const ProposalNeeds needs = proposal_needs(evidence);
  const StsPolicy present = needs.present.value_or(StsPolicy{.mode = StsMode::testing, .max_age = kInitialMaxAge});
  return propose_publication(needs, present.mode, present.max_age, now);
}

UnixTime cached_until(const RolloutEvidence& evidence, UnixTime now) {
  UnixTime until = now;
  for (const ServedPolicy& served : evidence.served)
    if (served.policy.mode != StsMode::none)
      until = std::max(until, std::min(served.last_seen, now) + served.policy.max_age);
  for (const auto& enforced :
       std::array<std::optional<UnixTime>, 2>{evidence.memory.enforced_until, evidence.verdict.enforced_until})
    if (enforced) until = std::max(until, *enforced);
  if (asks_something(evidence.verdict.in_force)) until = std::max(until, evidence.verdict.in_force->until);
  return until;
}

RolloutAdvice advise_rollout(const RolloutEvidence& evidence, const RolloutOptions& options, UnixTime now) {
  RolloutAdvice advice{.phase = phase_of(evidence.verdict, options)};
  if (has_policy(advice.phase)) advice.phase_since = began(advice.phase, evidence, options, now);
  advice.next = step_after(advice.phase, options);
  advice.repair = propose_repair(evidence, now);
  if (advice.next) {
    ProposalNeeds needs = proposal_needs(evidence);
    if (advice.repair && advice.repair->publication) needs.taken_ids.push_back(advice.repair->publication->id);
    advice.proposal = propose_publication(needs, advice.next->mode, advice.next->max_age, now);
  }
  advice.obstacles = Obstacles(evidence, advice, now).find();
  advice.ready = std::ranges::none_of(advice.obstacles, &Obstacle::blocks);
  advice.come_back = advice.ready ? next_look(advice, options, now) : come_back(advice.obstacles);
  return advice;
}

std::optional<bool> failure_free(const DomainVerdict& verdict, std::optional<UnixTime> last_reported_failure,
                                 std::chrono::seconds ready_after, UnixTime now) {
  const bool judged =
      verdict.state != DomainState::pending && verdict.state != DomainState::unknown && verdict.watched_since;
  if (!judged || !asks_something(verdict.in_force)) return std::nullopt;
  const auto long_ago = [&](const std::optional<UnixTime>& time) { return !time || now - *time >= ready_after; };
  return verdict.faults.empty() && long_ago(verdict.watched_since) && long_ago(verdict.last_fault) &&
         long_ago(last_reported_failure);
}

}  // namespace mtasts
