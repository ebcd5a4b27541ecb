// The web configuration file of the Prometheus exporter toolkit: TLS, headers and basic authentication.
// Next: http_server.h, which serves with it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/config.h"
#include "exporter/web_tls.h"

namespace mtasts {

/// How often all clients together may ask.
struct RequestRate {
  std::chrono::milliseconds interval{};  // between two requests, in the long run
  std::size_t burst{};                   // at once
};

struct WebConfig {
  std::optional<WebTls> tls{};                   // nullopt: clear text
  std::map<std::string, std::string> headers{};  // sent with every response
  std::map<std::string, std::string> users{};    // name to bcrypt hash; empty: nobody is asked
  std::optional<RequestRate> rate{};             // nullopt: no limit
};

/// `config` is there exactly when `problems` is empty.
struct WebConfigResult {
  std::optional<WebConfig> config{};
  std::vector<ConfigProblem> problems{};
  std::vector<ConfigProblem> warnings{};
};

/// Reads and checks the file, and the TLS files that it names. A file without an octet is an error: it is a pipe that
/// was read before, or somebody is writing it. Errors: all at once, in the result.
WebConfigResult load_web_config(const std::string& path);

/// Differs when a TLS file that the configuration names was written or replaced.
std::string tls_files_fingerprint(const WebConfig& config);

/// What a running exporter would lose with the next configuration, as a sentence: TLS, the last user, or what clients
/// have to show. "" for nothing. A file that was cut in the middle must not open the door.
std::string protection_lost(const WebConfig& running, const WebConfig& next);

/// The same from text, without touching the file system.
WebConfigResult parse_web_config(std::string_view text, const std::string& file, const std::string& base_directory);

/// Every key that parse_web_config knows, dotted.
std::vector<std::string> known_web_config_keys();

/// Takes the same time wherever two texts of one length differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

/// Decides who may come in. Thread safe. What verified once is remembered as a keyed digest, since bcrypt is slow by
/// design; an unknown user costs as much time as a wrong password.
class BasicAuth {
 public:
  explicit BasicAuth(std::map<std::string, std::string> users);

  /// Input: the value of the Authorization header, any octets. Source: RFC 7617.
  bool admits(std::string_view authorization);
  /// Did it admit that value before? Takes microseconds.
  bool remembers(std::string_view authorization);

 private:
  using Digest = std::array<unsigned char, 32>;

  Digest digest_of(std::string_view credentials) const;
  bool is_remembered(const Digest& digest);
  void remember(const Digest& digest);

  std::map<std::string, std::string> users_;
  std::string unknown_user_hash_;  // as costly as the users' own
  Digest key_{};
  std::mutex mutex_{};
  std::set<Digest> verified_{};
};

}  // namespace mtasts
