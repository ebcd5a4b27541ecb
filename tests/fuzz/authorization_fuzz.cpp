// SPDX-License-Identifier: Apache-2.0
#include <crypt.h>
#include <openssl/evp.h>

#include <cstdint>
#include <string>

#include "exporter/web_config.h"
#include "probes/core/domain_name.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

namespace {

constexpr const char* kUser = "prometheus";
// As fast as crypt is: bcrypt would leave a fuzzer a few hundred attempts a second.
constexpr const char* kFastMethod = "ab";
constexpr std::size_t kMostPassword = 2000;

std::string hash_of(const std::string& password) {
  crypt_data work{};
  const char* hash = crypt_r(password.c_str(), kFastMethod, &work);
  return hash != nullptr ? hash : "*";
}

const std::string& password_hash() {
  static const std::string hash = hash_of("secret");
  return hash;
}

std::string base64(const std::string& text) {
  std::string encoded((text.size() + 2) / 3 * 4 + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  encoded.resize(static_cast<std::size_t>(length));
  return encoded;
}

/// Comes in who knows the password, however it is written, and nobody else.
void expect_password(BasicAuth& auth, const std::string& password) {
  const bool right = password.find('\0') == std::string::npos && hash_of(password) == password_hash();
  const std::string credentials = base64(std::string(kUser) + ":" + password);
  expect(auth.admits("Basic " + credentials) == right);
  expect(auth.admits("bASIC " + credentials) == right);  // now it may be remembered
  expect(!auth.admits("Basic " + base64("nobody:" + password)));
  expect(!auth.admits("Bearer " + credentials));
}

}  // namespace

/// The input is the value of the header, and a password.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static BasicAuth auth({{kUser, password_hash()}});
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (auth.admits(text)) expect(to_lower(text).starts_with("basic "));
  if (size <= kMostPassword) expect_password(auth, text);
  return 0;
}
