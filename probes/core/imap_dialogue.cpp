// SPDX-License-Identifier: Apache-2.0
#include "probes/core/imap_dialogue.h"

#include <algorithm>
#include <utility>

#include "probes/core/domain_name.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

constexpr std::uint32_t kWindow = 500;  // messages that are listed at once: bounds the answer
constexpr std::size_t kMaxSaidBytes = std::size_t{16} * 1024 * 1024;  // in answer to one command, the message apart
constexpr std::size_t kMaxDetailBytes = 200;
constexpr std::size_t kMaxCapabilities = 256;
constexpr std::string_view kKeyword = "$TlsrptTaken";
constexpr std::string_view kCheckServer = "look at the server; the next try comes by itself";

std::size_t size_of(const ImapResponse& response) {
  std::size_t size = response.text.size();
  for (const std::string& literal : response.literals) size += literal.size();
  return size;
}

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string in_single_quotes(const std::string& folder) { return "'" + folder + "'"; }

}  // namespace

std::string to_string(const ImapTrouble& trouble) {
  std::string line = trouble.problem;
  if (!trouble.detail.empty()) line += ": " + escape_unprintable(trouble.detail.substr(0, kMaxDetailBytes));
  return trouble.remedy.empty() ? line : line + "; " + trouble.remedy;
}

ImapDialogue::ImapDialogue(ImapPlan plan) : plan_(std::move(plan)) {
  for (const std::string& folder : {plan_.done_folder, plan_.refused_folder}) {
    if (!folder.empty()) folders_.push_back(folder);
  }
}

ImapAction ImapDialogue::start() { return say(Step::capability, "CAPABILITY"); }

ImapAction ImapDialogue::say(Step step, const std::string& command) {
  step_ = step;
  said_bytes_ = 0;
  return {.kind = ImapActionKind::send, .octets = "m" + std::to_string(++tags_) + " " + command + "\r\n"};
}

ImapAction ImapDialogue::finish() {
  ImapAction action = say(Step::done, "LOGOUT");
  action.kind = ImapActionKind::finish;
  return action;
}

ImapAction ImapDialogue::stop(std::string problem, const std::string& detail, std::string remedy) {
  outcome_.trouble = {std::move(problem), detail.substr(0, kMaxDetailBytes), std::move(remedy)};
  return finish();
}

ImapAction ImapDialogue::on_broken() {
  return stop("the server's answer breaks the protocol", "", std::string(kCheckServer));
}

ImapAction ImapDialogue::on_response(ImapResponse response) {
  if (step_ == Step::done) return {};
  said_bytes_ += size_of(response);
  if (said_bytes_ > kMaxSaidBytes + plan_.max_message_bytes) return on_broken();
  if (response.text.starts_with('+')) return on_broken();  // no command of ours has a second part
  const auto status = parse_imap_status(response.text);
  if (status && status->tag != "*") return on_tagged(*status);
  if (status && status->status == ImapStatus::bye) {
    return stop("the server ends the session", status->text, std::string(kCheckServer));
  }
  if (status) {
    note_status(*status);
  } else {
    note_untagged(std::move(response));
  }
  return {.kind = ImapActionKind::read};
}

void ImapDialogue::note_status(const ImapStatusLine& line) {
  if (step_ != Step::select || !to_lower(line.code).starts_with("permanentflags")) return;
  const std::vector<std::string> flags = parse_imap_flag_list(line.code);
  keywords_ = contains(flags, "\\*") || contains(flags, to_lower(kKeyword));
}

void ImapDialogue::note_untagged(ImapResponse response) {
  if (const auto words = parse_imap_capability(response.text)) {
    if (words->size() <= kMaxCapabilities) capabilities_ = *words;
    return;
  }
  if (const auto count = parse_imap_count(response.text); count && count->word != "FETCH") return note_count(*count);
  if (auto fetch = parse_imap_fetch(std::move(response))) note_fetch(std::move(*fetch));
}

