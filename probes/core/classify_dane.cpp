// SPDX-License-Identifier: Apache-2.0
#include "probes/core/classify_dane.h"

#include <algorithm>

#include "probes/core/classify_dns.h"
#include "probes/core/own_trouble.h"
#include "probes/core/sts_policy.h"

namespace mtasts {
namespace {

// As much of a digest as tells records apart.
constexpr std::size_t kMostDigits = 12;
// Records that a message names; a published set has a handful.
constexpr std::size_t kMostNamed = 3;

std::string owner_of(const TlsaObservation& tlsa) { return "TLSA records of " + tlsa.base_domain; }

std::string at(const SmtpObservation& session) { return " (" + to_string(session.address) + ")"; }

/// "3 1 1 0123456789ab...".
std::string short_text(TlsaRecord record) {
  if (record.data.size() > kMostDigits) record.data = record.data.substr(0, kMostDigits) + "...";
  return to_string(record);
}

std::string texts_of(const std::vector<TlsaRecord>& records) {
  std::string text;
  for (std::size_t i = 0; i < std::min(records.size(), kMostNamed); ++i)
    text += (i == 0 ? "" : ", ") + short_text(records[i]);
  return records.size() > kMostNamed ? text + " and " + std::to_string(records.size() - kMostNamed) + " more" : text;
}

DaneState state_of(const MxHostObservation& seen) {
  const DnsSecurity address = security_of(seen.lookup);
  const DnsLookup* lookup = seen.tlsa ? &seen.tlsa->lookup : nullptr;
  if (address == DnsSecurity::bogus || (lookup != nullptr && lookup->security == DnsSecurity::bogus))
    return DaneState::bogus;
  if (lookup == nullptr) return address == DnsSecurity::insecure ? DaneState::insecure_address : DaneState::unknown;
  const bool tells = lookup->security == DnsSecurity::secure || lookup->security == DnsSecurity::insecure;
  if (lookup_failed(*lookup) || !tells) return DaneState::unknown;
  const std::span<const TlsaRecord> records = secure_records(seen.tlsa);
  if (records.empty()) return DaneState::no_records;
  return has_usable(records) ? DaneState::usable : DaneState::unusable;
}

std::vector<std::string> presented_names(const TlsObservation& tls) {
  const std::vector<std::string>& names = tls.chain.front().dns_names;
  if (!names.empty()) return names;
  return tls.dane->common_name.empty() ? std::vector<std::string>{} : std::vector{tls.dane->common_name};
}

/// A lookup failed, or who validates for us does not say for now what an answer is worth.
bool nobody_tells(const MxHostObservation& seen) {
  const auto untold = [](const DnsLookup& lookup) {
    return lookup_failed(lookup) || lookup.security == DnsSecurity::indeterminate;
  };
  return (seen.lookup.ipv4 && untold(*seen.lookup.ipv4)) || (seen.lookup.ipv6 && untold(*seen.lookup.ipv6)) ||
         (seen.tlsa && untold(seen.tlsa->lookup));
}

std::size_t hash_of(std::span<const TlsaRecord> records) {
  std::string all;
  for (const TlsaRecord& record : records) all += to_string(record) + '\n';
  return std::hash<std::string>{}(all);
}

/// Each once: what an earlier verdict left may be there already.
void add_fault(MxVerdict& verdict, Fault fault) {
  const auto same = [&](const Fault& other) { return other.type == fault.type && other.reason == fault.reason; };
  if (std::none_of(verdict.faults.begin(), verdict.faults.end(), same)) verdict.faults.push_back(std::move(fault));
}

/// What was found before stays. Whether mail is taken now is another matter.
void keep_dane(const MxHostObservation& seen, const MxVerdict& previous, MxVerdict& verdict) {
  verdict.dane = previous.dane;
  for (const Fault& fault : previous.faults)
    if (is_dane_fault(fault)) add_fault(verdict, fault);
  for (const Finding& finding : previous.findings) {
    const bool kept = std::find(verdict.findings.begin(), verdict.findings.end(), finding) != verdict.findings.end();
    if (finding.code.starts_with("tlsa-") && !kept) verdict.findings.push_back(finding);
  }
  if (seen.sessions.empty() || !verdict.dane->delivery) return;
  const bool takes_mail = std::any_of(seen.sessions.begin(), seen.sessions.end(), [](const SmtpObservation& session) {
    return session.tls && session.hello_after_tls;
  });
  verdict.dane->delivery = *verdict.dane->delivery && takes_mail;
}

class HostDane {
 public:
  HostDane(const MxHostObservation& seen, MxVerdict& verdict) : seen_(seen), verdict_(verdict) {}

