// SPDX-License-Identifier: Apache-2.0
#include "probes/core/public_suffix.h"

#include <libpsl.h>

namespace mtasts {

bool is_public_suffix(const std::string& name) {
  return !name.empty() && psl_is_public_suffix(psl_builtin(), name.c_str()) == 1;
}

std::string registered_domain(const std::string& name) {
  const char* registered = psl_registrable_domain(psl_builtin(), name.c_str());
  return registered != nullptr ? registered : name;
}

}  // namespace mtasts
