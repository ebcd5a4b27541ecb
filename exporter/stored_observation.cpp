// SPDX-License-Identifier: Apache-2.0
#include "exporter/stored_observation.h"

#include <functional>
#include <span>

#include "exporter/described_json.h"
#include "exporter/described_packed.h"

namespace mtasts {

BOOST_DESCRIBE_ENUM(DnsStatus, answered, nodata, nxdomain, servfail, timeout)
BOOST_DESCRIBE_ENUM(NetStage, connect, greeting, hello, starttls, handshake, request, response, after_tls)
BOOST_DESCRIBE_ENUM(NetError, address_refused, refused, timeout, reset, closed, unreachable, tls_alert, tls_version,
                    tls_error, protocol, too_large, no_route, local)
BOOST_DESCRIBE_ENUM(CertificateFault, expired, not_yet_valid, name_mismatch, no_san, self_signed, unknown_ca,
                    missing_issuer, chain_error)
BOOST_DESCRIBE_STRUCT(DnsLookup, (),
                      (status, resolver_down, security, ttl, canonical_name, aliases, server, explanation))
BOOST_DESCRIBE_STRUCT(TxtObservation, (), (lookup, records))
BOOST_DESCRIBE_STRUCT(MxRecord, (), (preference, host))
BOOST_DESCRIBE_STRUCT(MxSetObservation, (), (lookup, records))
BOOST_DESCRIBE_STRUCT(AddressObservation, (), (ipv4, ipv6, addresses))
BOOST_DESCRIBE_STRUCT(NetFailure, (), (stage, error, text))
BOOST_DESCRIBE_STRUCT(Certificate, (),
                      (subject, issuer, serial, sha256, not_before, not_after, dns_names, key_type, key_bits, signature,
                       self_issued, pem))
BOOST_DESCRIBE_STRUCT(CertificateProblem, (), (fault, depth, text))
BOOST_DESCRIBE_STRUCT(TlsaRecord, (), (usage, selector, matching_type, data))
BOOST_DESCRIBE_STRUCT(TlsaObservation, (), (base_domain, lookup, records))
BOOST_DESCRIBE_STRUCT(DaneObservation, (),
                      (authenticated, matching, malformed, needs_name, names_base_domain, common_name, problem))
BOOST_DESCRIBE_STRUCT(TlsObservation, (),
                      (version, cipher, chain, problems, path_built, not_after, public_issuance, issuer_seen_elsewhere,
                       key_sha256, dane))
BOOST_DESCRIBE_STRUCT(PolicyFetchAttempt, (),
                      (address, tls, failure, http_status, content_type, location, server, body, body_sha256,
                       clock_ahead, lasted))
BOOST_DESCRIBE_STRUCT(PolicyObservation, (), (lookup, attempts))
BOOST_DESCRIBE_STRUCT(SmtpObservation, (),
                      (address, connected, greeting_code, hello_code, starttls_offered, starttls_code,
                       bytes_after_starttls, hello_after_tls, tls, failure, transcript, lasted))
BOOST_DESCRIBE_STRUCT(MxHostObservation, (),
                      (host, lookup, tlsa, sessions, base_domain_sessions, addresses_skipped, ended, duration, spoiled))
BOOST_DESCRIBE_STRUCT(DomainObservation, (),
                      (domain, sts, tlsrpt, mx, policy, clear_text, ended, dns_duration, policy_duration,
                       total_duration, spoiled))

namespace described {
template <>
constexpr std::size_t left_out<DomainObservation> = 1;  // report_targets, which are other people's machines
}  // namespace described

namespace {

using namespace described;

constexpr std::size_t kMostOctets = std::size_t{256} * 1024;  // of a row

/// Mixes values into a number; not for anything that somebody may gain by a collision.
class Fingerprint {
  /// Greetings hold the time and the session, which name server answers first is chance, and so is what it names of a
  /// chain that fails; so is the order of records, and of what was tried at their addresses.
  static bool changes_by_itself(std::string_view member) {
    return member == "transcript" || member == "server" || member == "explanation";
  }

