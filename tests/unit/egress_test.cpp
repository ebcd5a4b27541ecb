// SPDX-License-Identifier: Apache-2.0
#include "exporter/egress.h"

#include <gmock/gmock.h>

namespace mtasts {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

IpAddress address_of(IpFamily family) {
  IpAddress made{.family = family};
  made.octets[0] = 1;
  return made;
}

/// What peers' probes do to Egress, and what it takes back.
class EgressTest : public testing::Test {
 protected:
  std::string host(int number) { return "mx" + std::to_string(number) + ".example"; }

  MxHostObservation probe(const std::string& name, std::vector<std::pair<IpFamily, std::optional<NetError>>> sessions,
                          NetStage stage = NetStage::connect) {
    MxHostObservation seen{.host = name};
    for (const auto& [family, error] : sessions) {
      SmtpObservation session{.address = address_of(family)};
      if (error) session.failure = NetFailure{.stage = stage, .error = *error};
      (family == IpFamily::ipv4 ? seen.lookup.ipv4 : seen.lookup.ipv6) = DnsLookup{.status = DnsStatus::answered};
      seen.lookup.addresses.push_back(session.address);
      seen.sessions.push_back(session);
    }
    egress_.note_mx_host(seen, [this, name] { return [this, name] { taken_back_.push_back(name); }; });
    return seen;
  }
  MxHostObservation reach(int number) { return probe(host(number), {{IpFamily::ipv4, std::nullopt}}); }
  MxHostObservation silence(int number) { return probe(host(number), {{IpFamily::ipv4, NetError::timeout}}); }
  /// It takes the connection, and nothing more is heard of it.
  MxHostObservation cut_off(int number) {
    return probe(host(number), {{IpFamily::ipv4, NetError::timeout}}, NetStage::starttls);
  }

  DomainObservation look_up(const std::string& domain, DnsStatus status) {
    DomainObservation seen{.domain = domain};
    for (DnsLookup* lookup : {&seen.sts.lookup, &seen.tlsrpt.lookup, &seen.mx.lookup}) lookup->status = status;
    egress_.note_lookups(seen, [this, domain] { return [this, domain] { taken_back_.push_back(domain); }; });
    return seen;
  }

  /// A domain whose policy host and whose HTTPS host for reports end like this.
  DomainObservation fetch(int number, std::optional<NetError> policy, std::optional<NetError> reports) {
    DomainObservation seen = with_report_host(number, policy, reports);
    const auto suspected = [this, name = seen.domain] { return [this, name] { taken_back_.push_back(name); }; };
    egress_.note_policy(seen, suspected);
    egress_.note_report_targets(seen, suspected);
    return seen;
  }

  DomainObservation with_report_host(int number, std::optional<NetError> policy, std::optional<NetError> reports) {
    DomainObservation seen{.domain = host(number), .policy = PolicyObservation()};
    seen.policy->lookup.ipv4 = DnsLookup{.status = DnsStatus::answered};
    seen.policy->lookup.addresses = {address_of(IpFamily::ipv4)};
    seen.policy->attempts = {{.address = address_of(IpFamily::ipv4), .failure = connect_failure(policy)}};
    ReportTargetObservation target{.target = {ReportTargetKind::https, "reports.example"},
                                   .lookup = seen.policy->lookup};
    target.attempts = {{.address = address_of(IpFamily::ipv4), .failure = connect_failure(reports)}};
    seen.report_targets = {std::make_shared<const ReportTargetObservation>(target)};
    return seen;
  }

  static std::optional<NetFailure> connect_failure(std::optional<NetError> error) {
    if (!error) return std::nullopt;
    return NetFailure{.stage = NetStage::connect, .error = *error};
  }

