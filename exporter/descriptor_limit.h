// How many descriptors this process may have: each connection takes one.
// Next: daemon.cpp, which raises it; probe_loop.cpp, which plans with it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace mtasts {

/// Takes as many as the system grants: the soft limit of 1,024 that shells and services start with is for programs that
/// use select(2). Errors: the limit stays.
void raise_descriptor_limit();

/// The limit now. Errors: what POSIX guarantees.
std::size_t descriptor_limit();

}  // namespace mtasts
