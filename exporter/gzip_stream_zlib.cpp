// GzipStream by zlib, where there is no ISA-L; see gzip_stream_isal.cpp. The build takes one of them (MTASTS_ISAL).
// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

#include <array>
#include <new>

#include "exporter/gzip_stream.h"

namespace mtasts {

struct GzipStream::State {
  State() {
    constexpr int kLevel = 1;
    constexpr int kGzipWindow = 15 + 16;  // zlib.h: 16 more for a gzip header
    constexpr int kMemory = 8;            // zlib.h: the default
    if (deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc{};
  }
  ~State() { deflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void add(std::string_view text, int flush, std::string& out) {
    std::array<Bytef, 16384> ready{};
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib only reads it
    stream.avail_in = static_cast<uInt>(text.size());
    do {
      stream.next_out = ready.data();
      stream.avail_out = static_cast<uInt>(ready.size());
      deflate(&stream, flush);
      out.append(reinterpret_cast<const char*>(ready.data()), ready.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }

  z_stream stream{};
};

GzipStream::GzipStream() : state_{std::make_unique<State>()} {}
GzipStream::~GzipStream() = default;
GzipStream::GzipStream(GzipStream&&) noexcept = default;
GzipStream& GzipStream::operator=(GzipStream&&) noexcept = default;

void GzipStream::add_part(std::string_view part, bool last, std::string& out) {
  state_->add(part, last ? Z_FINISH : Z_NO_FLUSH, out);
}

}  // namespace mtasts
