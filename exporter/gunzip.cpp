// SPDX-License-Identifier: Apache-2.0
#include "exporter/gunzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <new>

namespace mtasts {
namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;  // what zlib's manual asks for in inflateInit2

struct EndInflate {
  void operator()(z_stream* stream) const {
    inflateEnd(stream);
    delete stream;
  }
};
using Inflate = std::unique_ptr<z_stream, EndInflate>;

Inflate start_inflate(std::string_view data) {
  auto stream = std::make_unique<z_stream>();
  stream->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));  // zlib does not write there
  stream->avail_in = static_cast<uInt>(data.size());
  if (inflateInit2(stream.get(), kGzipOnly) != Z_OK) throw std::bad_alloc();
  return Inflate(stream.release());
}

std::string_view rest_of(const z_stream& stream) {
  return {reinterpret_cast<const char*>(stream.next_in), stream.avail_in};
}

struct Progress {
  std::size_t octets{};
  GunzipFault fault{GunzipFault::none};
  bool trailing{};
};

/// Inflates member after member, and hands each piece to `take`.
template <class Take>
Progress inflate_all(std::string_view data, std::size_t max_bytes, Take take) {
  const Inflate stream = start_inflate(data);
  std::array<char, std::size_t{32} * 1024> piece{};
  Progress progress;
  while (true) {
    stream->next_out = reinterpret_cast<Bytef*>(piece.data());
    stream->avail_out = piece.size();
    const int status = inflate(stream.get(), Z_NO_FLUSH);
    const std::size_t size = piece.size() - stream->avail_out;
    progress.octets += size;
    if (progress.octets > max_bytes) progress.fault = GunzipFault::too_large;
    if (status != Z_OK && status != Z_STREAM_END) progress.fault = GunzipFault::damaged;
    if (progress.fault != GunzipFault::none) return progress;
    take(std::string_view(piece.data(), size));
    if (status != Z_STREAM_END) continue;
    progress.trailing = stream->avail_in > 0 && !looks_like_gzip(rest_of(*stream));
    if (stream->avail_in == 0 || progress.trailing) return progress;
    inflateReset(stream.get());
  }
}

}  // namespace

bool looks_like_gzip(std::string_view text) { return text.starts_with("\x1f\x8b"); }

Gunzipped gunzip(std::string_view data, std::size_t max_bytes) {
  if (data.size() > std::numeric_limits<uInt>::max()) return {.fault = GunzipFault::too_large};
  const Progress measured = inflate_all(data, max_bytes, [](std::string_view) {});
  Gunzipped result{.fault = measured.fault, .trailing = measured.trailing};
  if (measured.fault != GunzipFault::none) return result;
  result.content.reserve(measured.octets);
  inflate_all(data, max_bytes, [&](std::string_view piece) { result.content += piece; });
  return result;
}

}  // namespace mtasts
