// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "probes/core/domain_name.h"
#include "probes/core/mail_fields.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  if (const auto field = parse_authentication_results(value)) {
    for (const AuthResult& result : field->results) {
      expect(!result.method.empty() && !result.result.empty());
      for (const auto& [name, text] : result.properties) expect(name.find('.') != std::string::npos);
    }
  }
  const std::string domain = parse_from_domain(value);
  if (!domain.empty()) expect(parse_domain_name(domain).has_value());
  parse_received_by(value);
  if (const auto tags = parse_dkim_tags(value)) expect(!tags->contains(""));
  return 0;
}
