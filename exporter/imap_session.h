// One visit to a mailbox: log in, hand every message to the intake, put it away, log out.
// Next: report_imap.h, which visits again and again.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

#include "exporter/config.h"
#include "exporter/imap_connection.h"
#include "exporter/report_arrival.h"
#include "probes/core/imap_dialogue.h"

namespace mtasts {

struct ImapLimits {
  std::size_t max_message_bytes{std::size_t{32} * 1024 * 1024};  // the reader's own limit
  std::chrono::milliseconds login{std::chrono::minutes{1}};
  std::chrono::milliseconds silence{std::chrono::minutes{1}};
  std::chrono::milliseconds command{std::chrono::minutes{10}};  // from a command to the end of its answer
  std::chrono::milliseconds session{std::chrono::hours{1}};     // after that no further command is given
};

struct ImapVisit {
  ImapOutcome outcome{};
  bool more{};  // the time was up before the folder was empty
};

/// Visits once. Errors: in the outcome; none thrown but what `take` throws. Returns soon after connection.interrupt(),
/// with the message that `take` has at that moment taken.
ImapVisit visit_mailbox(const TlsrptImapConfig& mailbox, const TakeReport& take, const ImapLimits& limits,
                        ImapConnection& connection);

/// What becomes of a message: see is_refused().
ImapReceipt receipt_of(const IntakeResult& result);

}  // namespace mtasts