  Egress egress_;
  std::vector<std::string> taken_back_;
};

TEST_F(EgressTest, ASilentHostAmongOthersIsDown) {
  for (int i = 0; i < 5; ++i) reach(i);
  EXPECT_EQ(silence(0).spoiled, std::nullopt);
  reach(1);
  EXPECT_THAT(taken_back_, IsEmpty());
  EXPECT_EQ(egress_.open(EgressKind::smtp, IpFamily::ipv4), true);
}

TEST_F(EgressTest, ALossTakesBackWhatTheFirstSilentHostsBrought) {
  for (int i = 0; i < 5; ++i) reach(i);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(silence(i).spoiled, std::nullopt);
  EXPECT_THAT(taken_back_, IsEmpty());
  EXPECT_THAT(silence(4).spoiled.value_or(""), HasSubstr("no MX host answers over ipv4"));
  EXPECT_THAT(taken_back_, ElementsAre(host(0), host(1), host(2), host(3)));
  EXPECT_EQ(egress_.open(EgressKind::smtp, IpFamily::ipv4), false);
  taken_back_.clear();
  EXPECT_TRUE(silence(0).spoiled);
  EXPECT_THAT(taken_back_, IsEmpty()) << "once";
}

TEST_F(EgressTest, ALossTakesBackWhatSessionsBroughtThatItCutOff) {
  for (int i = 0; i < 5; ++i) reach(i);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(cut_off(i).spoiled, std::nullopt);
  for (int i = 2; i < 5; ++i) silence(i);
  EXPECT_EQ(cut_off(0).spoiled, std::nullopt) << "no witness for the way: it may have been lost since";
  EXPECT_THAT(taken_back_, IsEmpty());
  silence(0);
  silence(1);
  EXPECT_THAT(taken_back_, UnorderedElementsAre(host(0), host(1), host(2), host(3), host(4)));
  EXPECT_TRUE(cut_off(7).spoiled) << "began before the loss";
}

TEST_F(EgressTest, ATarpitAmongOthersIsItsOwnFault) {
  for (int i = 0; i < 5; ++i) reach(i);
  cut_off(0);
  reach(1);
  for (int i = 1; i < 5; ++i) silence(i);
  silence(0);
  EXPECT_THAT(taken_back_, UnorderedElementsAre(host(1), host(2), host(3), host(4)));
}

TEST_F(EgressTest, WhoTakesConnectionsProvesTheWayOpen) {
  EXPECT_EQ(cut_off(0).spoiled, std::nullopt);
  EXPECT_EQ(egress_.open(EgressKind::smtp, IpFamily::ipv4), true);
  EXPECT_EQ(silence(1).spoiled, std::nullopt);
}

TEST_F(EgressTest, AHostThatWasDownBeforeTheLossStaysDown) {
  for (int i = 0; i < 6; ++i) reach(i);
  silence(5);
  for (int i = 0; i < 5; ++i) reach(i);
  for (int i = 0; i < 5; ++i) silence(i);
  EXPECT_THAT(taken_back_, ElementsAre(host(0), host(1), host(2), host(3)));
}

TEST_F(EgressTest, AForgottenHostIsNotTakenBack) {
  for (int i = 0; i < 6; ++i) reach(i);
  silence(0);
  egress_.forget_mx_host(host(0));
  for (int i = 1; i < 6; ++i) silence(i);
  EXPECT_THAT(taken_back_, ElementsAre(host(1), host(2), host(3), host(4)));
}

TEST_F(EgressTest, WherePort25NeverWorkedTheFirstSilentHostSpeaksAgainstUs) {
  EXPECT_TRUE(silence(0).spoiled);
  EXPECT_EQ(egress_.open(EgressKind::smtp, IpFamily::ipv4), false);
  EXPECT_EQ(egress_.open(EgressKind::smtp, IpFamily::ipv6), std::nullopt);
}

TEST_F(EgressTest, AnEarlierRunThatReachedAHostSpeaksForUs) {
  egress_.was_reached(IpFamily::ipv4, host(7));
  EXPECT_EQ(silence(0).spoiled, std::nullopt);
}

TEST_F(EgressTest, WithOneFamilyLostTheOtherIsJudged) {
  const std::vector<std::pair<IpFamily, std::optional<NetError>>> only4 = {{IpFamily::ipv4, std::nullopt},
                                                                           {IpFamily::ipv6, NetError::timeout}};
  const MxHostObservation seen = probe(host(0), only4);
  EXPECT_EQ(seen.spoiled, std::nullopt);
  ASSERT_EQ(seen.sessions.size(), 1U);
  EXPECT_EQ(seen.sessions[0].address.family, IpFamily::ipv4);
  EXPECT_FALSE(seen.lookup.ipv6) << "no verdict on a family that this machine cannot use";
  EXPECT_EQ(egress_.open(EgressKind::smtp, IpFamily::ipv4), true);
  EXPECT_EQ(egress_.open(EgressKind::smtp, IpFamily::ipv6), false);
}

TEST_F(EgressTest, AHostWithOneDeadAddressIsReached) {
  for (int i = 0; i < 5; ++i) reach(i);
  for (int i = 0; i < 5; ++i) {
    const auto seen = probe(host(i), {{IpFamily::ipv4, NetError::timeout}, {IpFamily::ipv4, std::nullopt}});
    EXPECT_EQ(seen.sessions.size(), 2U);
  }
  EXPECT_EQ(egress_.open(EgressKind::smtp, IpFamily::ipv4), true);
}

TEST_F(EgressTest, AnAddressWeRefuseSaysNothing) {
  for (int i = 0; i < 5; ++i) probe(host(i), {{IpFamily::ipv4, NetError::address_refused}});
  EXPECT_EQ(egress_.open(EgressKind::smtp, IpFamily::ipv4), std::nullopt);
}

TEST_F(EgressTest, LookupsThatFailForEverybodyAreOurs) {
  for (int i = 0; i < 4; ++i) look_up(host(i), DnsStatus::nxdomain);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(look_up(host(i), DnsStatus::servfail).spoiled, std::nullopt);
  EXPECT_TRUE(look_up(host(3), DnsStatus::timeout).spoiled);
  EXPECT_TRUE(egress_.lookups_lost());
  EXPECT_THAT(taken_back_, ElementsAre(host(0), host(1), host(2)));
  EXPECT_EQ(look_up(host(0), DnsStatus::answered).spoiled, std::nullopt);
  EXPECT_FALSE(egress_.lookups_lost());
}

TEST_F(EgressTest, OneDomainAloneIsNoWitnessAgainstItsNameServers) {
  EXPECT_TRUE(look_up(host(0), DnsStatus::servfail).spoiled);
  EXPECT_EQ(look_up(host(0), DnsStatus::answered).spoiled, std::nullopt);
  EXPECT_TRUE(look_up(host(0), DnsStatus::timeout).spoiled);
  look_up(host(1), DnsStatus::answered);
  EXPECT_EQ(look_up(host(0), DnsStatus::timeout).spoiled, std::nullopt) << "others are answered";
}

TEST_F(EgressTest, OneThatFailsRightAfterALossDoesNotMakeItAnother) {
  for (int i = 0; i < 8; ++i) look_up(host(i), DnsStatus::answered);
  for (int i = 0; i < 8; ++i) look_up(host(i), DnsStatus::servfail);
  EXPECT_TRUE(egress_.lookups_lost());
  look_up(host(0), DnsStatus::answered);
  look_up(host(7), DnsStatus::servfail);
  EXPECT_FALSE(egress_.lookups_lost());
}

TEST_F(EgressTest, ALossThatBeginsWithinAProbeTakesItBackToo) {
  for (int i = 0; i < 4; ++i) look_up(host(i), DnsStatus::answered);
  DomainObservation seen{.domain = host(9)};
  for (DnsLookup* lookup : {&seen.sts.lookup, &seen.tlsrpt.lookup, &seen.mx.lookup})
    lookup->status = DnsStatus::answered;
  seen.policy.emplace();
  seen.policy->lookup.ipv4 = DnsLookup{.status = DnsStatus::servfail};
  egress_.note_lookups(seen, [this] { return [this] { taken_back_.push_back(host(9)); }; });
  EXPECT_EQ(seen.spoiled, std::nullopt);
  for (int i = 0; i < 4; ++i) look_up(host(i), DnsStatus::servfail);
  EXPECT_THAT(taken_back_, UnorderedElementsAre(host(0), host(1), host(2), host(9)));
}

TEST_F(EgressTest, AFewDomainsMayFailInPart) {
  DomainObservation seen{.domain = host(0)};
  for (DnsLookup* lookup : {&seen.tlsrpt.lookup, &seen.mx.lookup}) lookup->status = DnsStatus::answered;
  seen.sts.lookup.status = DnsStatus::servfail;
  egress_.note_lookups(seen, [] { return [] {}; });
  EXPECT_EQ(seen.spoiled, std::nullopt);
}

TEST_F(EgressTest, AVerdictThatCannotBeTakenBackIsExcusedOnDoubt) {
  const auto excused = [this](int number) {
    MxHostObservation seen{.host = host(number)};
    seen.lookup.ipv4 = DnsLookup{.status = DnsStatus::answered};
    seen.lookup.addresses.push_back(address_of(IpFamily::ipv4));
    seen.sessions.push_back({.address = address_of(IpFamily::ipv4),
                             .failure = NetFailure{.stage = NetStage::connect, .error = NetError::timeout}});
    egress_.excuse(seen);
    return seen.spoiled.value_or("");
  };
  EXPECT_THAT(excused(0), HasSubstr("is outgoing port 25 blocked here?"));
  reach(1);
  EXPECT_EQ(excused(0), "") << "the way is open, so the host is down";
  EXPECT_EQ(egress_.open(EgressKind::smtp, IpFamily::ipv4), true) << "what is excused is no evidence";
}

TEST_F(EgressTest, LookupsThatFailForEverybodyAreNotTheFaultOfMxHosts) {
  const auto look_up_host = [this](int number) {
    MxHostObservation seen{.host = host(number)};
    seen.lookup.ipv4 = seen.lookup.ipv6 = DnsLookup{.status = DnsStatus::servfail};
    egress_.note_mx_host(seen,
                         [this, name = seen.host] { return [this, name] { taken_back_.push_back("mx " + name); }; });
    return seen.spoiled;
  };
  for (int i = 0; i < 4; ++i) look_up(host(i), DnsStatus::answered);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(look_up_host(i), std::nullopt) << "they may all be hosts of one domain";
  EXPECT_FALSE(egress_.lookups_lost());
  look_up(host(0), DnsStatus::answered);
  EXPECT_EQ(look_up_host(0), std::nullopt);
  for (int i = 0; i < 4; ++i) look_up(host(i), DnsStatus::servfail);
  EXPECT_TRUE(look_up_host(1));
  EXPECT_THAT(taken_back_, UnorderedElementsAre(host(0), host(1), host(2), "mx " + host(0)));
}

TEST_F(EgressTest, ASilentReportHostIsDownWhileOthersAnswer) {
  for (int i = 0; i < 5; ++i) {
    const DomainObservation seen = fetch(i, std::nullopt, NetError::timeout);
    EXPECT_EQ(seen.report_targets[0]->spoiled, std::nullopt);
    EXPECT_EQ(seen.report_targets[0]->attempts[0].failure->error, NetError::timeout);
  }
  EXPECT_THAT(taken_back_, IsEmpty());
  EXPECT_EQ(egress_.open(EgressKind::https, IpFamily::ipv4), true);
}

TEST_F(EgressTest, ReportHostsAreNoWitnesses) {
  for (int i = 0; i < 5; ++i) fetch(i, std::nullopt, std::nullopt);
  for (int i = 0; i < 5; ++i) fetch(i, NetError::timeout, std::nullopt);
  EXPECT_EQ(egress_.open(EgressKind::https, IpFamily::ipv4), false) << "one that answered may have done so before";
}

TEST_F(EgressTest, WhereTheWayIsLostASilentReportHostIsNotJudged) {
  for (int i = 0; i < 5; ++i) fetch(i, std::nullopt, std::nullopt);
  DomainObservation shared = with_report_host(9, std::nullopt, NetError::timeout);
  const auto of_others = shared.report_targets[0];
  for (int i = 0; i < 5; ++i) fetch(i, NetError::timeout, std::nullopt);
  egress_.note_report_targets(shared, [] { return [] {}; });
  EXPECT_THAT(shared.report_targets[0]->spoiled.value_or(""), HasSubstr("is outgoing HTTPS blocked here?"));
  EXPECT_EQ(of_others->spoiled, std::nullopt) << "it is shared with other domains";
}

TEST_F(EgressTest, ALossTakesBackWhatSilentReportHostsBrought) {
  for (int i = 0; i < 5; ++i) fetch(i, std::nullopt, std::nullopt);
  DomainObservation seen = with_report_host(9, std::nullopt, NetError::timeout);
  egress_.note_report_targets(seen, [this] { return [this] { taken_back_.push_back(host(9)); }; });
  for (int i = 0; i < 5; ++i) fetch(i, NetError::timeout, std::nullopt);
  EXPECT_THAT(taken_back_, testing::Contains(host(9)));
}

TEST_F(EgressTest, ADomainThatIsForgottenIsNotTakenBackForItsReportHost) {
  for (int i = 0; i < 5; ++i) fetch(i, std::nullopt, std::nullopt);
  DomainObservation seen = with_report_host(9, std::nullopt, NetError::timeout);
  egress_.note_report_targets(seen, [this] { return [this] { taken_back_.push_back(host(9)); }; });
  egress_.forget_domain(host(9));
  for (int i = 0; i < 5; ++i) fetch(i, NetError::timeout, std::nullopt);
  EXPECT_THAT(taken_back_, testing::Not(testing::Contains(host(9))));
}

TEST_F(EgressTest, ASilentReportHostIsExcusedUnlessTheDomainsPolicyHostAnswers) {
  DomainObservation alone = with_report_host(0, std::nullopt, NetError::timeout);
  egress_.excuse(alone);
  EXPECT_EQ(alone.report_targets[0]->spoiled, std::nullopt) << "the way was open a moment ago";
  for (int i = 1; i < 3; ++i) fetch(i, NetError::timeout, std::nullopt);
  DomainObservation other = with_report_host(0, NetError::address_refused, NetError::timeout);
  egress_.excuse(other);
  EXPECT_TRUE(other.report_targets[0]->spoiled);
}

TEST_F(EgressTest, AProbeThatIsSpoiledAlreadySaysNothing) {
  MxHostObservation seen{.host = host(0), .spoiled = "another reason"};
  seen.sessions.push_back({.address = address_of(IpFamily::ipv4),
                           .failure = NetFailure{.stage = NetStage::connect, .error = NetError::timeout}});
  egress_.note_mx_host(seen, [] { return [] {}; });
  EXPECT_EQ(seen.spoiled, "another reason");
  EXPECT_EQ(egress_.open(EgressKind::smtp, IpFamily::ipv4), std::nullopt);
}

}  // namespace
}  // namespace mtasts
