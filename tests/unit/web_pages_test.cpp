// Pages say what the verdict says and let nothing through unescaped; with the server's pure helpers beside them.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/web_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/http_server.h"
#include "exporter/routes.h"

namespace mtasts {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr UnixTime kNow{std::chrono::seconds{1'800'000'000}};

Snapshot hostile_fleet() {
  DomainVerdict verdict;
  verdict.state = DomainState::failing;
  verdict.probed = kNow;
  verdict.record_id = "<script>alert(1)</script>";
  verdict.record = RecordStatus::valid;
  verdict.policy_not_after = kNow + std::chrono::days{3};
  verdict.mx = {{"mx.example\"><img>", 10, true, false}};
  verdict.faults = {{ResultType::certificate_expired, "<b>", "expired", "it's & \"quoted\""}};
  MxVerdict mx;
  mx.host = verdict.mx[0].host;
  mx.ipv4 = MxFamilyVerdict{};
  mx.ipv4->unreachable_reason = "<timeout>";
  return snapshot_of_verdicts({"bad.example", {}}, verdict, {mx});
}

TEST(WebPages, NothingFromOutsideBecomesMarkup) {
  const Snapshot snapshot = hostile_fleet();
  const PageContext context{kNow, "1.0", "/sts"};
  for (const std::string& html :
       {render_landing_page(snapshot, context), render_domain_page(snapshot, *snapshot.domains[0], context)}) {
    for (const char* markup : {"<script", "<img", "<b>", "<timeout"}) EXPECT_THAT(html, Not(HasSubstr(markup)));
    EXPECT_THAT(html, HasSubstr("href=\"/sts/metrics\""));
  }
}

TEST(WebPages, TheLandingPageShowsTheFleet) {
  const std::string html = render_landing_page(hostile_fleet(), {kNow, "1.0", ""});
  EXPECT_THAT(html, HasSubstr("1 domains: mail is refused at 0; 1 failing, 0 unknown, 0 pending, 0 ok"));
  EXPECT_THAT(html, HasSubstr("<a href=\"/domains/bad.example\">bad.example</a>"));
  EXPECT_THAT(html, HasSubstr("certificate-expired"));
  EXPECT_THAT(html, HasSubstr("<span class=\"failing\">3 d</span>"));
}

TEST(WebPages, TheLandingPageBeginsWhereMailIsRefused) {
  Snapshot fleet;
  const auto add = [&fleet](const std::string& name, DomainState state, bool refused) {
    auto entry = std::make_shared<DomainEntry>();
    auto verdict = std::make_shared<DomainVerdict>(DomainVerdict{.domain = name, .state = state});
    if (refused) verdict->in_force = PolicyInForce{.policy = {.mode = StsMode::enforce}};
    if (refused) verdict->deliverable = false;
    entry->name = name;
    entry->verdict = verdict;
    fleet.domains.push_back(entry);
  };
  for (int i = 1000; i < 2200; ++i) add("d" + std::to_string(i) + ".example", DomainState::ok, false);
  add("failing.example", DomainState::failing, false);
  add("refused.example", DomainState::failing, true);
  const std::string html = render_landing_page(fleet, {kNow, "1.0", ""});
  EXPECT_THAT(html, HasSubstr("1202 domains: mail is refused at 1; 2 failing, 0 unknown, 0 pending, 1200 ok"));
  EXPECT_LT(html.find("refused.example"), html.find("failing.example"));
  EXPECT_LT(html.find("failing.example"), html.find("d1000.example"));
  EXPECT_THAT(html, HasSubstr("d1997.example"));
  EXPECT_THAT(html, Not(HasSubstr("d1998.example")));
  EXPECT_THAT(html, HasSubstr("The 1000 that need attention first"));
}

TEST(WebPages, EscapesForContentAndAttributes) { EXPECT_EQ(escape_html("<a b='\"&\x01"), "&lt;a b=&#39;&quot;&amp; "); }

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
  std::map<std::string, std::string> query;
  ASSERT_TRUE(parse_target("/a%2Fb?x=1%202&y&x=3&z=a+b", path, query));
  EXPECT_EQ(path, "/a/b");
  EXPECT_EQ(query, (std::map<std::string, std::string>{{"x", "1 2"}, {"y", ""}, {"z", "a b"}}));
  for (const char* bad : {"", "x", "/%", "/%4", "/%zz", "/?a=%", "http://", "http:///x", "ftp://a/x", "http://a/%"}) {
    EXPECT_FALSE(parse_target(bad, path, query)) << bad;
  }
}

// RFC 9112 section 3.2.2
TEST(HttpServer, AbsoluteTargets) {
  using Query = std::map<std::string, std::string>;
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
