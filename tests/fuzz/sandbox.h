// A prober without the outside: whatever address it connects to is this machine, and time passes only when nothing is
// left to do, so that silence costs nothing and no result depends on how busy the machine is.
// Next: server_fuzz.cpp and response_fuzz.cpp, which probe in it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include "probes/net/connection.h"
#include "tests/fuzz/expect.h"

namespace mtasts::fuzz {

/// The program's steady clock, which only a sandbox moves: a program that links this has no other.
std::chrono::steady_clock::time_point sandbox_time();

/// A socket on 127.0.0.1 that lives as long as the process: ports would run out if each input had its own.
class Listener {
 public:
  enum class Kind { udp, tcp, closed };  // closed: whoever connects is refused

  /// Input: 0 for any port.
  explicit Listener(Kind kind, std::uint16_t port = 0);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// 0 when it is another's.
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// A descriptor of its own for the same socket, from which what the last input left behind is gone.
  [[nodiscard]] int fresh() const;

 private:
  Kind kind_;
  int descriptor_;
  std::uint16_t port_{};
};

/// UDP and TCP at one port.
class DnsListeners {
 public:
  DnsListeners() {
    do {
      udp_.emplace(Listener::Kind::udp);
      tcp_.emplace(Listener::Kind::tcp, udp_->port());
    } while (tcp_->port() == 0);
  }

  [[nodiscard]] const Listener& udp() const { return *udp_; }
  [[nodiscard]] const Listener& tcp() const { return *tcp_; }

 private:
  std::optional<Listener> udp_{};
  std::optional<Listener> tcp_{};
};

/// One loop with a prober's network context.
class Sandbox {
 public:
  using Tcp = boost::asio::ip::tcp;
  using Session = std::function<boost::asio::awaitable<void>(Tcp::socket)>;

  /// Input: `now` is the prober's idea of the time.
  Sandbox(TlsContext& tls, UnixTime now);
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  [[nodiscard]] NetContext& net() { return net_; }
  [[nodiscard]] boost::asio::io_context& io() { return io_; }

  /// Has a session with everybody who connects. Input: outlives the sandbox.
  void serve(const Listener& listener, Session session);

  /// Runs the loop until `work` is done. A broken promise, if that takes longer than a minute of the sandbox's time.
  template <class T>
  T run(boost::asio::awaitable<T> work) {
    std::optional<T> result;
    boost::asio::co_spawn(io_, std::move(work), [&result](std::exception_ptr error, T value) {
      expect(error == nullptr);
      result = std::move(value);
    });
    turn_until([&result] { return result.has_value(); });
    return std::move(*result);
  }

 private:
  void turn_until(const std::function<bool()>& done);
  void pass_time();

  boost::asio::io_context io_{1};
  boost::asio::steady_timer nudge_{io_};
  LoopClock clock_{io_};
  HandshakeGate gate_{clock_};
  PeerLimits peers_{{}};
  NetContext net_;
};

}  // namespace mtasts::fuzz
