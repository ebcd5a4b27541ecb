// SPDX-License-Identifier: Apache-2.0
#include "tests/support/observation_reader.h"

#include <sstream>

namespace mtasts::test {
namespace {

using namespace std::chrono_literals;

constexpr std::array<Word<DnsStatus>, 5> kDnsWords{{{"answered", DnsStatus::answered},
                                                    {"nodata", DnsStatus::nodata},
                                                    {"nxdomain", DnsStatus::nxdomain},
                                                    {"servfail", DnsStatus::servfail},
                                                    {"timeout", DnsStatus::timeout}}};
constexpr std::array<Word<std::optional<DnsStatus>>, 6> kFamilyWords{{{"answered", DnsStatus::answered},
                                                                      {"nodata", DnsStatus::nodata},
                                                                      {"nxdomain", DnsStatus::nxdomain},
                                                                      {"servfail", DnsStatus::servfail},
                                                                      {"timeout", DnsStatus::timeout},
                                                                      {"unasked", std::nullopt}}};
constexpr std::array<Word<NetStage>, 8> kStageWords{{{"connect", NetStage::connect},
                                                     {"greeting", NetStage::greeting},
                                                     {"hello", NetStage::hello},
                                                     {"starttls", NetStage::starttls},
                                                     {"handshake", NetStage::handshake},
                                                     {"request", NetStage::request},
                                                     {"response", NetStage::response},
                                                     {"after-tls", NetStage::after_tls}}};
constexpr std::array<Word<NetError>, 13> kErrorWords{{{"address-refused", NetError::address_refused},
                                                      {"refused", NetError::refused},
                                                      {"timeout", NetError::timeout},
                                                      {"reset", NetError::reset},
                                                      {"closed", NetError::closed},
                                                      {"unreachable", NetError::unreachable},
                                                      {"tls-alert", NetError::tls_alert},
                                                      {"tls-version", NetError::tls_version},
                                                      {"tls-error", NetError::tls_error},
                                                      {"protocol", NetError::protocol},
                                                      {"too-large", NetError::too_large},
                                                      {"no-route", NetError::no_route},
                                                      {"local", NetError::local}}};
constexpr std::array<Word<CertificateFault>, 8> kProblemWords{{{"expired", CertificateFault::expired},
                                                               {"not-yet-valid", CertificateFault::not_yet_valid},
                                                               {"name-mismatch", CertificateFault::name_mismatch},
                                                               {"no-san", CertificateFault::no_san},
                                                               {"self-signed", CertificateFault::self_signed},
                                                               {"unknown-ca", CertificateFault::unknown_ca},
                                                               {"missing-issuer", CertificateFault::missing_issuer},
                                                               {"chain-error", CertificateFault::chain_error}}};

constexpr std::array<Word<DnsSecurity>, 5> kSecurityWords{{{"unchecked", DnsSecurity::unchecked},
                                                           {"indeterminate", DnsSecurity::indeterminate},
                                                           {"insecure", DnsSecurity::insecure},
                                                           {"secure", DnsSecurity::secure},
                                                           {"bogus", DnsSecurity::bogus}}};

/// What is said of one address, else what is said of all.
YAML::Node child_of_either(const YAML::Node& map, const YAML::Node& around, std::string_view key) {
  const YAML::Node own = child(map, key);
  return own.IsDefined() ? own : child(around, key);
}

DnsLookup lookup_that(DnsStatus status) { return {.status = status}; }

/// Did the session get beyond `stage`?
bool beyond(const std::optional<NetFailure>& failure, NetStage stage) { return !failure || failure->stage > stage; }

/// Takes out what a session that ended early cannot have seen.
void cut(SmtpObservation& seen) {
  seen.connected = beyond(seen.failure, NetStage::connect);
  if (!beyond(seen.failure, NetStage::greeting)) seen.greeting_code.reset();
  if (!beyond(seen.failure, NetStage::hello) || seen.greeting_code != 220) seen.hello_code.reset();
  if (seen.hello_code != 250) seen.starttls_offered = false;
  if (!beyond(seen.failure, NetStage::starttls) || !seen.starttls_offered) seen.starttls_code.reset();
  if (!beyond(seen.failure, NetStage::handshake) || seen.starttls_code != 220) seen.tls.reset();
  if (!beyond(seen.failure, NetStage::after_tls) || !seen.tls) seen.hello_after_tls = false;
}

}  // namespace

TxtObservation ObservationReader::txt(const YAML::Node& node, const std::string& healthy) const {
  if (!node.IsDefined()) return {.lookup = lookup_that(DnsStatus::answered), .records = {healthy}};
  if (!node.IsSequence()) return {.lookup = lookup_that(yaml_.word(node, kDnsWords))};
  return {.lookup = lookup_that(DnsStatus::answered), .records = yaml_.value<std::vector<std::string>>(node, {})};
}

MxRecord ObservationReader::mx_record(const YAML::Node& node) const {
  const auto text = yaml_.value<std::string>(node, "");
  const std::size_t space = text.find(' ');
  if (space == std::string::npos) yaml_.refuse(node, "'" + text + "' is not PREFERENCE HOST");
  const std::string host = text.substr(space + 1);
  return {.preference = static_cast<std::uint16_t>(std::stoi(text)), .host = host == "." ? "" : host};
}

MxSetObservation ObservationReader::mx_set(const YAML::Node& node) const {
  if (!node.IsDefined()) return {.lookup = lookup_that(DnsStatus::answered), .records = {{10, "mx1.example.org"}}};
  if (!node.IsSequence()) return {.lookup = lookup_that(yaml_.word(node, kDnsWords))};
  MxSetObservation seen{.lookup = lookup_that(DnsStatus::answered)};
  for (const YAML::Node& record : node) seen.records.push_back(mx_record(record));
  return seen;
}

IpAddress ObservationReader::address(const YAML::Node& node, std::size_t index) const {
  const auto parsed = parse_ip_address(yaml_.value<std::string>(node, "192.0.2." + std::to_string(index + 1)));
  if (!parsed) yaml_.refuse(node, "no IP address");
  return *parsed;
}

/// A word for both families, or a map with one each; what it does not say follows from the addresses there are.
AddressObservation ObservationReader::lookup(const YAML::Node& node, bool ipv4, bool ipv6) const {
  const auto by_default = [](bool there) { return there ? DnsStatus::answered : DnsStatus::nodata; };
  std::optional<DnsStatus> a = by_default(ipv4);
  std::optional<DnsStatus> aaaa = by_default(ipv6);
  if (node.IsDefined() && node.IsScalar()) {
    a = aaaa = yaml_.word(node, kFamilyWords);
  } else {
    yaml_.check_keys(node, {"ipv4", "ipv6"});
    if (const YAML::Node word = child(node, "ipv4"); word.IsDefined()) a = yaml_.word(word, kFamilyWords);
    if (const YAML::Node word = child(node, "ipv6"); word.IsDefined()) aaaa = yaml_.word(word, kFamilyWords);
  }
  AddressObservation found;
  if (a) found.ipv4 = lookup_that(*a);
  if (aaaa) found.ipv6 = lookup_that(*aaaa);
  return found;
}

ObservationReader::Targets ObservationReader::listed_targets(const YAML::Node& list,
                                                             const YAML::Node& lookup_node) const {
  Targets found;
  bool ipv4 = false;
  bool ipv6 = false;
  for (const YAML::Node& map : list) {
    found.all.push_back({address(child(map, "address"), found.all.size()), map});
    (found.all.back().address.family == IpFamily::ipv4 ? ipv4 : ipv6) = true;
  }
  found.lookup = lookup(lookup_node, ipv4, ipv6);
  return found;
}

/// Without a list: one address for each family that was answered, which is IPv4 unless the lookup says otherwise.
ObservationReader::Targets ObservationReader::usual_targets(const YAML::Node& lookup_node) const {
  Targets found{.lookup = lookup(lookup_node, true, false)};
  const auto answered = [](const std::optional<DnsLookup>& one) { return one && one->status == DnsStatus::answered; };
  if (answered(found.lookup.ipv4)) found.all.push_back({.address = *parse_ip_address("192.0.2.1")});
  if (answered(found.lookup.ipv6)) found.all.push_back({.address = *parse_ip_address("2001:db8::1")});
  return found;
}

ObservationReader::Targets ObservationReader::targets(const YAML::Node& list, const YAML::Node& lookup_node) const {
  Targets found = list.IsDefined() ? listed_targets(list, lookup_node) : usual_targets(lookup_node);
  for (const Target& target : found.all) found.lookup.addresses.push_back(target.address);
  return found;
}

/// [STAGE, ERROR]
std::optional<NetFailure> ObservationReader::failure(const YAML::Node& node) const {
  if (!node.IsDefined()) return std::nullopt;
  if (!node.IsSequence() || node.size() != 2) yaml_.refuse(node, "a failure is [STAGE, ERROR]");
  const auto error = yaml_.value<std::string>(node[1], "");
  return NetFailure{
      .stage = yaml_.word(node[0], kStageWords), .error = yaml_.word(node[1], kErrorWords), .text = error};
}

/// The key is written "TYPE BITS".
Certificate ObservationReader::certificate(const YAML::Node& map, UnixTime not_after) const {
  yaml_.check_keys(map, {"subject", "key", "signature", "not_after", "self_issued"});
  const auto key = yaml_.value<std::string>(child(map, "key"), "EC 256");
  const std::size_t space = key.find(' ');
  if (space == std::string::npos) yaml_.refuse(map, "a key is TYPE BITS");
  return {.subject = yaml_.value<std::string>(child(map, "subject"), "CN=one"),
          .not_after = epoch_ + yaml_.duration(child(map, "not_after"), not_after - epoch_),
          .key_type = key.substr(0, space),
          .key_bits = std::stoi(key.substr(space)),
          .signature = yaml_.value<std::string>(child(map, "signature"), "ecdsa-with-SHA256"),
          .self_issued = yaml_.value(child(map, "self_issued"), false)};
}

/// A chain that the first record authenticates, unless the map says otherwise.
DaneObservation ObservationReader::dane(const YAML::Node& map) const {
  yaml_.check_keys(map, {"authenticated", "matching", "malformed", "needs_name", "names_base_domain", "common_name"});
  DaneObservation seen{.authenticated = yaml_.value(child(map, "authenticated"), true),
                       .needs_name = yaml_.value(child(map, "needs_name"), false),
                       .names_base_domain = yaml_.value(child(map, "names_base_domain"), false),
                       .common_name = yaml_.value<std::string>(child(map, "common_name"), "")};
  seen.matching = yaml_.value<std::vector<std::size_t>>(
      child(map, "matching"), seen.authenticated ? std::vector<std::size_t>{0} : std::vector<std::size_t>{});
  seen.malformed = yaml_.value<std::vector<std::size_t>>(child(map, "malformed"), {});
  if (!seen.authenticated) seen.problem = "no matching DANE TLSA records";
  return seen;
}

/// A chain of one certificate that verifies, unless the map says otherwise.
TlsObservation ObservationReader::tls(const YAML::Node& map) const {
  yaml_.check_keys(
      map, {"version", "cipher", "problems", "public_issuance", "issuer_seen_elsewhere", "not_after", "chain", "dane"});
  const UnixTime not_after = epoch_ + yaml_.duration(child(map, "not_after"), std::chrono::days{120});
  TlsObservation seen{.version = yaml_.value<std::string>(child(map, "version"), "TLSv1.3"),
                      .cipher = yaml_.value<std::string>(child(map, "cipher"), "TLS_AES_256_GCM_SHA384"),
                      .public_issuance = yaml_.value(child(map, "public_issuance"), false),
                      .issuer_seen_elsewhere = yaml_.value(child(map, "issuer_seen_elsewhere"), false)};
  for (const YAML::Node& word : child(map, "problems")) {
    seen.problems.push_back({.fault = yaml_.word(word, kProblemWords), .text = yaml_.value<std::string>(word, "")});
  }
  const YAML::Node chain = child(map, "chain");
  for (const YAML::Node& one : chain) seen.chain.push_back(certificate(one, not_after));
  if (!chain.IsDefined()) seen.chain.push_back(certificate(chain, not_after));
  if (!seen.chain.empty()) seen.not_after = not_after;
  if (const YAML::Node matched = child(map, "dane"); matched.IsDefined()) seen.dane = dane(matched);
  return seen;
}

/// "USAGE SELECTOR TYPE", with a digest that needs no spelling out.
TlsaRecord ObservationReader::tlsa_record(const YAML::Node& node) const {
  std::istringstream words(yaml_.value<std::string>(node, ""));
  int usage = 0, selector = 0, matching_type = 0;
  if (!(words >> usage >> selector >> matching_type)) yaml_.refuse(node, "a TLSA record is three numbers");
  return {.usage = static_cast<std::uint8_t>(usage),
          .selector = static_cast<std::uint8_t>(selector),
          .matching_type = static_cast<std::uint8_t>(matching_type),
          .data = std::string(matching_type == 2 ? 128 : 64, 'a')};
}

/// A secure answer, unless the map says otherwise.
std::optional<TlsaObservation> ObservationReader::tlsa(const std::string& host, const YAML::Node& map) const {
  if (!map.IsDefined()) return std::nullopt;
  yaml_.check_keys(map, {"base", "lookup", "security", "records"});
  TlsaObservation seen{.base_domain = yaml_.value<std::string>(child(map, "base"), host)};
  for (const YAML::Node& one : child(map, "records")) seen.records.push_back(tlsa_record(one));
  seen.lookup.status = seen.records.empty() ? DnsStatus::nodata : DnsStatus::answered;
  if (const YAML::Node word = child(map, "lookup"); word.IsDefined()) seen.lookup.status = yaml_.word(word, kDnsWords);
  seen.lookup.security = DnsSecurity::secure;
  if (const YAML::Node word = child(map, "security"); word.IsDefined())
    seen.lookup.security = yaml_.word(word, kSecurityWords);
  return seen;
}

std::string ObservationReader::policy_text(const YAML::Node& map, const YAML::Node& around) const {
  const YAML::Node body = child_of_either(map, around, "body");
  if (body.IsDefined()) return yaml_.value<std::string>(body, "");
  std::string text =
      "version: STSv1\nmode: " + yaml_.value<std::string>(child_of_either(map, around, "mode"), "enforce") + "\n";
  const auto patterns = yaml_.value<std::vector<std::string>>(child_of_either(map, around, "mx"), {"*.example.org"});
  for (const std::string& pattern : patterns) text += "mx: " + pattern + "\n";
  return text + "max_age: " + yaml_.value<std::string>(child_of_either(map, around, "max_age"), "2592000") + "\n";
}

PolicyFetchAttempt ObservationReader::attempt(const Target& target, const YAML::Node& around) const {
  yaml_.check_keys(
      target.map, {"address", "failure", "status", "content_type", "location", "body", "mode", "mx", "max_age", "tls"});
  const auto said = [&](std::string_view key) { return child_of_either(target.map, around, key); };
  PolicyFetchAttempt seen{.address = target.address, .failure = failure(said("failure"))};
  if (beyond(seen.failure, NetStage::handshake)) seen.tls = tls(said("tls"));
  seen.http_status = yaml_.value(said("status"), seen.failure ? 0 : 200);
  if (seen.http_status != 0) seen.content_type = yaml_.value<std::string>(said("content_type"), "text/plain");
  seen.location = yaml_.value<std::string>(said("location"), "");
  if (seen.failure) return seen;
  seen.body = policy_text(target.map, around);
  seen.body_sha256 = "digest of " + seen.body;
  return seen;
}

std::optional<PolicyObservation> ObservationReader::policy(const YAML::Node& node) const {
  if (node.IsDefined() && node.IsScalar() && node.Scalar() == "not-fetched") return std::nullopt;
  yaml_.check_keys(node, {"lookup", "attempts", "failure", "status", "content_type", "location", "body", "mode", "mx",
                          "max_age", "tls"});
  const Targets found = targets(child(node, "attempts"), child(node, "lookup"));
  PolicyObservation seen{.lookup = found.lookup};
  for (const Target& target : found.all) seen.attempts.push_back(attempt(target, node));
  return seen;
}

HandshakeAttempt ObservationReader::handshake(const Target& target, const YAML::Node& around) const {
  yaml_.check_keys(target.map, {"address", "failure", "tls"});
  HandshakeAttempt seen{.address = target.address, .failure = failure(child_of_either(target.map, around, "failure"))};
  if (beyond(seen.failure, NetStage::handshake)) seen.tls = tls(child_of_either(target.map, around, "tls"));
  return seen;
}

ReportTargetObservation ObservationReader::report_target(const std::string& uri, const YAML::Node& map) const {
  yaml_.check_keys(map, {"mx", "lookup", "attempts", "failure", "tls", "spoiled"});
  const auto target = parse_report_target(uri);
  if (!target) yaml_.refuse(map, "'" + uri + "' is no target");
  const Targets found = targets(child(map, "attempts"), child(map, "lookup"));
  ReportTargetObservation seen{.target = *target, .lookup = found.lookup};
  if (child(map, "spoiled").IsDefined()) seen.spoiled = yaml_.value<std::string>(child(map, "spoiled"), "");
  if (target->kind == ReportTargetKind::mailbox) {
    seen.mx = mx_set(child(map, "mx"));
    return seen;
  }
  for (const Target& one : found.all) seen.attempts.push_back(handshake(one, map));
  return seen;
}

/// "not-offered", or the code that STARTTLS was answered with.
void ObservationReader::take_starttls(const YAML::Node& node, SmtpObservation& seen) const {
  seen.starttls_offered = !node.IsDefined() || yaml_.value<std::string>(node, "") != "not-offered";
  if (seen.starttls_offered) seen.starttls_code = yaml_.value(node, 220);
}

SmtpObservation ObservationReader::session(const Target& target, const YAML::Node& around) const {
  yaml_.check_keys(target.map, {"address", "failure", "greeting", "hello", "starttls", "bytes_after_starttls",
                                "hello_after_tls", "tls"});
  const auto said = [&](std::string_view key) { return child_of_either(target.map, around, key); };
  SmtpObservation seen{.address = target.address,
                       .hello_code = yaml_.value(said("hello"), 250),
                       .bytes_after_starttls = yaml_.value(said("bytes_after_starttls"), false),
                       .hello_after_tls = yaml_.value(said("hello_after_tls"), true),
                       .tls = tls(said("tls")),
                       .failure = failure(said("failure"))};
  const bool greets = yaml_.value<std::string>(said("greeting"), "") != "none";
  if (greets) seen.greeting_code = yaml_.value(said("greeting"), 220);
  take_starttls(said("starttls"), seen);
  cut(seen);
  return seen;
}

MxHostObservation ObservationReader::mx_host(const std::string& host, const YAML::Node& map) const {
  yaml_.check_keys(map, {"lookup", "sessions", "skipped", "duration", "spoiled", "failure", "greeting", "hello",
                         "starttls", "bytes_after_starttls", "hello_after_tls", "tls", "security", "tlsa"});
  const Targets found = targets(child(map, "sessions"), child(map, "lookup"));
  MxHostObservation seen{.host = host,
                         .lookup = found.lookup,
                         .addresses_skipped = yaml_.value<std::size_t>(child(map, "skipped"), 0),
                         .ended = now_,
                         .duration = Milliseconds{yaml_.value(child(map, "duration"), 100)}};
  for (const Target& target : found.all) seen.sessions.push_back(session(target, map));
  if (const YAML::Node word = child(map, "security"); word.IsDefined()) {
    for (auto* lookup : {&seen.lookup.ipv4, &seen.lookup.ipv6})
      if (*lookup) (*lookup)->security = yaml_.word(word, kSecurityWords);
  }
  seen.tlsa = tlsa(host, child(map, "tlsa"));
  if (seen.tlsa && seen.tlsa->base_domain != host) seen.base_domain_sessions = seen.sessions;
  if (child(map, "spoiled").IsDefined()) seen.spoiled = yaml_.value<std::string>(child(map, "spoiled"), "");
  return seen;
}

DomainObservation ObservationReader::domain(const YAML::Node& map) const {
  yaml_.check_keys(map, {"sts", "tlsrpt", "targets", "mx", "mx_security", "policy", "hosts", "http", "spoiled"});
  DomainObservation seen{.domain = "example.org",
                         .sts = txt(child(map, "sts"), "v=STSv1; id=1;"),
                         .tlsrpt = txt(child(map, "tlsrpt"), "v=TLSRPTv1; rua=mailto:tls@example.org"),
                         .mx = mx_set(child(map, "mx")),
                         .policy = policy(child(map, "policy")),
                         .ended = now_,
                         .dns_duration = Milliseconds{10},
                         .policy_duration = Milliseconds{20},
                         .total_duration = Milliseconds{40}};
  if (const YAML::Node word = child(map, "mx_security"); word.IsDefined())
    seen.mx.lookup.security = yaml_.word(word, kSecurityWords);
  if (const YAML::Node http = child(map, "http"); http.IsDefined()) {
    yaml_.check_keys(http, {"status", "location"});
    seen.clear_text = PolicyFetchAttempt{.http_status = yaml_.value(child(http, "status"), 0),
                                         .location = yaml_.value<std::string>(child(http, "location"), "")};
  }
  for (const auto& one : child(map, "targets")) {
    const ReportTargetObservation target = report_target(yaml_.value<std::string>(one.first, ""), one.second);
    seen.report_targets.push_back(std::make_shared<const ReportTargetObservation>(target));
  }
  if (child(map, "spoiled").IsDefined()) seen.spoiled = yaml_.value<std::string>(child(map, "spoiled"), "");
  return seen;
}

}  // namespace mtasts::test
