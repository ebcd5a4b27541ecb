// The fleet: what is searched, filtered, sorted and paged, what the parameters mean, and that it stays quick.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/fleet_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mtasts {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr UnixTime kNow{std::chrono::seconds{1'800'000'000}};
const PageContext kContext{kNow, "1.0", "/sts"};

struct Made {
  std::string name{};
  std::optional<DomainState> state{};
  std::optional<StsMode> mode{};
  bool refused{};
  int certificate_days{50};
  std::size_t faults{};
  Labels labels{};
};

std::shared_ptr<const DomainVerdict> verdict_of(const Made& made) {
  auto verdict = std::make_shared<DomainVerdict>(DomainVerdict{.domain = made.name, .state = *made.state});
  verdict->probed = kNow - std::chrono::minutes{made.certificate_days};
  if (made.mode) verdict->in_force = PolicyInForce{.policy = {.mode = *made.mode}};
  if (made.refused) verdict->deliverable = false;
  verdict->policy_not_after = kNow + std::chrono::days{made.certificate_days};
  verdict->faults.resize(made.faults);
  return verdict;
}

Snapshot fleet_of(const std::vector<Made>& domains) {
  Snapshot fleet;
  for (const Made& made : domains) {
    auto entry = std::make_shared<DomainEntry>();
    entry->name = made.name;
    entry->labels = made.labels;
    if (made.state) entry->verdict = verdict_of(made);
    fleet.domains.put(entry);
  }
  return fleet;
}

Snapshot sample() {
  return fleet_of(
      {{.name = "a.test", .state = DomainState::ok, .mode = StsMode::enforce, .certificate_days = 9},
       {.name = "b.test", .state = DomainState::failing, .mode = StsMode::testing, .faults = 1},
       {.name = "c.test"},
       {.name = "d.test", .state = DomainState::unknown, .certificate_days = 90, .labels = {{"team", "Mail Ops"}}},
       {.name = "e.test", .state = DomainState::failing, .mode = StsMode::enforce, .refused = true, .faults = 3}});
}

std::vector<std::string> names(const Snapshot& fleet, const FleetQuery& query) {
  std::vector<std::string> found;
  for (const DomainEntry* entry : select_domains(fleet, query)) found.push_back(entry->name);
  return found;
}

TEST(FleetPage, TheWorstComesFirst) {
  EXPECT_THAT(names(sample(), {}), ElementsAre("e.test", "b.test", "d.test", "c.test", "a.test"));
}

TEST(FleetPage, SortsByEveryColumn) {
  const Snapshot fleet = sample();
  EXPECT_THAT(names(fleet, {.sort = FleetSort::name}), ElementsAre("a.test", "b.test", "c.test", "d.test", "e.test"));
  EXPECT_THAT(names(fleet, {.sort = FleetSort::name, .descending = true}),
              ElementsAre("e.test", "d.test", "c.test", "b.test", "a.test"));
  EXPECT_THAT(names(fleet, {.sort = FleetSort::state, .descending = true}),
              ElementsAre("a.test", "c.test", "d.test", "b.test", "e.test"));
  EXPECT_THAT(names(fleet, {.sort = FleetSort::mode}), ElementsAre("a.test", "e.test", "b.test", "c.test", "d.test"));
  // What was never probed has no value, and stands last either way.
  EXPECT_THAT(names(fleet, {.sort = FleetSort::certificate}),
              ElementsAre("a.test", "b.test", "e.test", "d.test", "c.test"));
  EXPECT_THAT(names(fleet, {.sort = FleetSort::certificate, .descending = true}),
              ElementsAre("d.test", "b.test", "e.test", "a.test", "c.test"));
  EXPECT_THAT(names(fleet, {.sort = FleetSort::failures, .descending = true}),
              ElementsAre("e.test", "b.test", "a.test", "d.test", "c.test"));
  EXPECT_THAT(names(fleet, {.sort = FleetSort::probed}), ElementsAre("d.test", "b.test", "e.test", "a.test", "c.test"));
}

TEST(FleetPage, TheCertificateOfAnMxHostCounts) {
  Snapshot fleet =
      fleet_of({{.name = "a.test", .state = DomainState::ok}, {.name = "b.test", .state = DomainState::ok}});
  auto verdict = std::make_shared<DomainVerdict>(*fleet.find_domain("b.test")->verdict);
  verdict->mx = {{"mx.b.test", 10, true, true}};
  auto changed = std::make_shared<DomainEntry>(DomainEntry{.name = "b.test", .verdict = verdict});
  fleet.domains.put(changed);
  auto host = std::make_shared<MxVerdict>(MxVerdict{.host = "mx.b.test"});
  host->ipv6 = MxFamilyVerdict{.not_after = kNow + std::chrono::days{2}};
  fleet.mx_hosts.put(std::make_shared<MxEntry>(MxEntry{.host = "mx.b.test", .verdict = host}));
  EXPECT_THAT(names(fleet, {.sort = FleetSort::certificate}), ElementsAre("b.test", "a.test"));
  EXPECT_THAT(render_fleet_page(fleet, {}, kContext), HasSubstr("<span class=\"failing\">2 days</span>"));
}

