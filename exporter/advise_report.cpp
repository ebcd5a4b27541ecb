// SPDX-License-Identifier: Apache-2.0
#include "exporter/advise_report.h"

#include <algorithm>

#include "exporter/paragraph.h"
#include "probes/core/date_text.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

enum ExitStatus { ready = 0, not_yet = 1, broken = 2, unknown = 3 };

int exit_status(const DomainAdvice& result, bool rollback) {
  const DomainVerdict& verdict = result.evidence.verdict;
  if (rollback && result.rollback.needed) return broken;
  if (!rollback && result.advice.phase == RolloutPhase::broken) return broken;
  if (!rollback && result.advice.phase != RolloutPhase::none && !verdict.faults.empty()) return broken;
  if (rollback && !result.evidence.remembered) return unknown;  // what senders hold
  if (result.advice.phase == RolloutPhase::unknown || verdict.state == DomainState::unknown) return unknown;
  return rollback || result.advice.ready ? ready : not_yet;
}

std::string moment(UnixTime time, UnixTime now) {
  if (time <= now) return time_text(time);
  return time_text(time) + ", in " + duration_words(time - now);
}

class AdviceText {
 public:
  AdviceText(const DomainAdvice& result, bool rollback, UnixTime now)
      : result_(result), verdict_(result.evidence.verdict), advice_(result.advice), rollback_(rollback), now_(now) {}

  std::string render_advice() {
    headline();
    obstacles("Against it", true);
    obstacles("To know", false);
    way_back();
    repair(advice_.repair);
    step();
    return std::move(text_);
  }

  std::string render_rollback() {
    const RollbackPlan& plan = result_.rollback;
    line(domain() + ": " + std::string(phase_words(plan.phase)) + present());
    paragraph("  Now          ", escaped(plan.situation));
    if (!plan.quicker.empty()) paragraph("  First        ", escaped(plan.quicker));
    if (!plan.first.empty()) paragraph("  Before that  ", escaped(plan.first));
    bounds(plan);
    const bool publishes = plan.needed && !plan.done;
    if (publishes) repair(plan.repair);
    if (publishes) publish("Roll back to mode testing", plan.testing, "Nobody enforces any more by the times above.");
    leave(plan);
    return std::move(text_);
  }

 private:
  void line(const std::string& text = "") { text_ += text + "\n"; }
  void paragraph(const std::string& label, std::string_view words) { text_ += render_paragraph(label, words); }
  static std::string escaped(std::string_view text) { return escape_unprintable(text); }
  [[nodiscard]] std::string domain() const { return escaped(verdict_.domain); }

  [[nodiscard]] std::string present() const {
    return verdict_.policy ? " (" + policy_words(*verdict_.policy) + ")" : "";
  }

  void headline() {
    line(domain() + ": " + std::string(phase_words(advice_.phase)) + present());
    if (advice_.phase_since) paragraph("  Since        ", time_text(*advice_.phase_since));
    paragraph("  Next step    ", next_words(advice_));
    paragraph("  May I?       ", answer_words(advice_));
    if (advice_.come_back)
      paragraph("  Come back    ",
                moment(*advice_.come_back, now_) + (advice_.ready ? ", when this step has been taken" : ""));
  }

  void way_back() {
    if (advice_.phase != RolloutPhase::broken || !result_.rollback.needed) return;
    line();
    line("  If it cannot be mended soon, the way back:");
    line("  mtasts_exporter advise --rollback " + domain());  // never wrapped, so that it can be pasted
  }

  void obstacles(const std::string& title, bool blocking) {
    const auto wanted = [blocking](const Obstacle& obstacle) { return obstacle.blocks == blocking; };
    if (std::ranges::none_of(advice_.obstacles, wanted)) return;
    line();
    line("  " + title);
    for (const Obstacle& obstacle : advice_.obstacles) {
      if (!wanted(obstacle)) continue;
      paragraph("  -  ", escaped(obstacle.what));
      if (obstacle.until) paragraph("     Until:  ", moment(*obstacle.until, now_));
      if (!obstacle.remedy.empty()) paragraph("     To do:  ", obstacle.remedy);
    }
  }

