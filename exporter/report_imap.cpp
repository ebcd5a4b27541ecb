// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_imap.h"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include "exporter/imap_connection.h"

namespace mtasts {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kFirstRetry = 30s;
constexpr std::chrono::milliseconds kLongestRetry = 1h;

/// OpenSSL writes to a socket that the server may have closed.
void block_sigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

std::string note_of(const ImapOutcome& outcome) {
  if (outcome.cannot_move) {
    return "the server can neither MOVE (RFC 6851) nor UIDPLUS (RFC 4315): messages stay in their folder, marked as "
           "taken";
  }
  if (outcome.unreadable == 0) return "";
  return "the server cannot give out some messages, which stay where they are; look at its log";
}

}  // namespace

std::chrono::milliseconds imap_pause(unsigned failures, std::chrono::milliseconds poll_interval) {
  if (failures == 0) return poll_interval;
  constexpr unsigned kMostDoublings = 10;
  const std::chrono::milliseconds pause = kFirstRetry * (1U << std::min(failures - 1, kMostDoublings));
  return std::min(pause, std::max(kLongestRetry, poll_interval));
}

class ReportImap::Mailbox {
 public:
  Mailbox(TlsrptImapConfig config, ReportImap& owner) : config_(std::move(config)), owner_(owner) {}
  ~Mailbox() {
    ask_to_stop();
    if (thread_.joinable()) thread_.join();
  }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Errors: said as trouble; a reload tries again.
  void start_or_visit() {
    if (thread_.joinable()) return wake();
    try {
      thread_ = std::thread([this] { run(); });
    } catch (const std::system_error& error) {
      tell(
          {.trouble = {"there is no thread for the mailbox", error.what(), "raise the limit of threads, then reload"}});
    }
  }
  void ask_to_stop() {
    connection_.interrupt();
    wake();
  }

  const TlsrptImapConfig& config() const { return config_; }
  State state() const { return state_; }  // under the owner's state_mutex_

 private:
  void wake() {
    const std::lock_guard lock(mutex_);
    due_ = true;
    changed_.notify_one();
  }

  void run() {
    block_sigpipe();
    unsigned failures = 0;
    while (!connection_.interrupted()) {
      const ImapVisit visit = try_visit();
      if (connection_.interrupted()) return;
      const ImapOutcome& outcome = visit.outcome;
      tell(outcome);
      failures = outcome.trouble.none() && !outcome.not_stored ? 0 : failures + 1;
      if (!visit.more) wait(imap_pause(failures, config_.poll_interval));
    }
  }

  ImapVisit try_visit() {
    try {
      return visit_mailbox(config_, owner_.options_.take, owner_.options_.limits, connection_);
    } catch (const std::exception& error) {
      connection_.close();
      ImapVisit visit;
      visit.outcome.trouble = {"a message could not be taken", error.what(), "the next try comes by itself"};
      return visit;
    }
  }

  /// The first thing said of a mailbox is said even when it is good.
  void tell(const ImapOutcome& outcome) {
    const ImapOptions& options = owner_.options_;
    if (options.on_trouble && (!told_ || outcome.trouble.problem != problem_)) {
      options.on_trouble(config_, to_string(outcome.trouble));
    }
    told_ = true;
    problem_ = outcome.trouble.problem;
    const std::string note = note_of(outcome);
    if (options.on_note && !note.empty() && note != note_) options.on_note(config_, note);
    if (outcome.trouble.none()) note_ = note;
    const std::lock_guard lock(owner_.state_mutex_);
    state_ = outcome.trouble.none() ? State::working : State::failing;
    owner_.note_state();
  }

  void wait(std::chrono::milliseconds pause) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, pause, [this] { return due_; });
    due_ = connection_.interrupted();
  }

  const TlsrptImapConfig config_;
  ReportImap& owner_;
  ImapConnection connection_{};
  std::mutex mutex_{};
  std::condition_variable changed_{};
  bool due_{};
  bool told_{};
  std::string problem_{};
  std::string note_{};
  State state_{State::unknown};
  std::thread thread_{};
};

ReportImap::ReportImap(ImapOptions options) : options_(std::move(options)) {}

ReportImap::~ReportImap() { stop(); }

/// Under state_mutex_.
void ReportImap::note_state() {
  const auto any = [this](State state) {
    return std::any_of(mailboxes_.begin(), mailboxes_.end(),
                       [state](const auto& box) { return box->state() == state; });
  };
  std::optional<bool> works = any(State::unknown) ? works_ : true;
  if (any(State::failing)) works = false;
  if (mailboxes_.empty()) works.reset();
  if (stopping_ || works == std::exchange(works_, works) || !options_.on_state) return;
  options_.on_state(works);
}

/// Takes the mailbox of the same configuration out of mailboxes_, if there is one.
std::unique_ptr<ReportImap::Mailbox> ReportImap::kept_or_new(const TlsrptImapConfig& config) {
  const auto same = std::find_if(mailboxes_.begin(), mailboxes_.end(),
                                 [&](const auto& box) { return box && box->config() == config; });
  return same != mailboxes_.end() ? std::move(*same) : std::make_unique<Mailbox>(config, *this);
}

/// Returns the mailboxes that go.
ReportImap::Mailboxes ReportImap::exchange_mailboxes(const std::vector<TlsrptImapConfig>& mailboxes) {
  const std::lock_guard lock(state_mutex_);
  Mailboxes next;
  for (const TlsrptImapConfig& config : mailboxes) next.push_back(kept_or_new(config));
  Mailboxes gone = std::exchange(mailboxes_, std::move(next));
  gone.erase(std::remove(gone.begin(), gone.end(), nullptr), gone.end());
  note_state();
  return gone;
}

void ReportImap::set_mailboxes(const std::vector<TlsrptImapConfig>& mailboxes) {
  const std::lock_guard one_at_a_time(set_mutex_);
  Mailboxes gone = exchange_mailboxes(mailboxes);
  for (const auto& box : gone) box->ask_to_stop();
  gone.clear();  // only now a visitor of the same mailbox may come
  for (const auto& box : mailboxes_) box->start_or_visit();
}

void ReportImap::stop() {
  {
    const std::lock_guard lock(state_mutex_);
    stopping_ = true;
  }
  set_mailboxes({});
}

}  // namespace mtasts