/// Source: RFC 9051 sections 7.4.1 and 7.5.1: EXPUNGE moves every later message down by one.
void ImapDialogue::note_count(const ImapCount& count) {
  if (count.word == "EXISTS") exists_ = count.number;
  if (count.word != "EXPUNGE") return;
  if (exists_ > 0) --exists_;
  if (count.number < first_) --first_;
}

void ImapDialogue::note_fetch(ImapFetch fetch) {
  if (!fetch.uid) return;
  const bool asked_for = fetch.sequence >= first_ && fetch.sequence <= window_end_;
  if (step_ == Step::list && asked_for && window_.size() < kWindow) {
    window_.push_back({*fetch.uid, contains(fetch.flags, to_lower(mark_flag()))});
  }
  if (step_ == Step::fetch && fetch.body && *fetch.uid == window_.front().uid) {
    body_ = std::move(*fetch.body);
    body_came_ = true;
  }
}

ImapAction ImapDialogue::on_tagged(const ImapStatusLine& line) {
  if (line.tag != "m" + std::to_string(tags_)) return on_broken();
  return line.status == ImapStatus::ok ? on_done(line) : on_refusal(line);
}

ImapAction ImapDialogue::on_refusal(const ImapStatusLine& line) {
  const std::string target = in_single_quotes(target_);
  switch (step_) {
    case Step::find_folder:
      return say(Step::create_folder, "CREATE " + render_imap_quoted(folders_.front()));
    case Step::create_folder:
      if (to_lower(line.code) == "alreadyexists") return next_folder();  // another session was faster (RFC 5530)
      return stop("folder " + in_single_quotes(folders_.front()) + " is not there and cannot be made", line.text,
                  "correct the name (some servers want 'INBOX.' or 'INBOX/' before it), or make the folder");
    case Step::subscribe:
      return next_folder();
    case Step::select:
      return stop("folder " + in_single_quotes(plan_.folder) + " cannot be opened", line.text,
                  "correct 'folder', or give the user access");
    case Step::fetch:
      if (line.status != ImapStatus::no) break;
      ++outcome_.unreadable;
      return on_left(true);
    case Step::move:
    case Step::copy:
      return stop("messages cannot be moved to " + target, line.text,
                  "give the user access and room there; what was taken counts once, however often it comes");
    case Step::mark:
      return stop("messages cannot be marked in " + in_single_quotes(plan_.folder), line.text,
                  "let the user change flags, or name done_folder and refused_folder");
    default:
      break;
  }
  return stop("the server refuses a command", line.text, std::string(kCheckServer));
}

ImapAction ImapDialogue::on_done(const ImapStatusLine& line) {
  switch (step_) {
    case Step::capability:
      outcome_.cannot_move = !folders_.empty() && !can_move();
      if (outcome_.cannot_move) folders_.clear();
      return folders_.empty() ? select()
                              : say(Step::find_folder, "STATUS " + render_imap_quoted(folders_.front()) + " (UIDNEXT)");
    case Step::find_folder:
    case Step::subscribe:
      return next_folder();
    case Step::create_folder:  // many mail clients show subscribed folders only
      return say(Step::subscribe, "SUBSCRIBE " + render_imap_quoted(folders_.front()));
    case Step::select:
      return on_selected(line);
    case Step::list:
      return on_listed();
    case Step::fetch:
      return on_fetched();
    case Step::copy:
      return say(Step::flag_deleted, uid_command("STORE", "+FLAGS.SILENT (\\Deleted)"));
    case Step::flag_deleted:
      return say(Step::expunge, uid_command("EXPUNGE", ""));
    case Step::move:
    case Step::expunge:
      return on_left(false);
    case Step::mark:
      return on_left(true);
    case Step::done:
      break;
  }
  return {};
}

