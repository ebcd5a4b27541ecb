// Which of several exporters that share the domains a domain falls to.
// Next: exporter/serve_config.h, which keeps the domains of its own shard; docs/scaling.md for operators.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace mtasts {

/// The index of the shard that a domain falls to, below `count`: the same in every process and every version. With one
/// shard more, 1 / (count + 1) of the domains move, all of them to the new one. Input: a normalized domain name,
/// `count` not 0. Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates" (rendezvous
/// hashing).
std::size_t shard_of(std::string_view domain, std::size_t count);

}  // namespace mtasts