 public:
  template <class T>
  void add(const T& value) {
    if constexpr (is_a<T, std::chrono::duration> || is_time<T>) {
      return;
    } else if constexpr (is_optional<T>) {
      mix(value.has_value());
      if (value) add(*value);
    } else if constexpr (is_a<T, std::vector> || is_array<T>) {
      mix(value.size());
      add_in_order(value);
    } else if constexpr (std::is_enum_v<T>) {
      mix(static_cast<std::size_t>(value));
    } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      mix(std::hash<T>{}(value));
    } else if constexpr (std::is_same_v<T, IpAddress>) {
      add(value.octets);
    } else if constexpr (std::is_same_v<T, Certificate>) {
      add(value.sha256);
    } else {
      boost::mp11::mp_for_each<Members<T>>([&](auto member) {
        if (!changes_by_itself(member.name)) add(value.*member.pointer);
      });
    }
  }

  template <class T>
  static std::uint64_t of(const T& value) {
    Fingerprint one;
    one.add(value);
    return one.value_;
  }

 private:
  template <class T>
  static constexpr bool kOrderIsChance =
      std::is_same_v<T, std::string> || std::is_same_v<T, IpAddress> || std::is_same_v<T, MxRecord> ||
      std::is_same_v<T, PolicyFetchAttempt> || std::is_same_v<T, SmtpObservation>;

  template <class List>
  void add_in_order(const List& list) {
    using Element = typename List::value_type;
    if constexpr (kOrderIsChance<Element>) {
      std::uint64_t sum = 0;
      for (const Element& element : list) sum += of(element);
      mix(sum);
    } else {
      for (const Element& element : list) add(element);
    }
  }

  void mix(std::uint64_t word) {
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;  // 2^64 divided by the golden ratio
    value_ = (value_ ^ word) * kOdd;
    value_ ^= value_ >> 32;
  }

  std::uint64_t value_{};
};

std::span<PolicyFetchAttempt> parts_of(DomainObservation& seen) {
  if (!seen.policy) return {};
  return seen.policy->attempts;
}
std::span<SmtpObservation> parts_of(MxHostObservation& seen) { return seen.sessions; }

void drop_pem(std::optional<TlsObservation>& tls) {
  if (!tls) return;
  for (Certificate& certificate : tls->chain) certificate.pem.clear();
}

void drop_all(PolicyFetchAttempt& attempt) {
  attempt.tls.reset();
  attempt.body.clear();
}
void drop_all(SmtpObservation& session) {
  session.tls.reset();
  session.transcript.clear();
}

/// A body that several addresses serve is kept once; it is found again by its digest.
void keep_bodies_once(std::vector<PolicyFetchAttempt>& attempts) {
  for (std::size_t i = 1; i < attempts.size(); ++i) {
    if (attempts[i].body == attempts.front().body && !attempts[i].body_sha256.empty()) attempts[i].body.clear();
  }
}

/// The second sessions with an MX host's addresses show what the first do, under another name.
void drop_seconds(DomainObservation&) {}
void drop_seconds(MxHostObservation& seen) { seen.base_domain_sessions.clear(); }

template <class T>
std::string render_within_bounds(T seen) {
  std::string text = render(seen);
  if (text.size() <= kMostOctets) return text;
  for (auto& part : parts_of(seen)) drop_pem(part.tls);
  drop_seconds(seen);
  text = render(seen);
  if (text.size() <= kMostOctets) return text;
  for (auto& part : parts_of(seen)) drop_all(part);
  text = render(seen);
  return text.size() <= kMostOctets ? text : render(T{});
}

}  // namespace

std::uint64_t fingerprint(const DomainObservation& seen) { return Fingerprint::of(seen); }
std::uint64_t fingerprint(const MxHostObservation& seen) { return Fingerprint::of(seen); }

std::string render_observation(const DomainObservation& seen) {
  DomainObservation kept = seen;
  if (kept.policy) keep_bodies_once(kept.policy->attempts);
  return render_within_bounds(std::move(kept));
}

std::string render_observation(const MxHostObservation& seen) { return render_within_bounds(seen); }

DomainObservation parse_domain_observation(std::string_view text) {
  auto seen = parse<DomainObservation>(text);
  if (!seen.policy) return seen;
  for (PolicyFetchAttempt& attempt : seen.policy->attempts) {
    const PolicyFetchAttempt& first = seen.policy->attempts.front();
    if (attempt.body.empty() && attempt.body_sha256 == first.body_sha256) attempt.body = first.body;
  }
  return seen;
}

std::string pack(const DomainObservation& seen) { return described::pack(seen); }
DomainObservation unpack_domain_observation(std::string_view packed) {
  return described::unpack<DomainObservation>(packed);
}

MxHostObservation parse_mx_host_observation(std::string_view text) { return parse<MxHostObservation>(text); }

}  // namespace mtasts
