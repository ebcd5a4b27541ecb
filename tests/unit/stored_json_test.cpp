// SPDX-License-Identifier: Apache-2.0
#include "exporter/stored_json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/pfr.hpp>
#include <type_traits>

#include "exporter/stored_observation.h"

namespace mtasts {
namespace {

using namespace std::chrono_literals;

/// Fills every member, found by Boost.PFR and so never by a list that someone must keep, with a value of its own.
class Filler {
 public:
  template <class T>
  T filled() {
    T value;
    fill(value);
    return value;
  }

 private:
  template <class T>
  void fill(Boxed<T>& value) {
    fill(value.emplace());
  }
  void fill(OptionalTime& value) { fill(value.emplace()); }
  template <class T>
  void fill(std::optional<T>& value) {
    fill(value.emplace());
  }
  template <class T>
  void fill(std::vector<T>& value) {
    value.resize(2);
    for (T& element : value) fill(element);
  }
  template <class T, std::size_t N>
  void fill(std::array<T, N>& value) {
    for (std::size_t i = 0; i + 1 < N; ++i) fill(value[i]);  // the last stays as it was: null
  }
  template <class Rep, class Period>
  void fill(std::chrono::duration<Rep, Period>& value) {
    value = std::chrono::duration<Rep, Period>{++count_};
  }
  void fill(UnixTime& value) { value = UnixTime{std::chrono::seconds{1'800'000'000 + ++count_}}; }
  void fill(std::string& value) { value = "text \"\\\n\xff" + std::to_string(++count_); }
  void fill(bool& value) { value = true; }
  void fill(IpAddress& value) { value = *parse_ip_address("192.0.2." + std::to_string(++count_ % 250)); }
  template <class T>
  static void fill(std::shared_ptr<T>&) {}
  template <class T>
  void fill(T& value) {
    if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(2);
    } else if constexpr (std::is_arithmetic_v<T>) {
      value = static_cast<T>(++count_);
    } else {
      boost::pfr::for_each_field(value, [this](auto& member) { fill(member); });
    }
  }

  int count_{};
};

template <class T>
bool same(const T& left, const T& right) {
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    return left == right;
  } else if constexpr (requires { left.has_value(); }) {
    return left.has_value() == right.has_value() && (!left || same(*left, *right));
  } else if constexpr (requires { left.begin(); }) {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](const auto& a, const auto& b) { return same(a, b); });
  } else if constexpr (requires { left <=> right; }) {
    return left == right;
  } else {
    bool all = true;
    boost::pfr::for_each_field(left, [&]<std::size_t I>(const auto& member, std::integral_constant<std::size_t, I>) {
      const bool equal = same(member, boost::pfr::get<I>(right));
      EXPECT_TRUE(equal) << "member " << I;
      all = all && equal;
    });
    return all;
  }
}

TEST(StoredJson, DomainVerdictComesBackWhole) {
  const auto full = Filler{}.filled<DomainVerdict>();
  EXPECT_TRUE(same(parse_domain_verdict_json(render_json(full)), full));
  EXPECT_TRUE(same(parse_domain_verdict_json(render_json(DomainVerdict{})), DomainVerdict{}));
}

TEST(StoredJson, MxVerdictComesBackWhole) {
  const auto full = Filler{}.filled<MxVerdict>();
  EXPECT_TRUE(same(parse_mx_verdict_json(render_json(full)), full));
  EXPECT_TRUE(same(parse_mx_verdict_json(render_json(MxVerdict{})), MxVerdict{}));
}

TEST(StoredJson, DomainMemoryComesBackWhole) {
  const auto full = Filler{}.filled<DomainMemory>();
  EXPECT_TRUE(same(parse_domain_memory_json(render_json(full)), full));
  EXPECT_TRUE(same(parse_domain_memory_json(render_json(DomainMemory{})), DomainMemory{}));
}

DomainObservation full_observation() {
  auto seen = Filler{}.filled<DomainObservation>();
  seen.report_targets.clear();
  return seen;
}

TEST(StoredObservation, ADomainsComesBackWhole) {
  const DomainObservation full = full_observation();
  EXPECT_TRUE(same(parse_domain_observation(render_observation(full)), full));
  EXPECT_TRUE(same(parse_domain_observation(render_observation(DomainObservation{})), DomainObservation{}));
}

TEST(PackedState, ComesBackWhole) {
  const DomainObservation seen = full_observation();
  EXPECT_TRUE(same(unpack_domain_observation(pack(seen)), seen));
  EXPECT_TRUE(same(unpack_domain_observation(pack(DomainObservation{})), DomainObservation{}));
  const auto memory = Filler{}.filled<DomainMemory>();
  EXPECT_TRUE(same(unpack_domain_memory(pack(memory)), memory));
  EXPECT_TRUE(same(unpack_domain_memory(pack(DomainMemory{})), DomainMemory{}));
}

TEST(PackedState, NumbersOfAnySizeComeBack) {
  using std::chrono::seconds;
  for (const seconds age :
       {seconds{0}, seconds{-1}, seconds{63}, seconds{-64}, seconds{64}, seconds::max(), seconds::min()}) {
    DomainMemory memory;
    memory.policy_seen = UnixTime{age};
    EXPECT_EQ(unpack_domain_memory(pack(memory)).policy_seen, memory.policy_seen) << age.count();
  }
}

TEST(PackedState, IsSmallAndBreaksOffLoudly) {
  const auto memory = Filler{}.filled<DomainMemory>();
  const std::string packed = pack(memory);
  EXPECT_LT(packed.size(), render_json(memory).size() / 2);
  for (std::size_t size = 0; size < packed.size(); ++size)
    EXPECT_THROW(unpack_domain_memory(std::string_view{packed}.substr(0, size)), std::out_of_range) << size;
}

TEST(StoredObservation, AnMxHostsComesBackWhole) {
  const auto full = Filler{}.filled<MxHostObservation>();
  EXPECT_TRUE(same(parse_mx_host_observation(render_observation(full)), full));
}

TEST(StoredObservation, ABodyThatAllAddressesServeIsKeptOnce) {
  DomainObservation seen = full_observation();
  for (PolicyFetchAttempt& attempt : seen.policy->attempts) {
    attempt.body = std::string(60'000, 'x');
    attempt.body_sha256 = "ab";
  }
  const std::string text = render_observation(seen);
  EXPECT_LT(text.size(), 80'000u);
  EXPECT_TRUE(same(parse_domain_observation(text), seen));
}

TEST(StoredObservation, WhatAPeerMakesLargeIsLeftOut) {
  auto seen = Filler{}.filled<MxHostObservation>();
  seen.sessions[1].tls->chain.assign(16, {.subject = "CN=x", .pem = std::string(60'000, 'x')});
  const MxHostObservation kept = parse_mx_host_observation(render_observation(seen));
  EXPECT_EQ(kept.sessions[1].tls->chain.size(), 16u);
  EXPECT_EQ(kept.sessions[1].tls->chain[0].pem, "");
  EXPECT_EQ(kept.sessions[0].transcript, seen.sessions[0].transcript);
  seen.sessions[0].transcript.assign(10'000, std::string(100, 'x'));
  EXPECT_LT(render_observation(seen).size(), 300'000u);
}

TEST(StoredObservation, TheFingerprintIsThatOfWhatMatters) {
  const DomainObservation seen = full_observation();
  DomainObservation later = seen;
  later.ended += 900s;
  later.total_duration += 1s;
  later.sts.lookup.ttl = 1s;
  later.policy->attempts[0].lasted += 1s;
  later.policy->attempts[0].clock_ahead = 1s;
  EXPECT_EQ(fingerprint(later), fingerprint(seen));
  std::swap(later.policy->attempts[0], later.policy->attempts[1]);
  std::swap(later.policy->lookup.addresses[0], later.policy->lookup.addresses[1]);
  EXPECT_EQ(fingerprint(later), fingerprint(seen));
  DomainObservation other = seen;
  other.policy->attempts[1].tls->chain[1].sha256 = "other";
  EXPECT_NE(fingerprint(other), fingerprint(seen));
  other = seen;
  other.sts.records.pop_back();
  EXPECT_NE(fingerprint(other), fingerprint(seen));
}

TEST(StoredJson, EveryResultTypeHasAWord) {
  for (std::size_t i = 0; i < kResultTypeCount; ++i) {
    const MxVerdict verdict{.faults = {Fault{.type = static_cast<ResultType>(i)}}};
    EXPECT_EQ(parse_mx_verdict_json(render_json(verdict)).faults[0].type, static_cast<ResultType>(i));
  }
}

TEST(StoredJson, ARowOfAnOlderProgramKeepsDefaultsForWhatItDoesNotKnow) {
  const auto verdict = parse_mx_verdict_json(R"({"version":1,"value":{"host":"mx.example","gone":[1]}})");
  EXPECT_EQ(verdict.host, "mx.example");
  EXPECT_FALSE(verdict.known);
}

struct BadRow {
  const char* text;
  const char* message;
};

class BadRows : public testing::TestWithParam<BadRow> {};

TEST_P(BadRows, NameWhatIsWrong) {
  try {
    parse_domain_verdict_json(GetParam().text);
    FAIL() << "was taken";
  } catch (const StoredJsonError& error) {
    EXPECT_EQ(std::string(error.what()).substr(0, std::string(GetParam().message).size()), GetParam().message);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadRows,
    testing::Values(BadRow{"", "not JSON: "}, BadRow{"{", "not JSON: "},
                    BadRow{"[]", "not version 1 of the row format"}, BadRow{"{}", "not version 1 of the row format"},
                    BadRow{R"({"version":2,"value":{}})", "not version 1 of the row format"},
                    BadRow{R"({"version":1,"value":[]})", "is not an object"},
                    BadRow{R"({"version":1,"value":{"success":1}})", "success is not true or false"},
                    BadRow{R"({"version":1,"value":{"domain":null}})", "domain is not a string"},
                    BadRow{R"({"version":1,"value":{"state":"fine"}})", "state is not a known word"},
                    BadRow{R"({"version":1,"value":{"mx":{}}})", "mx is not an array"},
                    BadRow{R"({"version":1,"value":{"mx":[{"preference":70000}]}})",
                           "mx preference is not an integer of the right size"},
                    BadRow{R"({"version":1,"value":{"dns_success":[true]}})",
                           "dns_success is not an array of the right size"},
                    BadRow{R"({"version":1,"value":{"probed":"now"}})", "probed is not an integer of the right size"}));

}  // namespace
}  // namespace mtasts
