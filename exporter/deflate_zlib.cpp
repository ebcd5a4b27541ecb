// By zlib.
// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

#include <array>
#include <memory>
#include <new>

#include "exporter/deflate.h"

namespace mtasts {
namespace {

struct Deflater {
  Deflater() {
    constexpr int kLevel = 1;
    constexpr int kRawWindow = -15;  // zlib.h: no header, no checksum
    constexpr int kMemory = 8;       // zlib.h: the default
    if (deflateInit2(&stream, kLevel, Z_DEFLATED, kRawWindow, kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc{};
  }
  ~Deflater() { deflateEnd(&stream); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  std::string run(std::string_view text) {
    std::string out;
    deflateReset(&stream);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib only reads it
    stream.avail_in = static_cast<uInt>(text.size());
    do {
      stream.next_out = ready.data();
      stream.avail_out = static_cast<uInt>(ready.size());
      deflate(&stream, Z_FULL_FLUSH);
      out.append(reinterpret_cast<const char*>(ready.data()), ready.size() - stream.avail_out);
    } while (stream.avail_out == 0);
    return out;
  }

  z_stream stream{};
  std::array<Bytef, 16384> ready{};
};

}  // namespace

std::string deflate_apart(std::string_view text) {
  thread_local const auto deflater = std::make_unique<Deflater>();
  return deflater->run(text);
}

std::uint32_t crc32_of(std::string_view text) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size()));
}

}  // namespace mtasts