  void judge() {
    DaneVerdict dane{.state = state_of(seen_)};
    const std::span<const TlsaRecord> records = secure_records(seen_.tlsa);
    dane.records = records.size();
    dane.record_set = hash_of(records);
    judge_lookups();
    if (dane.state == DaneState::usable && all_unusable(records)) dane.state = DaneState::unusable;
    if (dane.state == DaneState::usable) {
      if (!seen_.sessions.empty()) dane.delivery = false;
      for (const SmtpObservation& session : dane_sessions(seen_)) judge_session(session, dane);
      find_rollover();
    }
    if (dane.state == DaneState::unusable) find_unusable();
    verdict_.dane = std::move(dane);
  }

 private:
  void judge_lookups() {
    const auto bogus = [&](const std::string& what, const DnsLookup& lookup) {
      add_fault(verdict_, {ResultType::dnssec_invalid, seen_.host, "dnssec-bogus",
                           "DNSSEC validation of the " + what + " fails: the answers are bogus" +
                               in_brackets(lookup.explanation)});
    };
    if (security_of(seen_.lookup) == DnsSecurity::bogus)
      bogus("addresses of " + seen_.host, *bogus_lookup(seen_.lookup));
    if (!seen_.tlsa) return;
    const DnsLookup& lookup = seen_.tlsa->lookup;
    verdict_.tlsa_lookup_success = !lookup_failed(lookup);
    if (lookup.security == DnsSecurity::bogus) return bogus(owner_of(*seen_.tlsa), lookup);
    if (lookup_failed(lookup))
      verdict_.findings.push_back(failed_lookup("TLSA", seen_.tlsa->base_domain, seen_.host, lookup));
  }

  /// An address that shows no certificate says nothing of DANE: that TLS fails is a fault of its own.
  void judge_session(const SmtpObservation& session, DaneVerdict& dane) {
    if (!session.tls || !session.tls->dane) return;
    const DaneObservation& matched = *session.tls->dane;
    dane.witnessed = true;
    dane.authenticated = dane.authenticated.value_or(true) && matched.authenticated;
    const bool takes_mail = matched.authenticated && session.hello_after_tls;
    dane.delivery = dane.delivery.value_or(false) || takes_mail;
    if (!matched.authenticated) {
      fault("tlsa-mismatch",
            "none of the " + owner_of(*seen_.tlsa) + " matches the certificate: " + matched.problem + at(session));
    } else if (matched.needs_name && !matched.names_base_domain) {
      dane.names_needed.push_back(presented_names(*session.tls));
    }
  }

  void fault(std::string_view reason, std::string message) {
    add_fault(verdict_, {ResultType::tlsa_invalid, seen_.host, std::string(reason), std::move(message)});
  }

  /// Does some session have the record in a list of its own?
  [[nodiscard]] bool is_listed(std::size_t record, std::vector<std::size_t> DaneObservation::*list) const {
    const auto& sessions = dane_sessions(seen_);
    return std::any_of(sessions.begin(), sessions.end(), [&](const SmtpObservation& session) {
      if (!session.tls || !session.tls->dane) return false;
      const std::vector<std::size_t>& records = (*session.tls->dane).*list;
      return std::find(records.begin(), records.end(), record) != records.end();
    });
  }

  /// Whether full data holds a certificate or a key is known after a handshake only (RFC 7671 section 4.1: records
  /// "with malformed associated data" are unusable).
  [[nodiscard]] bool all_unusable(std::span<const TlsaRecord> records) const {
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (unusable_reason(records[i]).empty() && !is_listed(i, &DaneObservation::malformed)) return false;
    }
    return true;
  }

  /// Some of the records match: the others are for a certificate to come, or one that is gone.
  void find_rollover() {
    std::vector<TlsaRecord> matching, others;
    const auto& records = seen_.tlsa->records;
    for (std::size_t i = 0; i < records.size(); ++i)
      (is_listed(i, &DaneObservation::matching) ? matching : others).push_back(records[i]);
    if (matching.empty() || others.empty()) return;
    verdict_.findings.push_back({"tlsa-rollover", seen_.host,
                                 std::to_string(matching.size()) + " of " + std::to_string(records.size()) + " " +
                                     owner_of(*seen_.tlsa) + " match what is served; not " + texts_of(others)});
  }

