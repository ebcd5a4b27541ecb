// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <string>

#include "exporter/fleet_page.h"
#include "exporter/http_text.h"
#include "exporter/routes.h"
#include "exporter/tlsrpt_http.h"
#include "probes/core/domain_name.h"
#include "probes/core/entered_domain.h"
#include "probes/core/octets.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;
using std::chrono::milliseconds;

namespace {

constexpr const char* kToken = "0123456789abcdef";

/// A list of domains with such a search stays the same from link to link.
void expect_fleet_query(const QueryParameters& query) {
  constexpr std::size_t kMostSearched = 255;
  const FleetQuery wanted = parse_fleet_query(query);
  expect(wanted.search.size() <= kMostSearched && wanted.page >= 1);
  const std::string link = "/" + render_fleet_query(wanted);
  fuzz::expect_printable(link);
  std::string path;
  QueryParameters again;
  expect(parse_target(link, path, again) && path == "/");
  expect(parse_fleet_query(again) == wanted);
}

/// What was decoded is the same when it is encoded and decoded once more.
void expect_target(std::string_view text) {
  std::string path;
  QueryParameters query;
  if (!parse_target(text, path, query)) return;
  expect(path.starts_with('/') && path.size() <= text.size() + 1);
  std::string target = "/" + url_encoded(path.substr(1)) + "?";
  std::size_t octets = 0;
  for (const auto& [name, value] : query) {
    target.append(target.ends_with('?') ? "" : "&").append(url_encoded(name)).append("=").append(url_encoded(value));
    octets += name.size() + value.size();
  }
  expect(octets <= text.size());
  for (const std::string& form : {target, "http://exporter.example" + target}) {
    std::string same_path;
    QueryParameters same_query;
    expect(parse_target(form, same_path, same_query));
    expect(same_path == path && same_query == query);
  }
  expect_fleet_query(query);
}

void expect_accepted_coding(const std::string& text) {
  expect(accepts_gzip(to_lower(text)) == accepts_gzip(text));
  expect(accepts_gzip(text + ", gzip"));
  expect(!accepts_gzip(text + ",x-gzip;q=0.000"));
}

void expect_listen_address(std::string_view text) {
  const auto address = parse_listen_address(text);
  if (!address) return;
  const bool is_ipv6 = address->host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + address->host + "]" : address->host;
  expect(parse_listen_address(host + ":" + std::to_string(address->port)) == address);
}

/// As /probe and /check take it, in anybody's script.
void expect_domain(std::string_view text) {
  constexpr std::size_t kMostOctets = 253;
  constexpr std::size_t kMostDetail = 1000;
  const auto name = parse_entered_domain_name(text);
  if (name) {
    fuzz::expect_printable(*name);
    expect(name->size() <= kMostOctets && parse_domain_name(*name).value() == *name);
    expect(!std::all_of(text.begin(), text.end(), is_ascii) || normalize_host(text) == *name);
  } else {
    expect(find_code(CodeKind::name_error, name.error().code) != nullptr);
    fuzz::expect_one_line(name.error().detail, kMostDetail);
  }
}

void expect_time_limit(const std::string& text) {
  for (const milliseconds configured : {milliseconds{1}, milliseconds{100}, milliseconds{60000}}) {
    const milliseconds limit = probe_time_limit(text, configured);
    expect(limit >= std::min(configured, milliseconds{100}) && limit <= configured);
  }
}

void expect_media(const std::string& text) {
  for (const char* header : {"content-type", "content-encoding"}) {
    HttpRequest request;
    request.headers[header] = text;
    const auto refusal = refuse_media(request);
    expect(!refusal || refusal->status == 415);
  }
}

}  // namespace

/// The input is whatever a client may write: a request target, a header's value, a parameter.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  expect_target(text);
  expect_target("/?" + text);
  expect_accepted_coding(text);
  expect_listen_address(text);
  expect_domain(text);
  expect_time_limit(text);
  expect_media(text);
  expect(is_known_token(text, {kToken}) == (text == kToken));
  return 0;
}
