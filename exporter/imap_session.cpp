// SPDX-License-Identifier: Apache-2.0
#include "exporter/imap_session.h"

#include <algorithm>
#include <string>
#include <utility>

#include "exporter/file_text.h"
#include "probes/core/imap_response.h"
#include "probes/core/octets.h"

namespace mtasts {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxPasswordBytes = 4096;

/// The password of the file as it is now, so that a new one works without a restart. Errors: in the trouble.
ImapTrouble read_password(const std::string& path, std::string& password) {
  FileText file = read_file_text(path, kMaxPasswordBytes);
  if (!file.fault.empty()) return {"password_file cannot be read", file.fault, ""};
  while (file.text.ends_with('\n') || file.text.ends_with('\r')) file.text.pop_back();
  if (file.text.empty() || !all_of(file.text, [](char c) { return !is_control(c); })) {
    return {"password_file holds no password", "", "write the password as its one line"};
  }
  password = std::move(file.text);
  return {};
}

class Visit {
 public:
  Visit(const TlsrptImapConfig& mailbox, const TakeReport& take, const ImapLimits& limits, ImapConnection& connection)
      : mailbox_(mailbox),
        take_(take),
        limits_(limits),
        connection_(connection),
        dialogue_({.folder = mailbox.folder,
                   .done_folder = mailbox.done_folder,
                   .refused_folder = mailbox.refused_folder,
                   .max_message_bytes = limits.max_message_bytes}),
        reader_(limits.max_message_bytes + 1) {}

  ImapVisit run() {
    visit_.outcome.trouble = log_in();
    if (visit_.outcome.trouble.none()) converse();
    connection_.close();
    return std::move(visit_);
  }

 private:
  ImapTrouble log_in() {
    ImapAccount account{.host = mailbox_.host,
                        .port = mailbox_.port,
                        .starttls = mailbox_.starttls,
                        .ca_file = mailbox_.ca_file,
                        .user = mailbox_.user};
    ImapTrouble trouble = read_password(mailbox_.password_file, account.password);
    return trouble.none() ? connection_.open(account, Clock::now() + limits_.login) : trouble;
  }

  void converse() {
    ImapAction action = dialogue_.start();
    while (action.kind != ImapActionKind::finish && broken_off_.none() && !visit_.more) action = perform(action);
    visit_.outcome = dialogue_.outcome();
    if (!broken_off_.none()) visit_.outcome.trouble = broken_off_;
    // Politeness: whether the farewell arrives does not matter.
    if (broken_off_.none()) connection_.send(action.octets, Clock::now() + limits_.silence);
  }

  ImapAction perform(const ImapAction& action) {
    if (action.kind == ImapActionKind::deliver) return deliver(action);
    if (action.kind == ImapActionKind::read) return hear();
    if (Clock::now() > session_end_) {
      visit_.more = true;
      return {};
    }
    command_end_ = Clock::now() + limits_.command;
    broken_off_ = connection_.send(action.octets, command_end_);
    return broken_off_.none() ? hear() : ImapAction{};
  }

  ImapAction deliver(const ImapAction& action) {
    const Arrival arrival{.channel = ReportChannel::imap,
                          .name = mailbox_.server + "/" + mailbox_.folder + "/" + std::to_string(action.uid)};
    return dialogue_.on_receipt(receipt_of(take_(action.octets, arrival)));
  }

  /// The next response, and what to do about it.
  ImapAction hear() {
    ImapReader::Status status = reader_.feed({});
    while (status == ImapReader::Status::incomplete) {
      broken_off_ = connection_.receive(piece_, std::min(command_end_, Clock::now() + limits_.silence));
      if (!broken_off_.none()) return {};
      status = reader_.feed(piece_);
    }
    return status == ImapReader::Status::complete ? dialogue_.on_response(reader_.take()) : dialogue_.on_broken();
  }

  const TlsrptImapConfig& mailbox_;
  const TakeReport& take_;
  const ImapLimits& limits_;
  ImapConnection& connection_;
  ImapDialogue dialogue_;
  ImapReader reader_;
  ImapVisit visit_{};
  ImapTrouble broken_off_{};
  std::string piece_{};
  Clock::time_point session_end_{Clock::now() + limits_.session};
  Clock::time_point command_end_{};
};

}  // namespace

ImapReceipt receipt_of(const IntakeResult& result) {
  if (!result.stored) return ImapReceipt::not_stored;
  return is_refused(result) ? ImapReceipt::refused : ImapReceipt::taken;
}

ImapVisit visit_mailbox(const TlsrptImapConfig& mailbox, const TakeReport& take, const ImapLimits& limits,
                        ImapConnection& connection) {
  return Visit(mailbox, take, limits, connection).run();
}

}  // namespace mtasts
