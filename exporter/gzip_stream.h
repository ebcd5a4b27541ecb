// Text to gzip, piece by piece, and pieces that are deflated once and sent often; gunzip.h is for what comes in.
// Next: http_server.h, which sends it; block_text.h, which keeps pieces.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mtasts {

/// Text in whole blocks of deflate (RFC 1951), none of them the last: begins and ends with an octet and refers to
/// nothing before it, so it may stand anywhere in a member.
struct Deflated {
  std::string octets{};
  std::size_t text_octets{};  // of the text, below 4 GiB
  std::uint32_t crc{};        // of the text (RFC 1952 section 8)
  std::uint32_t crc_step{};   // what makes the CRC of a text and this one behind it of their two
};

/// At level 1, the level that costs least CPU. Nothing of an empty text. Input: below 4 GiB.
/// Errors: std::bad_alloc.
Deflated deflated(std::string_view text);

/// One gzip member (RFC 1952). Errors of all functions: std::bad_alloc.
class GzipStream {
 public:
  GzipStream();

  void add(std::string_view text);
  void add(const Deflated& part);
  /// Nothing comes after this.
  void finish();

  /// What can be sent by now; text is gathered until it is worth compressing.
  std::string take();
  /// Of all that was added, before compression.
  [[nodiscard]] std::size_t text_octets() const { return text_octets_ + gathered_.size(); }

 private:
  void deflate_gathered();
  void append(const Deflated& part);

  std::string ready_{};
  std::string gathered_{};
  std::size_t text_octets_{};  // of what is deflated
  std::uint32_t crc_{};        // of the same
};

/// A whole text in one member.
std::string gzip(std::string_view text);

}  // namespace mtasts