  void find_unusable() {
    const TlsaRecord& first = seen_.tlsa->records.front();
    std::string reason = unusable_reason(first);
    if (reason.empty()) reason = "the data is no " + std::string(first.selector == 0 ? "certificate" : "public key");
    verdict_.findings.push_back(
        {"tlsa-unusable", seen_.host,
         "none of the " + owner_of(*seen_.tlsa) + " can be used: " + short_text(first) + ": " + reason});
  }

  const MxHostObservation& seen_;
  MxVerdict& verdict_;
};

}  // namespace

bool is_dane_fault(const Fault& fault) {
  return fault.type == ResultType::tlsa_invalid || fault.type == ResultType::dnssec_invalid ||
         fault.type == ResultType::dane_required;
}

const DnsLookup* bogus_lookup(const AddressObservation& seen) {
  for (const auto* lookup : {&seen.ipv4, &seen.ipv6})
    if (*lookup && (*lookup)->security == DnsSecurity::bogus) return &**lookup;
  return nullptr;
}

DnsSecurity security_of(const AddressObservation& seen) {
  std::optional<DnsSecurity> worst;
  for (const auto& lookup : {seen.ipv4, seen.ipv6}) {
    if (!lookup || lookup->status != DnsStatus::answered) continue;
    worst = std::min(worst.value_or(lookup->security), lookup->security);  // the enumerators are in this order
  }
  if (worst) return *worst;
  return bogus_lookup(seen) != nullptr ? DnsSecurity::bogus : DnsSecurity::indeterminate;
}

std::string expanded_name(const AddressObservation& seen, const std::string& host) {
  for (const auto& lookup : {seen.ipv4, seen.ipv6})
    if (lookup && !lookup->aliases.empty()) return lookup->aliases.back();
  return host;
}

std::span<const TlsaRecord> secure_records(const std::optional<TlsaObservation>& tlsa) {
  if (!tlsa || tlsa->lookup.security != DnsSecurity::secure) return {};
  return tlsa->records;
}

const std::vector<SmtpObservation>& dane_sessions(const MxHostObservation& seen) {
  const bool other_name = seen.tlsa && seen.tlsa->base_domain != seen.host;
  return other_name ? seen.base_domain_sessions : seen.sessions;
}

void judge_dane(const MxHostObservation& seen, const MxVerdict* previous, MxVerdict& verdict) {
  HostDane(seen, verdict).judge();
  if (previous == nullptr || !previous->dane) return;
  DaneVerdict& dane = *verdict.dane;
  const DaneVerdict& last = *previous->dane;
  const bool same_records = dane.state == last.state && dane.record_set == last.record_set;
  if (dane.state == DaneState::unknown && nobody_tells(seen)) {
    keep_dane(seen, *previous, verdict);
  } else if (dane.state == DaneState::usable && same_records && !dane.witnessed) {
    dane.authenticated = last.authenticated;
    dane.names_needed = last.names_needed;
  }
}

std::optional<bool> passes_dane(const DaneVerdict& dane, const std::string& domain, DnsSecurity mx) {
  if (dane.state != DaneState::usable || !dane.authenticated) return std::nullopt;
  if (!*dane.authenticated) return false;
  const bool named = std::all_of(dane.names_needed.begin(), dane.names_needed.end(), [&](const auto& names) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return mx_pattern_matches(name, domain); });
  });
  if (dane.names_needed.empty() || !named) return named;
  const bool known = mx == DnsSecurity::secure || mx == DnsSecurity::insecure;
  return known ? std::optional(mx == DnsSecurity::secure) : std::nullopt;
}

std::string_view dane_required_reason(const DaneVerdict& dane, DnsSecurity mx) {
  switch (dane.state) {
    case DaneState::unknown:
    case DaneState::bogus:
      return "";
    case DaneState::insecure_address:
      return "insecure-address";
    case DaneState::no_records:
      return "tlsa-missing";
    case DaneState::unusable:
      return "tlsa-unusable";
    case DaneState::usable:
      break;
  }
  return mx == DnsSecurity::insecure ? "insecure-mx" : "";
}

}  // namespace mtasts
