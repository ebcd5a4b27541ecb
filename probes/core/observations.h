// Plain structs of what was seen on the wire: facts, no verdicts.
// Next: classify.h, which turns them into verdicts; probes/net, which fills them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "probes/core/ip_address.h"
#include "probes/core/report_target.h"
#include "probes/core/tlsa_record.h"

namespace mtasts {

using UnixTime = std::chrono::sys_seconds;
using Milliseconds = std::chrono::milliseconds;

/// How a lookup ended. servfail is any answer but NOERROR and NXDOMAIN, and any answer that cannot be read.
enum class DnsStatus : std::uint8_t { answered, nodata, nxdomain, servfail, timeout };

/// What DNSSEC says of an answer (RFC 4035 section 4.3). unchecked: by configuration nobody is asked for it;
/// indeterminate: who is asked does not say, for now.
enum class DnsSecurity : std::uint8_t { unchecked, indeterminate, insecure, secure, bogus };

struct DnsLookup {
  DnsStatus status{DnsStatus::timeout};
  bool resolver_down{};                              // it failed, and no DNS server of ours answered anything
  DnsSecurity security{DnsSecurity::indeterminate};  // bogus only with servfail
  std::optional<std::chrono::seconds> ttl{};         // the largest seen along the CNAME chain
  std::string canonical_name{};                      // the end of the CNAME chain, the name asked for without one
  std::vector<std::string> aliases{};  // what the chain's CNAMEs point at, in order; the last is canonical_name
  std::string server{};                // "ADDRESS:PORT" that answered, "" when none did
  std::string explanation{};           // why it failed, in the words of whoever validates; "" when it says nothing
};

struct TxtObservation {
  DnsLookup lookup{};
  std::vector<std::string> records{};  // one element per record, strings joined
};

struct MxRecord {
  std::uint16_t preference{};
  std::string host{};  // lower case, no final dot; "" is the root of a null MX (RFC 7505)

