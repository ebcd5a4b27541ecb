// Text to gzip, piece by piece. The only door to ISA-L, or to zlib in its place; gunzip.h is the one for what comes in.
// Next: http_server.h, which sends it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

namespace mtasts {

/// One gzip member (RFC 1952) at level 1, the level that costs least CPU for what is sent once.
class GzipStream {
 public:
  /// Errors: std::bad_alloc.
  GzipStream();
  ~GzipStream();
  GzipStream(GzipStream&&) noexcept;
  GzipStream& operator=(GzipStream&&) noexcept;

  /// Appends what is ready of the text so far; all of it with the last piece. Input: nothing comes after `last`.
  void add(std::string_view text, bool last, std::string& out) {
    for (; text.size() > kMostAtOnce; text.remove_prefix(kMostAtOnce))
      add_part(text.substr(0, kMostAtOnce), false, out);
    add_part(text, last, out);
  }

 private:
  struct State;
  static constexpr std::size_t kMostAtOnce = std::numeric_limits<std::uint32_t>::max();  // as both libraries count

  void add_part(std::string_view part, bool last, std::string& out);

  std::unique_ptr<State> state_;
};

/// A whole text in one member.
inline std::string gzip(std::string_view text) {
  std::string out;
  GzipStream{}.add(text, true, out);
  return out;
}

}  // namespace mtasts
