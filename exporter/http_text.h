// The texts of HTTP that the server reads, apart from what Boost.Beast parses: targets, addresses, codings.
// Next: http_server.h, which uses them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace mtasts {

/// Percent-decoded, those of one name in the order of the request.
using QueryParameters = std::multimap<std::string, std::string>;

/// "HOST:PORT" in parts. The host is an IP address or a name; an empty one means every address of both families.
struct ListenAddress {
  std::string host{};
  std::uint16_t port{};

  bool operator==(const ListenAddress&) const = default;
};

/// Reads ":9974", "127.0.0.1:9974", "[::]:9974", "localhost:9974". Errors: nullopt for anything else.
std::optional<ListenAddress> parse_listen_address(std::string_view text);

/// Does this Accept-Encoding value allow gzip (RFC 9110 section 12.5.3)?
bool accepts_gzip(std::string_view accept_encoding);

/// Splits a request target into a decoded path and decoded parameters. Errors: false for a bad percent escape, and
/// for what is neither in origin-form nor in absolute-form (RFC 9112 section 3.2).
bool parse_target(std::string_view wanted, std::string& path, QueryParameters& query);

}  // namespace mtasts
