// What DNSSEC and TLSA records make of an MX host: whether DANE applies, and whether the host passes it.
// Next: classify.h, which joins it with the rest; probes/net/dane_check.h, which matched the certificates.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "probes/core/classify.h"

namespace mtasts {

/// What DNSSEC says of a host's addresses: that of the answers that brought any, the worst of both families; of the
/// failed lookups where none did.
DnsSecurity security_of(const AddressObservation& seen);

/// The lookup among them that is bogus; nullptr without one.
const DnsLookup* bogus_lookup(const AddressObservation& seen);

/// The end of a host's CNAME chain, the host itself without one.
std::string expanded_name(const AddressObservation& seen, const std::string& host);

/// The records that authenticate a host: those of a secure answer; none while DNS says or hides anything else.
std::span<const TlsaRecord> secure_records(const std::optional<TlsaObservation>& tlsa);

/// The sessions whose certificates the TLSA records are about.
const std::vector<SmtpObservation>& dane_sessions(const MxHostObservation& seen);

/// Judges one MX host by RFC 7672, names of the next-hop domain aside, and adds faults and findings to `verdict`.
/// Input: `verdict` holds nothing of DANE yet; `previous` lends what a failed lookup hides.
void judge_dane(const MxHostObservation& seen, const MxVerdict* previous, MxVerdict& verdict);

/// Is it one of the three types of DANE (RFC 8460 section 4.3.2.1)? No MTA-STS policy is asked about them.
bool is_dane_fault(const Fault& fault);

/// Does a host that DANE applies to pass it for mail to `domain`? nullopt where DANE does not apply, nobody saw its
/// certificates, or it hangs on what nobody knows. Input: `mx`, what DNSSEC says of the domain's MX records: unless
/// they are secure, the domain is no name to look for (RFC 7672 section 3.2.3).
std::optional<bool> passes_dane(const DaneVerdict& dane, const std::string& domain, DnsSecurity mx);

/// Why `require_dane` is not met by a host; "" when it is, when nobody knows, and where the fault has another name.
std::string_view dane_required_reason(const DaneVerdict& dane, DnsSecurity mx);

}  // namespace mtasts
