// The one root that probers in fuzz targets trust. Its key is gone; make_chains.py made both.
// Next: certificate_fuzz.cpp, whose corpus has chains that lead to it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/fuzz/memory_file.h"

namespace mtasts::fuzz {

constexpr const char* kTrustedRoot = R"(-----BEGIN CERTIFICATE-----
MIIBPjCB5aADAgECAhQmldrpVMU8pJaRy41Ry7ojpDvoCjAKBggqhkjOPQQDAjAU
MRIwEAYDVQQDDAlGdXp6IFJvb3QwIBcNMDAwMTAxMDAwMDAwWhgPMjEwMDAxMDEw
MDAwMDBaMBQxEjAQBgNVBAMMCUZ1enogUm9vdDBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABMB0bUKPAi6egb3DG+XbR8teQ+1JyfLKCFyX/iC++zR2XQyeebBtcnjG
5KejiaVKdThHFzK3AXVkPTByLZjELo2jEzARMA8GA1UdEwEB/wQFMAMBAf8wCgYI
KoZIzj0EAwIDSAAwRQIgU6xpJDopx0vhyEu1BSERpMIAlSpEhHGGda7wj5esa54C
IQD3hFgmcKw0rYcd0f9Lfm0FID8kSQrLB40X325wumgc2A==
-----END CERTIFICATE-----
)";

/// A path to it, for tls.ca_file.
inline std::string trust_file() {
  static const MemoryFile file{kTrustedRoot};
  return file.path();
}

}  // namespace mtasts::fuzz
