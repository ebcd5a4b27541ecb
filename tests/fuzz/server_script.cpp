// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/server_script.h"

#include <algorithm>

namespace mtasts::fuzz {
namespace {

using lab::DnsType;
using lab::Octets;

constexpr std::size_t kMostActions = 64;
constexpr std::size_t kMostAddresses = 8;
constexpr const char* kRecord = "v=STSv1; id=20260101T000000;";
constexpr const char* kReports = "v=TLSRPTv1; rua=mailto:a@example.test,https://reports.example.test/in";
constexpr const char* kAddress = "127.0.0.1";

Octets octets_of(const std::string& text) { return {text.begin(), text.end()}; }

lab::DnsAnswer with_record(lab::DnsAnswer answer, const std::string& name, DnsType type, Octets data) {
  answer.answers.push_back({.name = name, .type = type, .data = std::move(data)});
  return answer;
}

lab::DnsAnswer with_addresses(lab::DnsAnswer answer, const std::string& name, const std::string& octets) {
  for (std::size_t at = 0; at + 4 <= octets.size() && answer.answers.size() < kMostAddresses; at += 4)
    answer = with_record(std::move(answer), name, DnsType::a, octets_of(octets.substr(at, 4)));
  return answer;
}

}  // namespace

ServerScript::ServerScript(ScriptReader reader) {
  const std::uint8_t flags = reader.octet();
  authentic_ = (flags & 1U) == 0;
  refused_ = flags >> 1U;
  for (std::size_t i = 0; i < kMostActions && !reader.at_end(); ++i) {
    std::deque<Action>& track = actions_[reader.number(kTracks)];
    Action action{.move = reader.octet(), .number = reader.octet()};
    action.text = reader.text();
    track.push_back(std::move(action));
  }
}

std::optional<Action> ServerScript::next(Track track) {
  std::deque<Action>& actions = actions_[static_cast<std::size_t>(track)];
  if (actions.empty()) return std::nullopt;
  Action first = std::move(actions.front());
  actions.pop_front();
  return first;
}

bool ServerScript::refuses(Track track) const {
  const auto bit = static_cast<unsigned>(track) - static_cast<unsigned>(Track::https);
  return (refused_ >> bit & 1U) != 0;
}

Track track_of(const lab::DnsQuestion& question) {
  switch (static_cast<DnsType>(question.type)) {
    case DnsType::txt:
      return question.name.starts_with("_mta-sts.") ? Track::sts : Track::tlsrpt;
    case DnsType::mx:
      return Track::mx;
    case DnsType::a:
      return question.name == kPolicyHost ? Track::policy_address : Track::host_address;
    case DnsType::tlsa:
      return Track::tlsa;
    case DnsType::cname:
      return Track::alias;
    default:
      return Track::health;
  }
}

lab::DnsAnswer ServerScript::usual(const lab::DnsQuestion& question) const {
  const lab::DnsAnswer empty{.authentic = authentic_};
  switch (track_of(question)) {
    case Track::sts:
      return with_record(empty, question.name, DnsType::txt, lab::render_txt(kRecord));
    case Track::tlsrpt:
      return with_record(empty, question.name, DnsType::txt, lab::render_txt(kReports));
    case Track::mx:
      return with_record(empty, question.name, DnsType::mx, lab::render_mx(10, kMxHost));
    case Track::policy_address:
    case Track::host_address:
      return with_record(empty, question.name, DnsType::a, lab::render_address(kAddress));
    case Track::health:
      return with_record(empty, question.name, DnsType::soa, lab::render_soa());
    default:
      return empty;
  }
}

/// An answer whose records nobody has made sure of.
Octets ServerScript::with_header(const lab::DnsQuestion& question, std::uint16_t count,
                                 const std::string& section) const {
  Octets wire{static_cast<std::uint8_t>(question.id >> 8U), static_cast<std::uint8_t>(question.id & 0xffU)};
  const std::uint8_t authentic = authentic_ ? 0x20 : 0;
  wire.insert(wire.end(), {0x81, static_cast<std::uint8_t>(0x80 | authentic), 0, 1});
  wire.insert(wire.end(), {static_cast<std::uint8_t>(count >> 8U), static_cast<std::uint8_t>(count & 0xffU)});
  wire.insert(wire.end(), {0, 0, 0, 0});
  wire.insert(wire.end(), question.section.begin(), question.section.end());
  wire.insert(wire.end(), section.begin(), section.end());
  return wire;
}

std::optional<Octets> ServerScript::answer(const lab::DnsQuestion& question, const Action& action,
                                           bool over_udp) const {
  const std::string& text = action.text;
  lab::DnsAnswer made{.authentic = authentic_};
  switch (static_cast<DnsMove>(action.move % kDnsMoves)) {
    case DnsMove::records:
      return with_header(question, action.number, text);
    case DnsMove::code:
      made.code = static_cast<lab::DnsCode>(action.number & 15U);
      if (!text.empty()) made.extended_error = static_cast<lab::ExtendedError>(text.front());
      break;
    case DnsMove::silence:
      return std::nullopt;
    case DnsMove::raw: {
      Octets wire = with_header(question, 0, "");
      wire.resize(2);
      wire.insert(wire.end(), text.begin(), text.end());
      if (wire.size() > 2) wire[2] |= 0x80;
      return wire;
    }
    case DnsMove::stray:
      return octets_of(text);
    case DnsMove::txt:
      made = with_record(std::move(made), question.name, DnsType::txt, lab::render_txt(text));
      break;
    case DnsMove::exchange:
      made = with_record(std::move(made), question.name, DnsType::mx, lab::render_mx(action.number, text));
      break;
    case DnsMove::alias:
      made = with_record(std::move(made), question.name, DnsType::cname, lab::render_name(text));
      break;
    case DnsMove::addresses:
      made = with_addresses(std::move(made), question.name, text);
      break;
    case DnsMove::truncated:
      made.truncated = over_udp;
      break;
    case DnsMove::tlsa: {
      const auto digit = [&action](int place) { return static_cast<std::uint8_t>(action.number / place % 5); };
      made = with_record(std::move(made), question.name, DnsType::tlsa,
                         lab::render_tlsa(digit(25), digit(5), digit(1), octets_of(text)));
      break;
    }
    case DnsMove::cut: {
      Octets wire = lab::render_answer(question, usual(question), over_udp);
      wire.resize(std::min<std::size_t>(wire.size(), action.number));
      return wire;
    }
    case DnsMove::repeated: {
      const lab::DnsAnswer once = usual(question);
      for (unsigned i = 0; i < action.number; ++i)
        made.answers.insert(made.answers.end(), once.answers.begin(), once.answers.end());
      break;
    }
  }
  return lab::render_answer(question, made, over_udp);
}

std::vector<Octets> ServerScript::answers(const lab::DnsQuestion& question, bool over_udp) {
  std::vector<Octets> packets;
  while (true) {
    const std::optional<Action> action = next(track_of(question));
    if (!action) {
      packets.push_back(lab::render_answer(question, usual(question), over_udp));
      return packets;
    }
    std::optional<Octets> packet = answer(question, *action, over_udp);
    if (packet) packets.push_back(std::move(*packet));
    if (static_cast<DnsMove>(action->move % kDnsMoves) != DnsMove::stray) return packets;
  }
}

}  // namespace mtasts::fuzz
