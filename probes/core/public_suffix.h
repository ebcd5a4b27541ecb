// Which names are public suffixes: anybody may register a name right below one. The only door to libpsl.
// Next: mx_patterns.cpp, which warns of wildcards over them; probes/net/peer_limits.h, which counts by who registered.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace mtasts {

/// Is this a name under which strangers get names of their own: com, co.uk, github.io? A last label that the list does
/// not know counts as one. By both parts of the Public Suffix List, that of registries and that of hosting companies,
/// as built into the library. Input: A-labels, lower case, no final dot. Errors: false for "".
/// Source: https://publicsuffix.org/list/.
bool is_public_suffix(const std::string& name);

/// The name right below its public suffix that somebody registered: example.co.uk of mx.example.co.uk. Input: as above.
/// Returns the name itself where there is none, because it is a suffix or has one label.
std::string registered_domain(const std::string& name);

}  // namespace mtasts
