// SPDX-License-Identifier: Apache-2.0
#include "exporter/web_config.h"

#include <algorithm>
#include <cstdint>

#include "tests/fuzz/config_problems.h"

using namespace mtasts;
using mtasts::fuzz::expect;

namespace {

constexpr const char* kFile = "web.yaml";

void expect_tls(const WebTls& tls) {
  expect(tls.certificate.is_given() && tls.key.is_given() && tls.client_ca.is_given() == verifies(tls.client_auth));
  for (const PemSource* source : {&tls.certificate, &tls.key, &tls.client_ca}) {
    expect(source->file.empty() || (source->file.starts_with('/') && source->text.empty()));
  }
  expect(tls.client_allowed_sans.empty() || requires_certificate(tls.client_auth));
  expect(tls.min_version <= tls.max_version);
  expect(std::all_of(tls.cipher_suites.begin(), tls.cipher_suites.end(), is_cipher_suite));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kBcryptOctets = 60;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!fuzz::has_few_aliases(text)) return 0;
  const WebConfigResult result = parse_web_config(text, kFile, "/etc/fuzz");
  expect(result.config.has_value() == result.problems.empty());
  fuzz::expect_config_problems(result.problems, kFile, text);
  fuzz::expect_config_problems(result.warnings, kFile, text);
  if (!result.config) return 0;
  if (result.config->tls) expect_tls(*result.config->tls);
  for (const auto& [name, value] : result.config->headers) {
    fuzz::expect_printable(name);
    expect(std::none_of(value.begin(), value.end(), is_control));
  }
  for (const auto& [name, hash] : result.config->users) {
    expect(!name.empty() && name.find(':') == std::string::npos && hash.size() == kBcryptOctets);
    fuzz::expect_printable(hash);
  }
  return 0;
}