TEST(FleetPage, SaysWhatIsWrongElseWhyNothingIsKnown) {
  Snapshot fleet = fleet_of({{.name = "a.test", .state = DomainState::unknown}});
  DomainVerdict verdict = *fleet.find_domain("a.test")->verdict;
  verdict.unknown_reason = "no DNS server answers";
  const auto page_of = [&] {
    fleet.domains.put(std::make_shared<DomainEntry>(
        DomainEntry{.name = "a.test", .verdict = std::make_shared<DomainVerdict>(verdict)}));
    return render_fleet_page(fleet, {}, kContext);
  };
  EXPECT_THAT(page_of(), HasSubstr("no DNS server answers"));
  verdict.faults = {{.type = ResultType::validation_failure, .host = "mx.a.test", .reason = "mx-mismatch"},
                    {.type = ResultType::certificate_expired, .host = "mx.a.test", .reason = "expired"}};
  EXPECT_THAT(page_of(), HasSubstr("certificate-expired, validation-failure (mx-mismatch)"));
}

TEST(FleetPage, SearchesAndFilters) {
  const Snapshot fleet = sample();
  EXPECT_THAT(names(fleet, {.search = "B.T"}), ElementsAre("b.test"));
  EXPECT_THAT(names(fleet, {.search = "mail+ops"}), ElementsAre("d.test"));
  EXPECT_THAT(names(fleet, {.search = "nothing"}), ElementsAre());
  EXPECT_THAT(names(fleet, {.state = "failing"}), ElementsAre("e.test", "b.test"));
  EXPECT_THAT(names(fleet, {.state = "refused"}), ElementsAre("e.test"));
  EXPECT_THAT(names(fleet, {.state = "pending"}), ElementsAre("c.test"));
  EXPECT_THAT(names(fleet, {.mode = "enforce"}), ElementsAre("e.test", "a.test"));
  EXPECT_THAT(names(fleet, {.mode = "absent"}), ElementsAre("d.test", "c.test"));
}

TEST(FleetPage, ParametersComeBackAsTheyWere) {
  const FleetQuery query{.search = "a&b <c>",
                         .state = "refused",
                         .mode = "absent",
                         .sort = FleetSort::certificate,
                         .descending = true,
                         .page = 3};
  EXPECT_EQ(render_fleet_query(query),
            "?q=a%26b%20%3Cc%3E&state=refused&mode=absent&sort=certificate&order=descending&page=3");
  EXPECT_EQ(parse_fleet_query({{"q", "a&b <c>"},
                               {"state", "refused"},
                               {"mode", "absent"},
                               {"sort", "certificate"},
                               {"order", "descending"},
                               {"page", "3"}}),
            query);
  EXPECT_EQ(render_fleet_query({}), "");
}

TEST(FleetPage, UnknownParametersCountAsNone) {
  for (const char* page : {"", "0", "-1", "x", "1x", "99999999999999999999999"}) {
    EXPECT_EQ(parse_fleet_query(
                  {{"page", page}, {"state", "<b>"}, {"mode", "x"}, {"sort", "x"}, {"order", "descending"}, {"z", ""}}),
              FleetQuery{})
        << page;
  }
}

TEST(FleetPage, ShowsNumbersAndHeads) {
  const std::string html = render_fleet_page(sample(), {.sort = FleetSort::name}, kContext);
  EXPECT_THAT(html, HasSubstr("<a href=\"/sts/?state=refused\"><b class=\"refused\">1</b> mail refused</a>"));
  EXPECT_THAT(html, HasSubstr("<a href=\"/sts/?state=failing\"><b class=\"failing\">2</b> failing in all</a>"));
  EXPECT_THAT(html, HasSubstr("aria-sort=\"ascending\"><a href=\"/sts/?sort=name&amp;order=descending\">Domain</a>"));
  EXPECT_THAT(html, HasSubstr("<a href=\"/sts/domains/a.test\">a.test</a>"));
  EXPECT_THAT(html, HasSubstr("<span>1–5 of 5</span>"));
}

TEST(FleetPage, NothingFromOutsideBecomesMarkup) {
  const Snapshot fleet = fleet_of({{.name = "a.test", .labels = {{"team", "<script>alert(1)</script>\x01\xff"}}}});
  const std::string html = render_fleet_page(fleet, {.search = "\"><img src=x>"}, kContext);
  EXPECT_THAT(html, Not(HasSubstr("<img")));
  EXPECT_THAT(render_fleet_page(fleet, {}, kContext),
              HasSubstr("team=&lt;script&gt;alert(1)&lt;/script&gt; \xEF\xBF\xBD"));
}

TEST(FleetPage, OneHundredOfFiftyThousand) {
  std::vector<Made> domains;
  for (int i = 100'000; i < 150'000; ++i)
    domains.push_back({.name = "d" + std::to_string(i) + ".test", .state = DomainState::ok, .mode = StsMode::enforce});
  domains[41'234].state = DomainState::failing;
  const Snapshot fleet = fleet_of(domains);
  const std::string first = render_fleet_page(fleet, {}, kContext);
  EXPECT_THAT(first, HasSubstr("<span>1–100 of 50,000</span>"));
  EXPECT_LT(first.find("d141234.test"), first.find("d100000.test"));
  EXPECT_THAT(first, Not(HasSubstr("d100099.test")));
  EXPECT_THAT(first, HasSubstr("<a href=\"/sts/?page=500\" rel=\"last\">"));
  const std::string last = render_fleet_page(fleet, {.page = 1'000'000}, kContext);
  EXPECT_THAT(last, HasSubstr("<span>49,901–50,000 of 50,000</span>"));
  EXPECT_THAT(last, HasSubstr("d149999.test"));
  EXPECT_LT(last.size(), 200'000U);
}

}  // namespace
}  // namespace mtasts
