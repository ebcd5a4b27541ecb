// SPDX-License-Identifier: Apache-2.0
#include "probes/core/classify.h"

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "exporter/stored_json.h"
#include "exporter/watched.h"
#include "probes/core/catalogue.h"
#include "tests/support/cases.h"
#include "tests/support/observation_reader.h"

namespace mtasts::test {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::HasSubstr;

// When the probe of a case ends; times in the tables count from here.
constexpr UnixTime kStart{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};
constexpr seconds kBefore{-900};  // when `previous` was observed

constexpr const char* kMxHostTable = "classify/mx_host.yaml";
constexpr const char* kDomainTable = "classify/domain.yaml";
constexpr const char* kMemoryTable = "classify/memory.yaml";

constexpr std::array<Word<ResultType>, 2> kIncompleteWords{
    {{"validation-failure", ResultType::validation_failure},
     {"certificate-not-trusted", ResultType::certificate_not_trusted}}};

// --- verdicts as texts, to compare with the tables' scalars ---

/// What a verdict says, by the names that tables use. "absent" stands for what is not known.
using Facts = std::map<std::string, std::string>;

std::string text(bool value) { return value ? "true" : "false"; }
std::string text(const std::string& value) { return value; }
std::string text(RecordStatus value) { return std::string(to_string(value)); }
std::string text(StsMode value) { return std::string(to_string(value)); }
std::string text(UnixTime value) { return duration_text(value - kStart); }
std::string text(Milliseconds value) { return std::to_string(value.count()) + "ms"; }
std::string text(int value) { return std::to_string(value); }
std::string text(std::size_t value) { return std::to_string(value); }
std::string text(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}
template <class T>
std::string text(const std::optional<T>& value) {
  return value ? text(*value) : "absent";
}

std::string text(const OptionalTime& value) { return value ? text(*value) : "absent"; }

template <class Optional, class Member>
std::string text_of_member(const Optional& whole, Member member) {
  return whole ? text(std::invoke(member, *whole)) : "absent";
}

void add_family(const std::string& name, const Boxed<MxFamilyVerdict>& family, Facts& facts) {
  facts[name] = family ? "there" : "absent";
  facts[name + ".reachable"] = text_of_member(family, &MxFamilyVerdict::reachable);
  facts[name + ".unreachable_reason"] = text_of_member(family, &MxFamilyVerdict::unreachable_reason);
  facts[name + ".starttls"] = text_of_member(family, &MxFamilyVerdict::starttls);
  facts[name + ".verified"] = text_of_member(family, &MxFamilyVerdict::verified);
  facts[name + ".tls_version"] = text_of_member(family, &MxFamilyVerdict::tls_version);
  facts[name + ".cipher"] = text_of_member(family, &MxFamilyVerdict::cipher);
  facts[name + ".tls_observed"] = text_of_member(family, &MxFamilyVerdict::tls_observed);
  facts[name + ".not_after"] = text_of_member(family, &MxFamilyVerdict::not_after);
}

void add_dane(const MxVerdict& verdict, Facts& facts) {
  constexpr std::array<std::string_view, 6> kStates{"unknown",    "bogus",    "insecure-address",
                                                    "no-records", "unusable", "usable"};
  facts["tlsa_lookup_success"] = text(verdict.tlsa_lookup_success);
  facts["dane.state"] = verdict.dane ? std::string(kStates[static_cast<std::size_t>(verdict.dane->state)]) : "absent";
  facts["dane.records"] = text_of_member(verdict.dane, &DaneVerdict::records);
  facts["dane.authenticated"] = text_of_member(verdict.dane, &DaneVerdict::authenticated);
  facts["dane.delivery"] = text_of_member(verdict.dane, &DaneVerdict::delivery);
}

Facts facts_of(const MxVerdict& verdict) {
  Facts facts{{"host", verdict.host},           {"lookup_success", text(verdict.lookup_success)},
              {"known", text(verdict.known)},   {"secure_delivery", text(verdict.secure_delivery)},
              {"probed", text(verdict.probed)}, {"duration", text(verdict.duration)}};
  add_family("ipv4", verdict.ipv4, facts);
  add_family("ipv6", verdict.ipv6, facts);
  add_dane(verdict, facts);
  return facts;
}

std::string mx_text(const DomainVerdict& verdict) {
  std::string all;
  for (const MxMembership& member : verdict.mx) {
    all += (all.empty() ? "" : ", ") + std::to_string(member.preference) + " " + member.host;
  }
  return all;
}

void add_policy(const DomainVerdict& verdict, Facts& facts) {
  facts["fetch_success"] = text(verdict.fetch_success);
  facts["http_status"] = text(verdict.http_status);
  facts["policy_valid"] = text(verdict.policy_valid);
  facts["mode"] = text_of_member(verdict.policy, &StsPolicy::mode);
  facts["max_age"] = verdict.policy ? duration_text(verdict.policy->max_age) : "absent";
  facts["in_force"] = verdict.in_force ? text(verdict.in_force->policy.mode) : "absent";
  facts["in_force_id"] = text_of_member(verdict.in_force, &PolicyInForce::id);
  facts["in_force_until"] = text_of_member(verdict.in_force, &PolicyInForce::until);
  facts["live"] = text_of_member(verdict.in_force, &PolicyInForce::live);
  facts["expected_mode"] = text(verdict.expected_mode);
  facts["policy_not_after"] = text(verdict.policy_not_after);
  facts["policy_last_change"] = text(verdict.policy_last_change);
  facts["enforced_until"] = text(verdict.enforced_until);
}

void add_mx(const DomainVerdict& verdict, Facts& facts) {
  facts["mx"] = mx_text(verdict);
  facts["mx_hosts"] = text(verdict.mx_hosts);
  facts["null_mx"] = text(verdict.null_mx);
  facts["mx_set_last_change"] = text(verdict.mx_set_last_change);
  facts["coverage"] = text(verdict.coverage);
  facts["deliverable"] = text(verdict.deliverable);
  for (const MxMembership& member : verdict.mx) {
    facts["covered." + member.host] = text(member.covered);
    facts["deliverable_to." + member.host] = text(member.deliverable);
    facts["dane_verified." + member.host] = text(member.dane_verified);
  }
}

Facts facts_of(const DomainVerdict& verdict) {
  Facts facts{{"state", std::string(to_string(verdict.state))},
              {"unknown_reason", verdict.unknown_reason},
              {"success", text(verdict.success)},
              {"probed", text(verdict.probed)},
              {"duration.dns", text(verdict.dns_duration)},
              {"duration.policy", text(verdict.policy_duration)},
              {"duration.mx", text(verdict.mx_duration)},
              {"duration.total", text(verdict.total_duration)},
              {"record", text(verdict.record)},
              {"record_id", verdict.record_id},
              {"tlsrpt", text(verdict.tlsrpt)}};
  for (std::size_t query = 0; query < kDnsQueryCount; ++query) {
    facts["dns." + std::string(to_string(static_cast<DnsQuery>(query)))] = text(verdict.dns_success[query]);
  }
  add_policy(verdict, facts);
  add_mx(verdict, facts);
  return facts;
}

using Lines = std::multiset<std::string>;

Lines lines_of(const std::vector<Fault>& faults) {
  Lines lines;
  for (const Fault& fault : faults)
    lines.insert(std::string(to_string(fault.type)) + " " + fault.host + " " + fault.reason);
  return lines;
}

Lines lines_of(const std::vector<Finding>& findings) {
  Lines lines;
  for (const Finding& finding : findings) lines.insert(finding.code + " " + finding.host);
  return lines;
}

// --- expectations ---

/// [[word, word], [word, word]] as lines of words.
Lines lines_of(const StrictYaml& yaml, const YAML::Node& list) {
  Lines lines;
  for (const YAML::Node& words : list) {
    std::string line;
    for (const auto& word : yaml.value<std::vector<std::string>>(words, {})) line += (line.empty() ? "" : " ") + word;
    lines.insert(line);
  }
  return lines;
}

/// Compares one written fact; a map in a map is written PARENT.KEY among the facts, and a list as A, B.
void expect_fact(const StrictYaml& yaml, const std::string& name, const YAML::Node& wanted, const Facts& facts) {
  if (wanted.IsMap()) {
    for (const auto& entry : wanted) {
      expect_fact(yaml, name + "." + entry.first.as<std::string>(), entry.second, facts);
    }
    return;
  }
  const auto found = facts.find(name);
  if (found == facts.end()) yaml.refuse(wanted, "a verdict has no '" + name + "'");
  std::string text = wanted.IsSequence() ? "" : yaml.value<std::string>(wanted, "");
  for (const YAML::Node& one : wanted) text += (text.empty() ? "" : ", ") + yaml.value<std::string>(one, "");
  EXPECT_EQ(found->second, text) << name;
}

bool is_list_of_its_own(std::string_view key) { return key == "faults" || key == "findings" || key == "says"; }

/// The sentences for people, of faults and findings.
template <class Verdict>
std::vector<std::string> messages_of(const Verdict& verdict) {
  std::vector<std::string> messages;
  for (const Fault& fault : verdict.faults) messages.push_back(fault.message);
  for (const Finding& finding : verdict.findings) messages.push_back(finding.message);
  return messages;
}

/// A finding's reason is one of a fault, or of a rule of the texts.
bool is_in_catalogue(std::string_view reason) {
  return find_code(CodeKind::reason, reason) != nullptr || find_code(CodeKind::policy_error, reason) != nullptr ||
         find_code(CodeKind::record_error, reason) != nullptr;
}

/// Only the facts written are compared, but faults and findings as complete sets: unwritten, there are none.
template <class Verdict>
void expect_verdict(const StrictYaml& yaml, const YAML::Node& expect, const Verdict& verdict) {
  const Facts facts = facts_of(verdict);
  EXPECT_EQ(lines_of(verdict.faults), lines_of(yaml, child(expect, "faults")));
  EXPECT_EQ(lines_of(verdict.findings), lines_of(yaml, child(expect, "findings")));
  std::set<std::string> seen;
  for (const auto& entry : expect) {
    const auto name = entry.first.as<std::string>();
    if (!seen.insert(name).second) yaml.refuse(entry.first, "the key '" + name + "' is there twice");
    if (!is_list_of_its_own(name)) expect_fact(yaml, name, entry.second, facts);
  }
  for (const YAML::Node& part : child(expect, "says")) {
    EXPECT_THAT(messages_of(verdict), Contains(HasSubstr(yaml.value<std::string>(part, ""))));
  }
}

template <class Verdict>
void expect_codes_in_catalogue(const Verdict& verdict) {
  for (const Fault& fault : verdict.faults) {
    const bool known =
        find_code(CodeKind::reason, fault.reason) != nullptr ||
        (fault.type == ResultType::sts_policy_invalid && find_code(CodeKind::policy_error, fault.reason) != nullptr);
    EXPECT_TRUE(known) << fault.reason;
    EXPECT_NE(fault.message, "") << fault.reason;
  }
  for (const Finding& finding : verdict.findings) {
    EXPECT_NE(find_code(CodeKind::finding, finding.code), nullptr) << finding.code;
    EXPECT_NE(finding.message, "") << finding.code;
    EXPECT_TRUE(finding.reason.empty() || is_in_catalogue(finding.reason)) << finding.reason;
  }
}

ClassifyOptions read_options(const StrictYaml& yaml, const YAML::Node& map) {
  yaml.check_keys(
      map, {"incomplete_chain", "expiry_warning", "min_max_age_enforce", "min_max_age_testing", "testing_longer_than"});
  ClassifyOptions options;
  const YAML::Node incomplete = child(map, "incomplete_chain");
  if (incomplete.IsDefined()) options.incomplete_chain = yaml.word(incomplete, kIncompleteWords);
  options.expiry_warning = yaml.duration(child(map, "expiry_warning"), options.expiry_warning);
  options.min_max_age_enforce = yaml.duration(child(map, "min_max_age_enforce"), options.min_max_age_enforce);
  options.min_max_age_testing = yaml.duration(child(map, "min_max_age_testing"), options.min_max_age_testing);
  options.testing_longer_than = yaml.duration(child(map, "testing_longer_than"), options.testing_longer_than);
  return options;
}

// --- one domain, probe after probe ---

/// Carries along what the probe loop carries along: memory, last verdict, last observation, MX hosts' verdicts.
class WatchedDomain {
 public:
  WatchedDomain(const StrictYaml& yaml, const YAML::Node& entry)
      : yaml_(yaml),
        options_(read_options(yaml, child(entry, "options"))),
        max_hosts_(yaml.value<std::size_t>(child(entry, "max_hosts"), 32)) {
    const YAML::Node mode = child(entry, "expect_mode");
    if (mode.IsDefined()) expected_mode_ = yaml.word(mode, kModeWords);
    require_dane_ = yaml.value(child(entry, "require_dane"), false);
  }