  void repair(const std::optional<Proposal>& proposal) {
    if (proposal)
      publish(std::string(repair_title(result_)), *proposal, "Senders use it by the times that --rollback tells.");
  }

  void step() {
    if (!advice_.next) return;
    line();
    if (!advice_.ready) return line("  What to publish is shown when nothing speaks against it any more.");
    publish_files("Publish", *advice_.proposal->publication, "");
  }

  void publish(const std::string& title, const Proposal& proposal, const std::string& then) {
    line();
    if (!proposal.publication) return paragraph("  " + title + ": ", "not possible, " + escaped(proposal.refusal));
    publish_files(title, *proposal.publication, then);
  }

  /// The file before the record: a sender that sees the new id must find the new file (RFC 8461 section 8.1).
  void publish_files(const std::string& title, const Publication& files, const std::string& then) {
    line("  " + title + ", in this order");
    if (!files.dropped.empty()) paragraph("  (without the mx lines that fit no MX host: ", joined(files.dropped) + ")");
    const bool written = &files == publication_of(result_, rollback_);
    line("  1. The file, with CRLF line ends" + std::string(written ? " (as --write DIR writes it)" : "") + ", at");
    line("     https://mta-sts." + domain() + "/.well-known/mta-sts.txt");
    line();
    for (const char c : files.file)
      if (c != '\r') text_ += c;
    line();
    line("  2. When every web server has it, the TXT record, in place of every v=STSv1 record there");
    line();
    line(files.record);
    line();
    line("  3. Look at it: mtasts_exporter check " + domain());
    if (!then.empty()) paragraph("  4. ", then);
  }

  static std::string joined(const std::vector<std::string>& patterns) {
    std::string text;
    for (const std::string& pattern : patterns) text += (text.empty() ? "" : " ") + escaped(pattern);
    return text;
  }

  void bounds(const RollbackPlan& plan) {
    const EnforceBounds& bounds = plan.bounds;
    if (!bounds.latest) return;
    line();
    line("  Until when senders may still enforce" +
         std::string(plan.done ? "" : ", if something else is published now"));
    paragraph("  At best      ", (bounds.soonest ? moment(*bounds.soonest, now_)
                                                 : "the TTL of the TXT record from now, which was not seen") +
                                     ": " + std::string(kSoonestSender));
    paragraph("  At worst     ", moment(*bounds.latest, now_) + ": " + std::string(kLatestSender) + held(bounds) +
                                     "; nothing that is published makes this shorter");
  }

  static std::string held(const EnforceBounds& bounds) {
    if (bounds.latest_max_age == std::chrono::seconds{}) return "";
    return " (id " + escaped(bounds.latest_id) + ", max_age " + std::to_string(bounds.latest_max_age.count()) + ")";
  }

  void leave(const RollbackPlan& plan) {
    if (!plan.leave.publication || !verdict_.policy) return;
    publish("To leave MTA-STS altogether, instead", plan.leave,
            "Keep both until " + moment(plan.leave_kept_until, now_) +
                ", when no sender holds an earlier policy; afterwards remove the record, then the file.");
  }

  const DomainAdvice& result_;
  const DomainVerdict& verdict_;
  const RolloutAdvice& advice_;
  bool rollback_;
  UnixTime now_;
  std::string text_{};
};

}  // namespace

int advise_exit_status(std::span<const DomainAdvice> results, bool rollback) {
  for (const int worst : {broken, unknown, not_yet, ready})
    if (std::ranges::any_of(results, [&](const auto& result) { return exit_status(result, rollback) == worst; }))
      return worst;
  return unknown;
}

std::string render_advice_text(std::span<const DomainAdvice> results, UnixTime now) {
  std::string text;
  for (const DomainAdvice& result : results)
    text += (text.empty() ? "" : "\n") + AdviceText{result, false, now}.render_advice();
  return text;
}

std::string render_rollback_text(std::span<const DomainAdvice> results, UnixTime now) {
  std::string text;
  for (const DomainAdvice& result : results)
    text += (text.empty() ? "" : "\n") + AdviceText{result, true, now}.render_rollback();
  return text;
}

}  // namespace mtasts
