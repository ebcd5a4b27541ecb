// SPDX-License-Identifier: Apache-2.0
#include "exporter/gzip_stream.h"

#include <zlib.h>

#include <utility>

#include "exporter/deflate.h"

namespace mtasts {
namespace {

/// Of gathered text: more is hardly compressed better.
constexpr std::size_t kWorthwhile = std::size_t{256} * 1024;
/// RFC 1952 section 2.3: no name, no time, system unknown.
constexpr std::string_view kHead{"\x1f\x8b\x08\0\0\0\0\0\0\xff", 10};
/// A last block without content: RFC 1951 section 3.2.6, three bits of a head and seven of the end of a block.
constexpr std::string_view kLastBlock{"\x03\0", 2};

/// RFC 1952 section 2.3.1: the least significant octet first.
void append_number(std::string& out, std::uint32_t number) {
  for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(number >> shift & 0xFF);
}

}  // namespace

Deflated deflated(std::string_view text) {
  if (text.empty()) return {};
  return {.octets = deflate_apart(text),
          .text_octets = text.size(),
          .crc = crc32_of(text),
          .crc_step = static_cast<std::uint32_t>(crc32_combine_gen(static_cast<z_off_t>(text.size())))};
}

GzipStream::GzipStream() : ready_{kHead} {}

void GzipStream::add(std::string_view text) {
  for (; gathered_.size() + text.size() >= kWorthwhile; deflate_gathered()) {
    const std::size_t room = kWorthwhile - gathered_.size();
    gathered_.append(text.substr(0, room));
    text.remove_prefix(room);
  }
  gathered_.append(text);
}

void GzipStream::add(const Deflated& part) {
  deflate_gathered();
  append(part);
}

void GzipStream::finish() {
  deflate_gathered();
  ready_.append(kLastBlock);
  append_number(ready_, crc_);
  append_number(ready_, static_cast<std::uint32_t>(text_octets_));  // modulo 2^32
}

std::string GzipStream::take() { return std::exchange(ready_, {}); }

void GzipStream::deflate_gathered() {
  append(deflated(gathered_));
  gathered_.clear();
}

void GzipStream::append(const Deflated& part) {
  if (part.text_octets == 0) return;
  ready_.append(part.octets);
  crc_ = static_cast<std::uint32_t>(crc32_combine_op(crc_, part.crc, part.crc_step));
  text_octets_ += part.text_octets;
}

std::string gzip(std::string_view text) {
  GzipStream stream;
  stream.add(text);
  stream.finish();
  return stream.take();
}

}  // namespace mtasts