  /// A probe of the domain and of its MX hosts.
  DomainVerdict probe(const YAML::Node& input, UnixTime now) {
    DomainObservation seen = ObservationReader(yaml_, kStart, now).domain(input);
    memory_ = remember(std::move(memory_), seen);
    probe_hosts(child(input, "hosts"), hosts_of(seen), now);
    outdated_ = seen.spoiled.has_value();
    if (outdated_) return judge(seen, now);
    seen_ = std::move(seen);
    return judge(*seen_, now);
  }

  /// A probe of MX hosts alone: the domain is judged anew by what it showed last.
  DomainVerdict probe_only(const YAML::Node& hosts, UnixTime now) {
    std::set<std::string> names;
    for (const auto& entry : hosts) names.insert(entry.first.as<std::string>());
    probe_hosts(hosts, names, now);
    return judge(seen_.value(), now);
  }

  /// The memory and the last verdict are stored; observations are not, and no MX host has been probed since.
  void restart() {
    seen_.reset();
    hosts_.clear();
  }

 private:
  /// The hosts to probe: those that the answer names, those known before when there is none.
  [[nodiscard]] std::set<std::string> hosts_of(const DomainObservation& seen) const {
    std::set<std::string> names;
    for (const MxRecord& record : mx_hosts_of(seen)) names.insert(record.host);
    const DnsStatus status = seen.mx.lookup.status;
    if (status != DnsStatus::servfail && status != DnsStatus::timeout) return names;
    for (const auto& [host, verdict] : hosts_) names.insert(host);
    return names;
  }

