// A scrape both ways: written from the verdicts, and put together from parts that are kept compressed.
// Next: tests/unit/block_text_test.cpp, which holds the one against the other.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "exporter/exposition.h"
#include "exporter/gunzip.h"

namespace mtasts {

inline std::string written(ScrapeInput input) {
  Exposition exposition{std::move(input)};
  return whole_text(exposition);
}

/// What the client unpacks; "" when it cannot.
inline std::string compressed(ScrapeInput input) {
  constexpr std::size_t kPlenty = std::size_t{64} << 20;
  Exposition exposition{std::move(input)};
  GzipStream stream;
  std::string out;
  for (bool more = true; more; out += stream.take()) more = exposition.next(stream);
  stream.finish();
  return gunzip(out + stream.take(), kPlenty).content;
}

}  // namespace mtasts
