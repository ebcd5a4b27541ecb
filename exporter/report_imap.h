// Reports from mailboxes: one thread for each mailbox visits it at its interval, and more slowly while that fails.
// Next: imap_session.h, one such visit; report_intake.h, which takes what is found.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "exporter/config.h"
#include "exporter/imap_session.h"
#include "exporter/report_arrival.h"

namespace mtasts {

/// How long to wait after a visit. Input: how many visits have failed in a row.
std::chrono::milliseconds imap_pause(unsigned failures, std::chrono::milliseconds poll_interval);

struct ImapOptions {
  TakeReport take{};
  ImapLimits limits{};
  /// Once per change and mailbox, from its thread: what is wrong and what to do, "" when the mailbox works (again).
  std::function<void(const TlsrptImapConfig& mailbox, const std::string& problem)> on_trouble{};
  /// Something that an administrator should know and that stops nothing; said as `on_trouble` is.
  std::function<void(const TlsrptImapConfig& mailbox, const std::string& note)> on_note{};
  /// Do all mailboxes work? nullopt: there is none. Once per change, first when that is known of one that fails or of
  /// all. Called under a lock: it must not call back.
  std::function<void(std::optional<bool> works)> on_state{};
};

/// set_mailboxes() and stop() are safe from any thread.
class ReportImap {
 public:
  explicit ReportImap(ImapOptions options);
  ~ReportImap();
  ReportImap(const ReportImap&) = delete;
  ReportImap& operator=(const ReportImap&) = delete;

  /// From now on these. Mailboxes that stay as they were are visited at once, too: a reload is how an administrator
  /// says that something was repaired. Waits for visits of mailboxes that go, which end within moments.
  void set_mailboxes(const std::vector<TlsrptImapConfig>& mailboxes);
  /// Ends every visit, also one that waits for a silent server. A message that is being taken is taken.
  void stop();

 private:
  class Mailbox;
  using Mailboxes = std::vector<std::unique_ptr<Mailbox>>;
  Mailboxes exchange_mailboxes(const std::vector<TlsrptImapConfig>& mailboxes);
  std::unique_ptr<Mailbox> kept_or_new(const TlsrptImapConfig& config);
  void note_state();

  ImapOptions options_;
  std::mutex set_mutex_{};
  std::mutex state_mutex_{};  // taken after set_mutex_, never before it; mailboxes_ changes under both
  Mailboxes mailboxes_{};
  enum class State { unknown, working, failing };
  std::optional<bool> works_{};
  bool stopping_{};
};

}  // namespace mtasts
