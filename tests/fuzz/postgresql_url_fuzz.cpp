// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "exporter/postgresql_url.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

namespace {

constexpr const char* kPassword = "Sesame+9b1f";

}  // namespace

/// The input stands behind a user and a password, which must show nowhere.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string given = text.substr(0, text.find('\0'));
  const std::string url = "postgresql://user:" + std::string(kPassword) + "@" + given;
  expect(is_postgresql_url(url));
  if (given.find(kPassword) != std::string::npos) return 0;
  expect(shown_postgresql_url(url).find(kPassword) == std::string::npos);
  const std::string fault = postgresql_url_fault(url);
  expect(fault.find(kPassword) == std::string::npos);
  if (!fault.empty()) return 0;
  const std::string complete = postgresql_connection_string(url);
  fuzz::expect_printable(complete);
  expect(complete.find_first_of(" '") == std::string::npos);  // where SOCI would split it
  expect(postgresql_url_fault(complete).empty());
  expect(shown_postgresql_url(complete) == shown_postgresql_url(url));
  return 0;
}
