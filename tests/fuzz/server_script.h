// A script that plays everything a prober talks to: DNS, the policy host, an MX host. Where it says nothing, all is as
// it should be, so that each of its actions is one thing that goes wrong. Next: server_peer.h for a connection's side
// of it; server_fuzz.cpp, which probes what it plays.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "tests/fuzz/script_reader.h"
#include "tests/lab/dns_wire.h"

namespace mtasts::fuzz {

constexpr const char* kDomain = "example.test";
constexpr const char* kPolicyHost = "mta-sts.example.test";
constexpr const char* kMxHost = "mx.example.test";
constexpr const char* kReportHost = "reports.example.test";

/// Whom an action is for: questions of one kind, or connections to one port.
enum class Track : std::uint8_t {
  sts,
  tlsrpt,
  mx,
  policy_address,
  host_address,
  tlsa,
  alias,
  health,
  https,
  smtp,
  http
};
constexpr std::size_t kTracks = 11;

/// What DNS does with a question, in the place of the usual answer. `number` and `text` are the action's.
enum class DnsMove : std::uint8_t {
  records,    // that many records, whose octets are the text
  code,       // a response code, with an extended error if there is a text (RFC 8914)
  silence,    // nothing
  raw,        // right id and QR, then the text
  stray,      // a packet that is the text; the next action is for the same question
  txt,        // the text as one string set
  exchange,   // an MX record of that preference and name
  alias,      // a CNAME to that name
  addresses,  // A records, of four octets of text each
  truncated,  // TC; the next action is for the question over TCP
  tlsa,       // usage, selector and matching type by the number's digits to base 5, and data
  cut,        // so many octets of the usual answer
  repeated    // the usual records so many times
};
constexpr std::size_t kDnsMoves = 13;

/// What a server does with a connection.
enum class TcpMove : std::uint8_t {
  say,        // the text, inside TLS once that has begun; HTTPS begins with it
  pour,       // the text again and again
  listen,     // waits for something from the client
  start_tls,  // a handshake, with the kind of certificate of that number
  raw,        // the text, beneath TLS
  end,        // in the way of that number: see Ending
  limit,      // ends after so many octets more, in the way that the text's first octet says
  pieces,     // sends so many octets at a time from now on
  corrupt,    // flips bits of the octet that comes so many octets later
  usual       // goes on as usual; what follows is for the next connection
};
constexpr std::size_t kTcpMoves = 10;

/// polite: close_notify if there is TLS, and FIN; cut: FIN alone; reset: RST; silence: stays and says nothing more.
enum class Ending : std::uint8_t { polite, cut, reset, silence };
constexpr std::size_t kEndings = 4;

struct Action {
  std::uint8_t move{};
  std::uint8_t number{};
  std::string text{};
};

class ServerScript {
 public:
  explicit ServerScript(ScriptReader reader);

  /// Takes the next action for a track; nullopt where there is none left.
  std::optional<Action> next(Track track);

  /// Is nobody there on this track's port?
  [[nodiscard]] bool refuses(Track track) const;

  /// The packets that answer a question, none for silence.
  std::vector<lab::Octets> answers(const lab::DnsQuestion& question, bool over_udp);

 private:
  std::optional<lab::Octets> answer(const lab::DnsQuestion& question, const Action& action, bool over_udp) const;
  [[nodiscard]] lab::DnsAnswer usual(const lab::DnsQuestion& question) const;
  [[nodiscard]] lab::Octets with_header(const lab::DnsQuestion& question, std::uint16_t count,
                                        const std::string& section) const;

  bool authentic_{};
  std::uint8_t refused_{};  // a bit for each of https, smtp and http
  std::array<std::deque<Action>, kTracks> actions_{};
};

/// Which track a question belongs to.
Track track_of(const lab::DnsQuestion& question);

}  // namespace mtasts::fuzz
