// SPDX-License-Identifier: Apache-2.0
#include "exporter/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "exporter/log.h"

namespace mtasts {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::optional<std::uint64_t> number_in(const char* name) {
  const std::string text = environment(name);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc{} && end == text.data() + text.size();
  return is_whole ? std::optional(number) : std::nullopt;
}

/// The watchdog may be meant for another process of the service.
std::optional<std::chrono::microseconds> interval_for_us() {
  const auto limit = number_in("WATCHDOG_USEC");
  const auto pid = number_in("WATCHDOG_PID");
  if (!limit || *limit == 0 || (pid && *pid != static_cast<std::uint64_t>(getpid()))) return std::nullopt;
  return std::chrono::microseconds{*limit / 2};
}

/// '@' stands for the NUL with which abstract names begin. Errors: the length 0 for a name that does not fit.
std::pair<sockaddr_un, socklen_t> address_of(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path) return {address, 0};
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name.front() == '@') address.sun_path[0] = '\0';
  return {address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())};
}

std::uint64_t monotonic_microseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

ServiceManager::ServiceManager() : socket_(environment("NOTIFY_SOCKET")) {
  if (!socket_.empty()) watchdog_interval_ = interval_for_us();
}

void ServiceManager::reloading() const {
  say("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_microseconds()));
}

void ServiceManager::status(std::string_view words) const { say("STATUS=" + std::string(words)); }

void ServiceManager::say(std::string_view state) const {
  if (socket_.empty()) return;
  const auto [address, size] = address_of(socket_);
  const int descriptor = size == 0 ? -1 : socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  const ssize_t sent = sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                              reinterpret_cast<const sockaddr*>(&address), size);
  if (sent < 0)
    log_warn("the service manager cannot be told", {{"state", std::string(state)}, {"error", std::strerror(errno)}});
  close(descriptor);
}

bool Pulse::felt() {
  if (*awaited_ > 0) return false;
  *awaited_ = loops_.size();
  for (const Post& post : loops_) {
    post([awaited = awaited_] { --*awaited; });
  }
  return true;
}

}  // namespace mtasts