  void probe_hosts(const YAML::Node& maps, const std::set<std::string>& names, UnixTime now) {
    for (const auto& entry : maps) {
      if (!names.contains(entry.first.as<std::string>())) yaml_.refuse(entry.first, "no MX host of the domain");
    }
    for (const std::string& name : names) {
      const YAML::Node map = child(maps, name);
      const bool unobserved = map.IsDefined() && map.IsScalar() && map.Scalar() == "unobserved";
      if (!unobserved) probe_host(name, map, now);
    }
  }

  void probe_host(const std::string& name, const YAML::Node& map, UnixTime now) {
    const auto known = hosts_.find(name);
    const MxVerdict* previous = known == hosts_.end() ? nullptr : &known->second;
    const MxHostObservation seen = ObservationReader(yaml_, kStart, now).mx_host(name, map);
    hosts_[name] = classify_mx_host(seen, previous, options_, now);
  }

  DomainVerdict judge(const DomainObservation& seen, UnixTime now) {
    MxVerdicts by_host;
    for (const auto& [name, verdict] : hosts_) by_host[name] = &verdict;
    const DomainInputs inputs{.seen = seen,
                              .memory = memory_,
                              .mx = by_host,
                              .previous = verdict_ ? &*verdict_ : nullptr,
                              .expected_mode = expected_mode_,
                              .require_dane = require_dane_,
                              .max_hosts = max_hosts_,
                              .outdated = outdated_};
    const DomainObservation packed = PackedObservation(seen).unpacked();
    const DomainInputs same{.seen = packed,
                            .memory = memory_,
                            .mx = inputs.mx,
                            .previous = inputs.previous,
                            .expected_mode = inputs.expected_mode,
                            .require_dane = inputs.require_dane,
                            .max_hosts = inputs.max_hosts,
                            .outdated = inputs.outdated};
    const std::string by_what_is_kept = render_json(classify_domain(same, options_, now));
    verdict_ = classify_domain(inputs, options_, now);
    EXPECT_EQ(by_what_is_kept, render_json(*verdict_)) << "judged by what is kept in memory";
    return *verdict_;
  }

