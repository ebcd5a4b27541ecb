// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

namespace mtasts::fuzz {
namespace {

namespace asio = boost::asio;
using SteadyTime = std::chrono::steady_clock::time_point;

// Any time but 0, which asks nothing of code that subtracts.
constinit SteadyTime current_time{std::chrono::hours{1000}};

// The prober's loop measures its own lateness by this tick; a longer step would look like it.
constexpr std::chrono::milliseconds kStep{20};
constexpr std::size_t kMostSteps = 3000;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

asio::awaitable<void> accept_all(Sandbox::Tcp::acceptor acceptor, Sandbox::Session session) {
  while (true) {
    auto [error, client] = co_await acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    client.set_option(Sandbox::Tcp::no_delay(true), error);
    asio::co_spawn(acceptor.get_executor(), session(std::move(client)), asio::detached);
  }
}

}  // namespace

SteadyTime sandbox_time() { return current_time; }

Listener::Listener(Kind kind, std::uint16_t port)
    : kind_(kind),
      descriptor_(socket(AF_INET, (kind == Kind::udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  constexpr int kBacklog = 64;
  sockaddr_in address = loopback(port);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (bind(descriptor_, any, size) != 0 || (kind == Kind::tcp && listen(descriptor_, kBacklog) != 0)) return;
  expect(getsockname(descriptor_, any, &size) == 0);
  port_ = ntohs(address.sin_port);
}

Listener::~Listener() { close(descriptor_); }

int Listener::fresh() const {
  std::array<char, 16> unread{};
  if (kind_ == Kind::tcp) {
    for (int client = 0; (client = accept(descriptor_, nullptr, nullptr)) >= 0;) close(client);
  } else {
    while (recv(descriptor_, unread.data(), unread.size(), 0) >= 0) continue;
  }
  const int copy = fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  expect(copy >= 0);
  return copy;
}

Sandbox::Sandbox(TlsContext& tls, UnixTime now)
    : net_{.clock = clock_, .gate = gate_, .peers = peers_, .tls = tls, .now = [now] { return now; }} {
  net_.allow_private = true;
}

void Sandbox::serve(const Listener& listener, Session session) {
  Tcp::acceptor acceptor(io_, Tcp::v4(), listener.fresh());
  asio::co_spawn(io_, accept_all(std::move(acceptor), std::move(session)), asio::detached);
}

void Sandbox::turn_until(const std::function<bool()>& done) {
  io_.restart();
  for (std::size_t steps = 0; !done();) {
    if (io_.poll() > 0 || io_.poll() > 0) continue;  // what was sent by the last handlers is there by now
    expect(++steps <= kMostSteps);
    pass_time();
  }
}

/// Asio has the kernel wait for the next timer, in the kernel's time. A timer that is earlier than all others makes it
/// look at them at once.
void Sandbox::pass_time() {
  current_time += kStep;
  bool looked = false;
  nudge_.expires_at(SteadyTime::min());
  nudge_.async_wait([&looked](const boost::system::error_code&) { looked = true; });
  while (!looked) io_.poll();
}

}  // namespace mtasts::fuzz

std::chrono::steady_clock::time_point std::chrono::steady_clock::now() noexcept { return mtasts::fuzz::sandbox_time(); }

/// Stands before that of the C library. Scripts choose the addresses that the prober connects to; none is reached.
extern "C" int connect(int descriptor, const sockaddr* address, socklen_t size) {
  sockaddr_in target{};
  if (address->sa_family != AF_INET || size < sizeof target) {
    errno = ECONNREFUSED;
    return -1;
  }
  std::memcpy(&target, address, sizeof target);
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return static_cast<int>(syscall(SYS_connect, descriptor, &target, sizeof target));
}