ImapAction ImapDialogue::next_folder() {
  folders_.pop_front();
  if (folders_.empty()) return select();
  return say(Step::find_folder, "STATUS " + render_imap_quoted(folders_.front()) + " (UIDNEXT)");
}

ImapAction ImapDialogue::select() { return say(Step::select, "SELECT " + render_imap_quoted(plan_.folder)); }

ImapAction ImapDialogue::on_selected(const ImapStatusLine& line) {
  if (to_lower(line.code) != "read-only") return list_window();
  return stop("folder " + in_single_quotes(plan_.folder) + " is read-only", line.text,
              "let the user change it: messages that were taken are moved or marked");
}

ImapAction ImapDialogue::list_window() {
  if (first_ > exists_) return finish();
  window_.clear();
  window_end_ = exists_ - first_ < kWindow ? exists_ : first_ + kWindow - 1;
  return say(Step::list, "FETCH " + std::to_string(first_) + ":" + std::to_string(window_end_) + " (UID FLAGS)");
}

/// UIDs grow with the sequence numbers (RFC 9051 section 2.3.1.1): what is not above the last one was dealt with.
ImapAction ImapDialogue::on_listed() {
  if (window_.empty()) return finish();
  std::sort(window_.begin(), window_.end(), [](const Listed& a, const Listed& b) { return a.uid < b.uid; });
  return next_message();
}

ImapAction ImapDialogue::next_message() {
  while (!window_.empty()) {
    const Listed& next = window_.front();
    const bool skipped = next.uid <= last_uid_ || (next.marked && leaves_any());
    if (!skipped) {
      body_came_ = false;
      const std::string most = std::to_string(plan_.max_message_bytes + 1);
      return say(Step::fetch, uid_command("FETCH", "(BODY.PEEK[]<0." + most + ">)"));
    }
    last_uid_ = std::max(last_uid_, next.uid);
    window_.pop_front();
    ++first_;
  }
  return list_window();
}

ImapAction ImapDialogue::on_fetched() {
  if (!body_came_) return on_left(false);  // somebody else has removed it
  step_ = Step::done;
  return {.kind = ImapActionKind::deliver, .octets = std::exchange(body_, {}), .uid = window_.front().uid};
}

ImapAction ImapDialogue::on_receipt(ImapReceipt receipt) {
  if (receipt == ImapReceipt::not_stored) {
    outcome_.not_stored = true;
    return finish();
  }
  const bool refused = receipt == ImapReceipt::refused;
  ++(refused ? outcome_.refused : outcome_.taken);
  target_ = refused ? plan_.refused_folder : plan_.done_folder;
  return put_away();
}

ImapAction ImapDialogue::put_away() {
  if (!target_.empty() && can_move()) return move();
  return say(Step::mark, uid_command("STORE", "+FLAGS.SILENT (" + mark_flag() + ")"));
}

ImapAction ImapDialogue::move() {
  const std::string folder = render_imap_quoted(target_);
  return can("MOVE") ? say(Step::move, uid_command("MOVE", folder)) : say(Step::copy, uid_command("COPY", folder));
}

ImapAction ImapDialogue::on_left(bool stays) {
  last_uid_ = window_.front().uid;
  window_.pop_front();
  if (stays) ++first_;
  return next_message();
}

bool ImapDialogue::can(std::string_view capability) const { return contains(capabilities_, capability); }

bool ImapDialogue::leaves_any() const {
  return plan_.done_folder.empty() || plan_.refused_folder.empty() || !can_move();
}

std::string ImapDialogue::mark_flag() const { return keywords_ ? std::string(kKeyword) : "\\Seen"; }

std::string ImapDialogue::uid_command(std::string_view verb, std::string_view arguments) const {
  std::string command = "UID " + std::string(verb) + " " + std::to_string(window_.front().uid);
  if (!arguments.empty()) command += " " + std::string(arguments);
  return command;
}

}  // namespace mtasts