  bool operator==(const MxRecord&) const = default;
};

struct MxSetObservation {
  DnsLookup lookup{};
  std::vector<MxRecord> records{};  // as answered
};

struct AddressObservation {
  std::optional<DnsLookup> ipv4{};  // nullopt: that family was not asked for
  std::optional<DnsLookup> ipv6{};
  std::vector<IpAddress> addresses{};  // IPv4 first, each family in answer order
};

/// The TLSA records of an MX host.
struct TlsaObservation {
  std::string base_domain{};  // RFC 7672 section 2.2.2: the records are at _25._tcp below it, and it is the name in SNI
  DnsLookup lookup{};
  std::vector<TlsaRecord> records{};
};

/// Where in a session something went wrong.
enum class NetStage { connect, greeting, hello, starttls, handshake, request, response, after_tls };

/// What went wrong. `no_route` and `local` (no descriptors, no memory) are trouble on our side, never the
/// peer's fault.
enum class NetError {
  address_refused,  // a special-purpose address; see special_purpose_block
  refused,
  timeout,
  reset,
  closed,
  unreachable,
  tls_alert,
  tls_version,
  tls_error,  // bytes that are not TLS, or broken TLS
  protocol,   // bytes that are not the protocol, over-long lines
  too_large,
  no_route,  // this machine has no connectivity of that address family
  local,
};

struct NetFailure {
  NetStage stage{NetStage::connect};
  NetError error{NetError::local};
  std::string text{};  // the system's or OpenSSL's own words
};

/// One certificate as sent by the peer. Names are RFC 2253 strings with everything outside printable ASCII escaped.
struct Certificate {
  std::string subject{};
  std::string issuer{};
  std::string serial{};  // hexadecimal
  std::string sha256{};  // of the DER form, hexadecimal, lower case
  UnixTime not_before{};
  UnixTime not_after{};
  std::vector<std::string> dns_names{};  // SAN DNS-IDs
  std::string key_type{};                // "RSA", "EC", "ED25519", …
  int key_bits{};
  std::string signature{};  // signature algorithm's long name
  bool self_issued{};
  std::string pem{};  // RFC 7468; "" for one too large to be kept
};

/// What is wrong with a certificate or its path, before anyone decides what to call it.
enum class CertificateFault {
  expired,
  not_yet_valid,
  name_mismatch,
  no_san,
  self_signed,     // the leaf is its own issuer and not trusted
  unknown_ca,      // the path ends in a self-issued certificate that is not trusted
  missing_issuer,  // the path ends before a self-issued certificate
  chain_error,     // signature, purpose, name constraints, critical extensions, …
};

struct CertificateProblem {
  CertificateFault fault{CertificateFault::chain_error};
  int depth{};  // 0 is the leaf
  std::string text{};
};

/// What TLSA records say of a chain.
struct DaneObservation {
  bool authenticated{};  // some usable record does, names aside; by the strongest digest published of each kind
  std::vector<std::size_t> matching{};   // indexes of the records that would, each alone; empty of a large set
  std::vector<std::size_t> malformed{};  // of those that should hold a certificate or a key and do not
  bool needs_name{};                     // by DANE-TA(2): one of the names must match, too (RFC 7672 section 3.2.3)
  bool names_base_domain{};              // the TLSA base domain does
  std::string common_name{};             // of the leaf: counts where it has no SAN DNS-ID
  std::string problem{};                 // why none does, in OpenSSL's words; "" when one does
};

/// A completed handshake, trusted or not.
struct TlsObservation {
  std::string version{};  // "TLSv1.3"
  std::string cipher{};
  std::vector<Certificate> chain{};            // as sent, leaf first
  std::vector<CertificateProblem> problems{};  // everything found, in order of depth
  bool path_built{};                           // a path to a trust anchor exists (it may hold expired certificates)
  std::optional<UnixTime> not_after{};         // earliest along the path built, the leaf's when none was
  bool public_issuance{};                      // leaf has SCTs, a CA/Browser Forum policy or an AIA caIssuers URL
  bool issuer_seen_elsewhere{};                // the missing issuer was an intermediate of another verified path
  std::string key_sha256{};                    // of the leaf's SubjectPublicKeyInfo, as in a TLSA record 3 1 1
  std::optional<DaneObservation> dane{};       // nullopt: there were no TLSA records to match
};

/// HTTPS GET of the policy at one address.
struct PolicyFetchAttempt {
  IpAddress address{};
  std::optional<TlsObservation> tls{};
  std::optional<NetFailure> failure{};
  int http_status{};  // 0: no response came
  // Of these three 512 octets at most, everything outside printable ASCII as \xHH.
  std::string content_type{};
  std::string location{};                             // of a redirect, which is never followed
  std::string server{};                               // Server header, for people
  std::string body{};                                 // at most the size limit
  std::string body_sha256{};                          // hexadecimal, lower case; "" without a complete body
  std::optional<std::chrono::seconds> clock_ahead{};  // our clock minus the response's Date, if a server set that now
  Milliseconds lasted{};                              // the connection, from SYN to end; our own lateness taken off
};

struct PolicyObservation {
  AddressObservation lookup{};
  std::vector<PolicyFetchAttempt> attempts{};  // one per address, in order of lookup.addresses
};

/// SMTP session with one address of an MX host, up to QUIT.
struct SmtpObservation {
  IpAddress address{};
  bool connected{};
  std::optional<int> greeting_code{};  // 220 is the only good one
  std::optional<int> hello_code{};     // reply to EHLO, or to HELO where EHLO was refused
  bool starttls_offered{};
  std::optional<int> starttls_code{};  // reply to STARTTLS; 220 is the only good one
  bool bytes_after_starttls{};         // something came in clear text behind the 220
  bool hello_after_tls{};              // EHLO inside TLS was answered 250
  std::optional<TlsObservation> tls{};
  std::optional<NetFailure> failure{};
  std::vector<std::string> transcript{};  // "C: …" and "S: …" lines, bounded, control characters escaped
  Milliseconds lasted{};                  // as in PolicyFetchAttempt
};

struct MxHostObservation {
  std::string host{};
  AddressObservation lookup{};
  std::optional<TlsaObservation> tlsa{};    // nullopt: not asked for, as its addresses are not secure
  std::vector<SmtpObservation> sessions{};  // one per address probed
  // The same with the TLSA base domain in SNI, where it is another name than the host's (RFC 7672 section 8.1).
  std::vector<SmtpObservation> base_domain_sessions{};
  std::size_t addresses_skipped{};  // beyond max_addresses
  UnixTime ended{};
  Milliseconds duration{};
  std::optional<std::string> spoiled{};  // our own trouble, in words: nothing above may change a verdict
};

/// TCP connection and TLS handshake with one address; nothing is asked.
struct HandshakeAttempt {
  IpAddress address{};
  std::optional<TlsObservation> tls{};
  std::optional<NetFailure> failure{};
  Milliseconds lasted{};  // as in PolicyFetchAttempt
};

/// Where a TLS-RPT record sends reports: a mailbox's domain, or an HTTPS host.
struct ReportTargetObservation {
  ReportTarget target{};
  MxSetObservation mx{};                     // of a mailbox's domain
  AddressObservation lookup{};               // of an HTTPS host, and of a mailbox's domain without MX records
  std::vector<HandshakeAttempt> attempts{};  // of an HTTPS host: up to the first that leaves nothing to be desired
  std::optional<std::string> spoiled{};      // as in MxHostObservation
};

struct DomainObservation {
  std::string domain{};
  TxtObservation sts{};
  TxtObservation tlsrpt{};
  MxSetObservation mx{};
  std::optional<PolicyObservation> policy{};  // nullopt: not fetched this time (five-minute rule, RFC 8461 section 3.3)
  std::optional<PolicyFetchAttempt> clear_text{};  // the policy's path over http; nullopt: not looked at, as by senders
  // One object serves all domains that name the target. A target that is missing was not looked at.
  std::vector<std::shared_ptr<const ReportTargetObservation>> report_targets{};
  UnixTime ended{};
  Milliseconds dns_duration{};
  Milliseconds policy_duration{};
  Milliseconds total_duration{};
  std::optional<std::string> spoiled{};  // as in MxHostObservation
};

}  // namespace mtasts
