// Filed reports and the catalogue as pages, the parts they share, and templates that say when they are broken.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/reports_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "exporter/check_page.h"
#include "exporter/page_data.h"
#include "exporter/runbooks_page.h"
#include "tests/support/report_maker.h"
#include "tests/support/temporary_folder.h"

namespace mtasts::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const PageContext kContext{kReportNow, "1.0", ""};

FiledReport filed(const std::string& id, const std::string& vouching) {
  IntakeRules rules{.domains = {"example.org"}};
  TlsReport report = make_report(id, 1234, 2);
  report.organization = "<b>Org</b>";
  report.policies[0].failures = {{.result_type = "certificate-expired",
                                  .sending_mta_ip = "192.0.2.1",
                                  .receiving_mx_hostname = "mx.<i>",
                                  .failed_sessions = 2,
                                  .additional_information = "<script>"}};
  return judge_delivery(deliver(std::move(report), vouching), rules, kReportNow).reports.at(0);
}

TEST(ReportsPage, ExplainsWhatAReportSays) {
  const std::string html = render_reports_page({.reports = {filed("one", "google.com")}}, kContext);
  for (const char* words :
       {"&lt;b&gt;Org&lt;/b&gt;", "1,234 succeeded", "2 failed", "google.com (DKIM)",
        "<code>certificate-expired</code>", "mx.&lt;i&gt;: 2 sessions", "Seen from 192.0.2.1",
        "<strong>To do:</strong>", "href=\"/runbooks#certificate-expired\"", "<span class=\"ok\">yes</span>"})
    EXPECT_THAT(html, HasSubstr(words));
  for (const char* markup : {"<script", "<b>Org", "<i>"}) EXPECT_THAT(html, Not(HasSubstr(markup)));
}

TEST(ReportsPage, SaysWhyAReportDoesNotCount) {
  const std::string html = render_reports_page({.reports = {filed("one", "")}}, kContext);
  EXPECT_THAT(html, HasSubstr("no: nobody vouches for it"));
  EXPECT_THAT(html, HasSubstr("nobody who could be verified"));
}

TEST(ReportsPage, SaysWhatItCannotShow) {
  EXPECT_THAT(render_reports_page({.trouble = "no <store>"}, kContext), HasSubstr("cannot be shown: no &lt;store&gt;"));
  EXPECT_THAT(render_reports_page({.domain = "a.test"}, kContext), HasSubstr("No report about a.test has been filed"));
}

TEST(PageData, PagesOfReportsComeFromTheStore) {
  const TemporaryFolder folder;
  PageData data({.path = folder.file("state.db")});
  EXPECT_THAT(data.reports("", 1).trouble, Not(testing::IsEmpty()));
  ReportStore store = ReportStore::open(folder.file("state.db"));
  std::vector<FiledReport> reports;
  for (int i = 0; i < 30; ++i) reports.push_back(filed(std::to_string(i), "google.com"));
  store.file(reports);
  const ReportsPageInput last = data.reports("example.org", 99);
  EXPECT_EQ(last.trouble, "");
  EXPECT_EQ(last.paging.page, 2U);
  EXPECT_EQ(last.paging.total, 30U);
  ASSERT_EQ(last.reports.size(), 5U);
  EXPECT_EQ(last.reports.back().report_id, "0");
  EXPECT_EQ(data.reports("other.org", 1).paging.total, 0U);
  DomainPageInput input{.name = "example.org"};
  data.complete(input);
  EXPECT_EQ(input.history.reports.size(), 30U);
}

TEST(RunbooksPage, EveryCodeHasOnePlace) {
  const std::string html = render_runbooks_page(kContext);
  std::set<std::string> anchors;
  for (const CatalogueEntry& entry : catalogue()) {
    EXPECT_TRUE(anchors.insert(runbook_anchor(entry)).second) << entry.code;
    const bool shown =
        entry.kind != CodeKind::severity && entry.kind != CodeKind::outcome && entry.kind != CodeKind::name_error;
    if (!shown) continue;
    EXPECT_THAT(html, HasSubstr("id=\"" + runbook_anchor(entry) + "\""));
  }
}

TEST(PageParts, Paging) {
  EXPECT_EQ(paging_of(0, 10, 5).page, 1U);
  EXPECT_EQ(paging_of(21, 10, 3).first, 20U);
  EXPECT_EQ(paging_of(21, 10, 3).last, 21U);
  EXPECT_EQ(paging_of(20, 10, 99).page, 2U);
}

TEST(PageParts, Words) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
  EXPECT_EQ(span_text(std::chrono::seconds{59}), "59 seconds");
  EXPECT_EQ(span_text(std::chrono::hours{47}), "47 hours");
  EXPECT_EQ(span_text(std::chrono::days{2}), "2 days");
  EXPECT_EQ(minute_text(kReportNow), "2027-01-15 08:00 UTC");
}

TEST(PageTemplate, EscapesForContentAndAttributes) {
  EXPECT_EQ(escape_html("<a b='\"&\x01\x7f"), "&lt;a b=&#39;&quot;&amp;  ");
  EXPECT_EQ(escape_html("\xC3\xA9\xC3("), "\xC3\xA9\xEF\xBF\xBD(");
  EXPECT_THAT(render_check_page("\"><script>", {.what = "<b>"}, kContext),
              HasSubstr("value=\"&quot;&gt;&lt;script&gt;\""));
}

TEST(PageTemplate, SaysThatATemplateIsMissing) { EXPECT_THROW(render_template("nothing", {}), std::logic_error); }

}  // namespace
}  // namespace mtasts::test
