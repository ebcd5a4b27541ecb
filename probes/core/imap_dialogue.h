// Taking mail out of an IMAP folder, message by message, as "event in, action out": no sockets, no login, no clock.
// Next: exporter/report_imap.h, which performs the actions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/imap_response.h"

namespace mtasts {

/// What to do with whom. Folder names as the server knows them: ASCII, in modified UTF-7 (RFC 3501 section 5.1.3).
struct ImapPlan {
  std::string folder{"INBOX"};
  std::string done_folder{};        // of messages that were taken; "": they stay, marked
  std::string refused_folder{};     // of messages that were refused; "": the same
  std::size_t max_message_bytes{};  // more is not fetched; one octet more shows that there is more
};

/// What became of a message.
enum class ImapReceipt { taken, refused, not_stored };

enum class ImapActionKind { read, send, deliver, finish };

struct ImapAction {
  ImapActionKind kind{ImapActionKind::finish};
  std::string octets{};  // send, finish: to send, "" for nothing; deliver: the message
  std::uint32_t uid{};   // deliver
};

/// Why something did not work: `problem` is a sentence of ours, always the same for the same fault; `detail` is what
/// the server said; `remedy` is what to do.
struct ImapTrouble {
  std::string problem{};
  std::string detail{};
  std::string remedy{};

  [[nodiscard]] bool none() const { return problem.empty(); }
};
/// One line. The detail is bounded and printable, whatever the server said.
std::string to_string(const ImapTrouble& trouble);

struct ImapOutcome {
  ImapTrouble trouble{};
  std::size_t taken{};  // refused ones are not among them
  std::size_t refused{};
  std::size_t unreadable{};  // messages that the server could not give out; they stay
  bool not_stored{};         // a message could not be stored, and the rest was left for later
  bool cannot_move{};        // folders are named, but the server has neither MOVE nor UIDPLUS: messages stay, marked
};

/// Decides what to say next. Starts after the login. A message is taken first and moved then: whoever is killed in
/// between finds it again. Nothing is deleted but what was copied, and only by UID EXPUNGE, never by EXPUNGE, which
/// would remove what others marked. Source: RFC 9051; RFC 6851 (MOVE), RFC 4315 (UIDPLUS).
class ImapDialogue {
 public:
  explicit ImapDialogue(ImapPlan plan);

  ImapAction start();
  ImapAction on_response(ImapResponse response);
  ImapAction on_receipt(ImapReceipt receipt);
  /// The server broke a limit or the grammar.
  ImapAction on_broken();

  [[nodiscard]] const ImapOutcome& outcome() const { return outcome_; }

 private:
  enum class Step {
    capability,
    find_folder,
    create_folder,
    subscribe,
    select,
    list,
    fetch,
    move,
    copy,
    flag_deleted,
    expunge,
    mark,
    done
  };
  struct Listed {
    std::uint32_t uid{};
    bool marked{};
  };

  ImapAction say(Step step, const std::string& command);
  ImapAction stop(std::string problem, const std::string& detail, std::string remedy);
  ImapAction finish();
  void note_untagged(ImapResponse response);
  void note_status(const ImapStatusLine& line);
  void note_count(const ImapCount& count);
  void note_fetch(ImapFetch fetch);
  ImapAction on_tagged(const ImapStatusLine& line);
  ImapAction on_refusal(const ImapStatusLine& line);
  ImapAction on_done(const ImapStatusLine& line);

  ImapAction next_folder();
  ImapAction select();
  ImapAction on_selected(const ImapStatusLine& line);
  ImapAction list_window();
  ImapAction on_listed();
  ImapAction next_message();
  ImapAction on_fetched();
  ImapAction put_away();
  ImapAction move();
  ImapAction on_left(bool stays);

  bool can(std::string_view capability) const;
  bool can_move() const { return can("MOVE") || can("UIDPLUS"); }
  bool leaves_any() const;
  std::string mark_flag() const;
  std::string uid_command(std::string_view verb, std::string_view arguments) const;

  ImapPlan plan_;
  ImapOutcome outcome_{};
  Step step_{Step::done};
  unsigned tags_{};
  std::size_t said_bytes_{};  // by the server, since the last command
  std::vector<std::string> capabilities_{};
  std::deque<std::string> folders_{};  // that must be there and were not looked for yet
  bool keywords_{};                    // the server keeps keywords of our own
  std::uint32_t exists_{};             // messages in the folder
  std::uint32_t first_{1};             // sequence number of the first one that was not dealt with
  std::uint32_t last_uid_{};           // of the last one that was
  std::uint32_t window_end_{};         // sequence number
  std::deque<Listed> window_{};
  std::string body_{};
  bool body_came_{};
  std::string target_{};  // where the current message goes
};

}  // namespace mtasts
