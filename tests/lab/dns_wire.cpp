// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/dns_wire.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cctype>

namespace mtasts::lab {
namespace {

constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kPlainUdpSize = 512;  // RFC 1035 section 2.3.4
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxString = 255;
constexpr std::uint32_t kTtl = 60;
constexpr std::uint16_t kClassIn = 1;
constexpr std::uint16_t kEdnsSize = 1232;
constexpr std::uint16_t kExtendedErrorOption = 15;  // RFC 8914 section 5.1

/// Reads big-endian integers, and remembers when the message was too short.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> message) : message_{message} {}

  std::uint8_t octet() {
    if (at_ >= message_.size()) {
      good_ = false;
      return 0;
    }
    return message_[at_++];
  }
  std::uint16_t number() {
    const unsigned high = octet();
    return static_cast<std::uint16_t>(high << 8 | octet());
  }
  std::string name();
  std::size_t at() const { return at_; }
  bool good() const { return good_; }

 private:
  std::span<const std::uint8_t> message_;
  std::size_t at_{};
  bool good_{true};
};

std::string Reader::name() {
  std::string text;
  for (std::size_t length = octet(); good_ && length != 0; length = octet()) {
    if (length > kMaxLabel) good_ = false;  // a query has nothing to point to
    if (!text.empty()) text += '.';
    for (std::size_t i = 0; good_ && i < length; ++i) text += static_cast<char>(std::tolower(octet()));
  }
  return text;
}

void put(Octets& out, std::uint16_t number) {
  out.push_back(static_cast<std::uint8_t>(number >> 8));
  out.push_back(static_cast<std::uint8_t>(number));
}

void put(Octets& out, const Octets& more) { out.insert(out.end(), more.begin(), more.end()); }

void put(Octets& out, const DnsRecord& record) {
  put(out, render_name(record.name));
  put(out, static_cast<std::uint16_t>(record.type));
  put(out, kClassIn);
  put(out, static_cast<std::uint16_t>(kTtl >> 16));
  put(out, static_cast<std::uint16_t>(kTtl));
  put(out, static_cast<std::uint16_t>(record.data.size()));
  put(out, record.data);
}

void put_opt(Octets& out, const std::optional<ExtendedError>& error) {
  out.push_back(0);
  put(out, static_cast<std::uint16_t>(DnsType::opt));
  put(out, kEdnsSize);
  for (int i = 0; i < 4; ++i) out.push_back(0);  // extended code, version, flags
  put(out, static_cast<std::uint16_t>(error ? 6 : 0));
  if (!error) return;
  for (const std::uint16_t field : {kExtendedErrorOption, std::uint16_t{2}, static_cast<std::uint16_t>(*error)})
    put(out, field);
}

Octets render(const DnsQuestion& question, const DnsAnswer& answer) {
  constexpr std::uint16_t kResponseFlags = 0x8180;  // QR, RD, RA
  constexpr std::uint16_t kTruncated = 0x0200;
  constexpr std::uint16_t kAuthentic = 0x0020;
  Octets out;
  put(out, question.id);
  put(out, static_cast<std::uint16_t>(kResponseFlags | (answer.truncated ? kTruncated : 0) |
                                      (answer.authentic ? kAuthentic : 0) | static_cast<std::uint16_t>(answer.code)));
  put(out, std::uint16_t{1});
  put(out, static_cast<std::uint16_t>(answer.answers.size()));
  put(out, static_cast<std::uint16_t>(answer.authority.size()));
  put(out, static_cast<std::uint16_t>(question.edns ? 1 : 0));
  put(out, question.section);
  for (const auto& record : answer.answers) put(out, record);
  for (const auto& record : answer.authority) put(out, record);
  if (question.edns) put_opt(out, answer.extended_error);
  return out;
}

}  // namespace

std::optional<DnsQuestion> parse_query(std::span<const std::uint8_t> message) {
  Reader reader{message};
  DnsQuestion question;
  question.id = reader.number();
  const std::uint16_t flags = reader.number();
  const bool is_query = (flags & 0xf800) == 0;  // QR 0, opcode QUERY
  question.checking_disabled = (flags & 0x0010) != 0;
  const bool one_question = reader.number() == 1;
  reader.number();
  reader.number();
  const bool has_additional = reader.number() > 0;
  question.name = reader.name();
  question.type = reader.number();
  reader.number();
  if (!reader.good() || !is_query || !one_question) return std::nullopt;
  question.section.assign(message.begin() + kHeaderSize, message.begin() + static_cast<std::ptrdiff_t>(reader.at()));
  if (!has_additional) return question;
  reader.name();
  if (reader.number() == static_cast<std::uint16_t>(DnsType::opt)) question.edns = reader.number();
  return question;
}

Octets render_answer(const DnsQuestion& question, const DnsAnswer& answer, bool over_udp) {
  Octets whole = render(question, answer);
  const std::size_t limit = std::max(question.edns.value_or(kPlainUdpSize), kPlainUdpSize);
  if (!over_udp || whole.size() <= limit) return whole;
  DnsAnswer cut;
  cut.code = answer.code;
  cut.truncated = true;
  return render(question, cut);
}

Octets render_name(const std::string& name) {
  Octets out;
  std::size_t start = 0;
  while (start < name.size()) {
    const std::size_t end = std::min(name.find('.', start), name.size());
    out.push_back(static_cast<std::uint8_t>(std::min(end - start, kMaxLabel)));
    out.insert(out.end(), name.begin() + static_cast<std::ptrdiff_t>(start),
               name.begin() + static_cast<std::ptrdiff_t>(end));
    start = end + 1;
  }
  out.push_back(0);
  return out;
}

Octets render_address(const std::string& address) {
  const auto parsed = boost::asio::ip::make_address(address);
  if (parsed.is_v4()) {
    const auto bytes = parsed.to_v4().to_bytes();
    return {bytes.begin(), bytes.end()};
  }
  const auto bytes = parsed.to_v6().to_bytes();
  return {bytes.begin(), bytes.end()};
}

Octets render_mx(std::uint16_t preference, const std::string& host) {
  Octets out;
  put(out, preference);
  put(out, render_name(host));
  return out;
}

Octets render_txt(const std::string& text) {
  Octets out;
  std::size_t start = 0;
  do {
    const std::string part = text.substr(start, kMaxString);
    out.push_back(static_cast<std::uint8_t>(part.size()));
    out.insert(out.end(), part.begin(), part.end());
    start += kMaxString;
  } while (start < text.size());
  return out;
}

Octets render_tlsa(std::uint8_t usage, std::uint8_t selector, std::uint8_t matching_type, const Octets& data) {
  Octets out{usage, selector, matching_type};
  put(out, data);
  return out;
}

Octets render_soa() {
  Octets out = render_name("ns.lab.test");
  put(out, render_name("hostmaster.lab.test"));
  for (const std::uint16_t low : {1, 3600, 900, 3600, 60}) {  // serial, refresh, retry, expire, minimum
    put(out, std::uint16_t{0});
    put(out, low);
  }
  return out;
}

}  // namespace mtasts::lab