  const StrictYaml& yaml_;
  ClassifyOptions options_;
  std::size_t max_hosts_;
  std::optional<StsMode> expected_mode_{};
  bool require_dane_{};
  DomainMemory memory_{};
  std::optional<DomainObservation> seen_{};
  bool outdated_{};  // the last probe of the domain was spoiled
  std::optional<DomainVerdict> verdict_{};
  std::map<std::string, MxVerdict> hosts_{};
};

class MxHostCases : public testing::TestWithParam<Case> {};

TEST_P(MxHostCases, ClassifyAsTheStandardsSay) {
  const Case& entry = GetParam();
  SCOPED_TRACE(entry.where + ", RFC " + entry.rfc);
  const StrictYaml yaml(kMxHostTable);
  yaml.check_keys(entry.node, {"name", "rfc", "options", "previous", "input", "expect"});
  const ClassifyOptions options = read_options(yaml, child(entry.node, "options"));
  std::optional<MxVerdict> previous;
  if (const YAML::Node before = child(entry.node, "previous"); before.IsDefined()) {
    const ObservationReader reader(yaml, kStart, kStart + kBefore);
    previous = classify_mx_host(reader.mx_host("mx1.example.org", before), nullptr, options, kStart + kBefore);
  }
  const ObservationReader reader(yaml, kStart, kStart);
  const MxHostObservation seen = reader.mx_host("mx1.example.org", child(entry.node, "input"));
  const MxVerdict verdict = classify_mx_host(seen, previous ? &*previous : nullptr, options, kStart);
  expect_verdict(yaml, child(entry.node, "expect"), verdict);
  expect_codes_in_catalogue(verdict);
}
INSTANTIATE_TEST_SUITE_P(Data, MxHostCases, testing::ValuesIn(load_cases(kMxHostTable)), case_name);

class DomainCases : public testing::TestWithParam<Case> {};

TEST_P(DomainCases, ClassifyAsTheStandardsSay) {
  const Case& entry = GetParam();
  SCOPED_TRACE(entry.where + ", RFC " + entry.rfc);
  const StrictYaml yaml(kDomainTable);
  yaml.check_keys(entry.node, {"name", "rfc", "options", "expect_mode", "require_dane", "max_hosts", "previous",
                               "input", "expect"});
  WatchedDomain domain(yaml, entry.node);
  const YAML::Node before = child(entry.node, "previous");
  if (before.IsDefined()) domain.probe(before, kStart + kBefore);
  const DomainVerdict verdict = domain.probe(child(entry.node, "input"), kStart);
  expect_verdict(yaml, child(entry.node, "expect"), verdict);
  expect_codes_in_catalogue(verdict);
}
INSTANTIATE_TEST_SUITE_P(Data, DomainCases, testing::ValuesIn(load_cases(kDomainTable)), case_name);

class MemoryCases : public testing::TestWithParam<Case> {
 protected:
  static DomainVerdict take_step(const StrictYaml& yaml, const YAML::Node& step, WatchedDomain& domain) {
    yaml.check_keys(step, {"at", "restart", "input", "only_hosts", "expect"});
    const UnixTime now = kStart + yaml.duration(child(step, "at"), seconds{0});
    if (yaml.value(child(step, "restart"), false)) domain.restart();
    const YAML::Node hosts = child(step, "only_hosts");
    return hosts.IsDefined() ? domain.probe_only(hosts, now) : domain.probe(child(step, "input"), now);
  }
};

TEST_P(MemoryCases, CarryAlongAsTheStandardsSay) {
  const Case& entry = GetParam();
  const StrictYaml yaml(kMemoryTable);
  yaml.check_keys(entry.node, {"name", "rfc", "options", "expect_mode", "require_dane", "max_hosts", "steps"});
  WatchedDomain domain(yaml, entry.node);
  for (const YAML::Node& step : child(entry.node, "steps")) {
    SCOPED_TRACE(std::string(kMemoryTable) + ":" + std::to_string(step.Mark().line + 1) + ", RFC " + entry.rfc);
    const DomainVerdict verdict = take_step(yaml, step, domain);
    expect_verdict(yaml, child(step, "expect"), verdict);
    expect_codes_in_catalogue(verdict);
  }
}
INSTANTIATE_TEST_SUITE_P(Data, MemoryCases, testing::ValuesIn(load_cases(kMemoryTable)), case_name);

TEST(MxHostsOf, NamesNobodyWhenTheLookupFailed) {
  for (const DnsStatus status : {DnsStatus::servfail, DnsStatus::timeout, DnsStatus::nxdomain}) {
    const DomainObservation seen{.domain = "example.org", .mx = {.lookup = {.status = status}}};
    EXPECT_TRUE(mx_hosts_of(seen).empty());
  }
}

// --- the tables themselves ---

/// Every word that stands anywhere under a key of this name.
void collect(const YAML::Node& node, const std::string& key, std::set<std::string>& words) {
  if (node.IsMap()) {
    for (const auto& entry : node) {
      if (entry.first.as<std::string>() != key) collect(entry.second, key, words);
      if (entry.first.as<std::string>() != key) continue;
      for (const YAML::Node& line : entry.second) {
        for (const YAML::Node& word : line) words.insert(word.as<std::string>());
      }
    }
  }
  if (node.IsSequence()) {
    for (const YAML::Node& one : node) collect(one, key, words);
  }
}

std::set<std::string> words_of_tables(const std::string& key) {
  std::set<std::string> words;
  for (const char* table : {kMxHostTable, kDomainTable, kMemoryTable}) {
    for (const Case& entry : load_cases(table)) collect(entry.node, key, words);
  }
  return words;
}

std::vector<std::string> codes_without_case(CodeKind kind, const std::set<std::string>& words,
                                            const std::set<std::string>& left_out) {
  std::vector<std::string> missing;
  for (const CatalogueEntry& entry : catalogue()) {
    const std::string code(entry.code);
    if (entry.kind == kind && !words.contains(code) && !left_out.contains(code)) missing.push_back(code);
  }
  return missing;
}

TEST(ClassifyTables, HaveACaseForEveryResultType) {
  EXPECT_THAT(codes_without_case(CodeKind::result_type, words_of_tables("faults"), {}), testing::IsEmpty());
}

TEST(ClassifyTables, HaveACaseForEveryReason) {
  std::set<std::string> words = words_of_tables("faults");
  for (const Case& entry : load_cases(kMxHostTable)) {
    for (const char* family : {"ipv4", "ipv6"}) {
      const YAML::Node reason = child(child(child(entry.node, "expect"), family), "unreachable_reason");
      if (reason.IsDefined()) words.insert(reason.as<std::string>());
    }
  }
  const std::set<std::string> left_out{// that have words of their own for a result type
                                       "starttls-not-supported/refused", "sts-policy-fetch-error/timeout",
                                       "validation-failure/tls-alert", "validation-failure/tls-error"};
  EXPECT_THAT(codes_without_case(CodeKind::reason, words, left_out), testing::IsEmpty());
}

TEST(ClassifyTables, HaveACaseForEveryFinding) {
  EXPECT_THAT(codes_without_case(CodeKind::finding, words_of_tables("findings"), {}), testing::IsEmpty());
}

TEST(Remember, OfThousandsOfMxHostsAHundred) {
  DomainObservation seen{.domain = "example.org", .ended = kStart};
  seen.mx.lookup.status = DnsStatus::answered;
  for (int i = 0; i < 5000; ++i)
    seen.mx.records.push_back({.preference = 10, .host = "mx" + std::to_string(i) + ".example.org"});
  DomainMemory memory = remember({}, seen);
  EXPECT_EQ(memory.mx_set.size(), kMostMxRemembered);
  memory = remember(std::move(memory), seen);
  EXPECT_EQ(memory.mx_set_last_change, std::nullopt);
  seen.mx.records.erase(seen.mx.records.begin());  // mx0, the first of all
  memory = remember(std::move(memory), seen);
  EXPECT_EQ(memory.mx_set_last_change, kStart);
}

/// What the reader says of an observation that it does not understand, "" when it understands it.
std::string refusal_of(const std::string& input) {
  const StrictYaml yaml("t.yaml");
  const ObservationReader reader(yaml, kStart, kStart);
  try {
    const YAML::Node map = YAML::Load(input);
    static_cast<void>(reader.domain(child(map, "domain")));
    static_cast<void>(reader.mx_host("mx1.example.org", child(map, "host")));
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(ClassifyTables, RefuseWhatIsMisspelt) {
  EXPECT_EQ(refusal_of("domain:\n  sts: nxdomain\n"), "");
  EXPECT_EQ(refusal_of("domain:\n  stss: nxdomain\n"), "t.yaml:2: unknown key 'stss'");
  EXPECT_EQ(refusal_of("domain:\n  sts: nxdomian\n"), "t.yaml:2: unknown word 'nxdomian'");
  EXPECT_EQ(refusal_of("domain:\n  sts: nxdomain\n  sts: nodata\n"), "t.yaml:3: the key 'sts' is there twice");
  EXPECT_EQ(refusal_of("domain:\n  policy: not-fetchd\n"), "t.yaml:2: a map is wanted here");
  EXPECT_EQ(refusal_of("domain:\n  policy: {attempts: [{tls: {problem: [expired]}}]}\n"),
            "t.yaml:2: unknown key 'problem'");
  EXPECT_EQ(refusal_of("host:\n  failure: [conect, refused]\n"), "t.yaml:2: unknown word 'conect'");
  EXPECT_EQ(refusal_of("host:\n  tls:\n    not_after: 3w\n"), "t.yaml:3: '3w' is no duration such as 1d12h");
  EXPECT_EQ(refusal_of("host:\n  tls:\n    not_after: 30\n"), "t.yaml:3: the duration '30' lacks its unit");
  EXPECT_EQ(refusal_of("host:\n  greeting: high\n"), "t.yaml:2: a value of this kind does not belong here");
}

}  // namespace
}  // namespace mtasts::test
