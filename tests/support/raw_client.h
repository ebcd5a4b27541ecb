// An HTTP client that can be as ill-behaved as a test wants.
// Next: tests/integration/http_server_test.cpp.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

namespace mtasts::test {

/// A TCP connection that does only what it is told. Input: `source` is the loopback address that it comes from.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port, const char* source = "127.0.0.1")
      : socket_{::socket(AF_INET, SOCK_STREAM, 0)} {
    sockaddr_in from{};
    from.sin_family = AF_INET;
    inet_pton(AF_INET, source, &from.sin_addr);
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(port);
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::bind(socket_, reinterpret_cast<sockaddr*>(&from), sizeof from) == 0 && connect_to(server);
    const timeval limit{60, 0};  // on a machine that is busy with something else, too
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  void send(std::string_view text) const { ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL); }
  /// Says that nothing more is sent.
  void end() const { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  /// Everything until the server closes the connection.
  std::string read_all() {
    std::string out;
    std::array<char, 4096> part{};
    ssize_t octets = 0;
    while ((octets = receive(part.data(), part.size())) > 0) {
      out.append(part.data(), static_cast<std::size_t>(octets));
    }
    closed_ = octets == 0;
    return out;
  }
  /// What comes up to `end`, and no octet more.
  std::string read_until(std::string_view end) const {
    std::string out;
    char octet = 0;
    while (!out.ends_with(end) && receive(&octet, 1) == 1) out += octet;
    return out;
  }
  /// Was it the server that ended read_all()?
  bool closed() const { return closed_; }

 private:
  /// A fuzzer has a timer, whose signal ends what waits. Then the connection is still being made (connect(2)).
  bool connect_to(const sockaddr_in& server) const {
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&server), sizeof server) == 0) return true;
    if (errno != EINTR) return false;
    pollfd made{socket_, POLLOUT, 0};
    while (::poll(&made, 1, -1) < 0 && errno == EINTR) continue;
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
  }
  /// Begins again after a signal.
  ssize_t receive(char* room, std::size_t size) const {
    ssize_t octets = 0;
    do {
      octets = ::recv(socket_, room, size, 0);
    } while (octets < 0 && errno == EINTR);
    return octets;
  }

  int socket_;
  bool connected_{};
  bool closed_{};
};

}  // namespace mtasts::test
