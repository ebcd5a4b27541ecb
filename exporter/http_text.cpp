// SPDX-License-Identifier: Apache-2.0
#include "exporter/http_text.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>

#include "probes/core/domain_name.h"

namespace mtasts {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Calls `use` with each element of a list, trimmed.
template <class Use>
void split(std::string_view text, char separator, Use use) {
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    use(trim(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Percent-decodes; `+` is a space where `form` says so. Errors: nullopt for a broken escape.
std::optional<std::string> percent_decode(std::string_view text, bool form) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += form && text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

/// Could it be looked up? A last label of digits alone is a mistyped IPv4 address.
bool is_host_name(std::string_view host) {
  constexpr std::string_view kDigits = "0123456789";
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz-_.";
  const std::string name = to_lower(host);
  const std::string_view last = std::string_view{name}.substr(name.rfind('.') + 1);  // npos + 1 is 0
  return name.find_first_not_of(std::string{kDigits}.append(kLetters)) == std::string::npos && !name.starts_with('.') &&
         last.find_first_not_of(kDigits) != std::string_view::npos;
}

/// Takes scheme and authority off an absolute-form target, which "a server MUST accept" (RFC 9112 section 3.2.2);
/// any other stays as it is.
std::string origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (to_lower(target.substr(0, scheme.size())) != scheme) continue;
    target.remove_prefix(scheme.size());
    const auto path = std::min(target.find_first_of("/?"), target.size());
    if (path == 0) return "";  // RFC 9110 section 4.2.1: an empty host is an error
    return (target.substr(path).starts_with('/') ? "" : "/") + std::string{target.substr(path)};
  }
  return std::string{target};
}

}  // namespace

std::optional<ListenAddress> parse_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  ListenAddress address;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (port.empty() || error != std::errc{} || end != port.data() + port.size()) return std::nullopt;
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  error_code bad;
  const auto parsed = asio::ip::make_address(std::string{host}, bad);
  if (bracketed && (bad || !parsed.is_v6())) return std::nullopt;
  if (!bracketed && !host.empty() && (bad ? !is_host_name(host) : parsed.is_v6())) return std::nullopt;
  address.host = host;
  return address;
}

bool accepts_gzip(std::string_view accept_encoding) {
  bool accepted = false;
  split(accept_encoding, ',', [&](std::string_view coding) {
    bool zero = false;
    split(coding, ';', [&](std::string_view part) {
      const std::string weight = to_lower(part);
      zero = zero || (weight.starts_with("q=0") && weight.find_first_not_of("0.", 2) == std::string::npos);
    });
    const std::string name = to_lower(trim(coding.substr(0, coding.find(';'))));
    if (name == "gzip" || name == "x-gzip") accepted = !zero;
  });
  return accepted;
}

bool parse_target(std::string_view wanted, std::string& path, QueryParameters& query) {
  const std::string origin = origin_form(wanted);
  const std::string_view target = origin;
  if (!target.starts_with('/')) return false;
  const auto question = std::min(target.find('?'), target.size());
  const auto decoded = percent_decode(target.substr(0, question), false);
  bool ok = decoded.has_value();
  split(target.substr(std::min(question + 1, target.size())), '&', [&](std::string_view pair) {
    const auto equals = std::min(pair.find('='), pair.size());
    const auto key = percent_decode(pair.substr(0, equals), true);
    const auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
    ok = ok && key && value;
    if (ok) query.emplace(*key, *value);
  });
  if (ok) path = *decoded;
  return ok;
}

}  // namespace mtasts
