// The server's pure helpers: addresses, encodings, targets, and the time that a scrape leaves.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/http_text.h"

#include <gtest/gtest.h>

#include "exporter/routes.h"

namespace mtasts {
namespace {

TEST(HttpServer, ListenAddresses) {
  EXPECT_EQ(parse_listen_address(":9974"), (ListenAddress{"", 9974}));
  EXPECT_EQ(parse_listen_address("127.0.0.1:80"), (ListenAddress{"127.0.0.1", 80}));
  EXPECT_EQ(parse_listen_address("[::]:0"), (ListenAddress{"::", 0}));
  EXPECT_EQ(parse_listen_address("[::1]:9974"), (ListenAddress{"::1", 9974}));
  EXPECT_EQ(parse_listen_address("localhost:80"), (ListenAddress{"localhost", 80}));
  EXPECT_EQ(parse_listen_address("mon-1.Example.org:80"), (ListenAddress{"mon-1.Example.org", 80}));
  for (const char* bad : {"", "9974", "::1:80", "[]:80", "127.0.0.1:", ":65536", ":1x", "[127.0.0.1]:1",
                          "[localhost]:1", "256.0.0.1:1", "1.2.3:1", "a b:1", ".x:1", "http://localhost:1"}) {
    EXPECT_EQ(parse_listen_address(bad), std::nullopt) << bad;
  }
}

TEST(HttpServer, AcceptEncoding) {
  for (const char* yes : {"gzip", "deflate, gzip;q=0.5", "GZIP", "br , gzip"}) EXPECT_TRUE(accepts_gzip(yes)) << yes;
  for (const char* no : {"", "deflate", "gzip;q=0", "gzip; q=0.000", "identity"}) EXPECT_FALSE(accepts_gzip(no)) << no;
}

TEST(HttpServer, Targets) {
  std::string path;
  QueryParameters query;
  ASSERT_TRUE(parse_target("/a%2Fb?x=1%202&y&x=3&z=a+b", path, query));
  EXPECT_EQ(path, "/a/b");
  EXPECT_EQ(query, (QueryParameters{{"x", "1 2"}, {"x", "3"}, {"y", ""}, {"z", "a b"}}));
  for (const char* bad : {"", "x", "/%", "/%4", "/%zz", "/?a=%", "http://", "http:///x", "ftp://a/x", "http://a/%"}) {
    EXPECT_FALSE(parse_target(bad, path, query)) << bad;
  }
}

// RFC 9112 section 3.2.2
TEST(HttpServer, AbsoluteTargets) {
  using Query = QueryParameters;
  using Target = std::pair<std::string, Query>;
  const auto split = [](std::string_view target) {
    Target parts;
    EXPECT_TRUE(parse_target(target, parts.first, parts.second)) << target;
    return parts;
  };
  EXPECT_EQ(split("http://example.org:9974/probe?target=a.org"), Target("/probe", Query{{"target", "a.org"}}));
  EXPECT_EQ(split("HTTPS://example.org"), Target("/", Query{}));
  EXPECT_EQ(split("http://example.org?x=/y"), Target("/", Query{{"x", "/y"}}));
}

TEST(Routes, ProbeTimeLimit) {
  using std::chrono::milliseconds;
  const milliseconds configured{60000};
  EXPECT_EQ(probe_time_limit(std::nullopt, configured), configured);
  EXPECT_EQ(probe_time_limit("10", configured), milliseconds{9500});
  EXPECT_EQ(probe_time_limit("120.5", configured), configured);
  EXPECT_EQ(probe_time_limit("0.2", configured), milliseconds{100});
  for (const char* bad : {"", "x", "-1", "0", "nan", "1s"})
    EXPECT_EQ(probe_time_limit(bad, configured), configured) << bad;
}

}  // namespace
}  // namespace mtasts
