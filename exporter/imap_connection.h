// A logged-in connection to an IMAP server, by libcurl: TLS or STARTTLS, certificate, login; then octets both ways.
// Next: imap_session.h, which speaks over it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "probes/core/imap_dialogue.h"

namespace mtasts {

struct ImapAccount {
  std::string host{};  // a name or an address
  std::uint16_t port{993};
  bool starttls{};        // false: TLS from the first octet. Without TLS there is no login either way
  std::string ca_file{};  // "": the system's trust store
  std::string user{};
  std::string password{};
};

/// Owned by one thread, which must have SIGPIPE blocked: OpenSSL writes without MSG_NOSIGNAL. Everything returns at its
/// deadline, and soon after interrupt(). No password appears in any trouble, even where a server sends it back.
class ImapConnection {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  ImapConnection();
  ~ImapConnection();
  ImapConnection(const ImapConnection&) = delete;
  ImapConnection& operator=(const ImapConnection&) = delete;

  ImapTrouble open(const ImapAccount& account, TimePoint deadline);
  ImapTrouble send(std::string_view octets, TimePoint deadline);
  /// Replaces `octets` by what has come, at least one; waits for it.
  ImapTrouble receive(std::string& octets, TimePoint deadline);
  void close();

  /// From any thread, for good: what waits returns, and nothing waits any more.
  void interrupt();
  [[nodiscard]] bool interrupted() const { return interrupted_; }

 private:
  struct Curl;
  bool wait_for(int events, TimePoint deadline);

  std::unique_ptr<Curl> curl_;
  std::atomic<bool> interrupted_{};
};

}  // namespace mtasts
