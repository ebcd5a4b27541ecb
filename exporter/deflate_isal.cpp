// By ISA-L, which takes a quarter of the time of zlib at level 1 for as small a result.
// SPDX-License-Identifier: Apache-2.0
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include <array>
#include <memory>

#include "exporter/deflate.h"

namespace mtasts {
namespace {

/// 380 KB, most of it tables.
struct Deflater {
  Deflater() {
    isal_deflate_init(&stream);
    stream.level = 1;
    stream.level_buf = level_buffer.data();
    stream.level_buf_size = static_cast<std::uint32_t>(level_buffer.size());
    stream.gzip_flag = IGZIP_DEFLATE;
    stream.flush = FULL_FLUSH;
  }
  ~Deflater() = default;
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  std::string run(std::string_view text) {
    std::string out;
    isal_deflate_reset(&stream);
    stream.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));  // ISA-L only reads it
    stream.avail_in = static_cast<std::uint32_t>(text.size());
    do {
      stream.next_out = ready.data();
      stream.avail_out = static_cast<std::uint32_t>(ready.size());
      isal_deflate(&stream);
      out.append(reinterpret_cast<const char*>(ready.data()), ready.size() - stream.avail_out);
    } while (stream.avail_out == 0);
    return out;
  }

  isal_zstream stream{};
  std::array<std::uint8_t, ISAL_DEF_LVL1_DEFAULT> level_buffer{};
  std::array<std::uint8_t, 16384> ready{};
};

}  // namespace

std::string deflate_apart(std::string_view text) {
  thread_local const auto deflater = std::make_unique<Deflater>();
  return deflater->run(text);
}

std::uint32_t crc32_of(std::string_view text) {
  return crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

}  // namespace mtasts
